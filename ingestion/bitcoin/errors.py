"""Errors of reading a UTXO chain, over any transport."""

from ingestion.errors import IngestionError


class NotADataFolder(IngestionError):
    """The folder has no block files."""


class WrongNetwork(IngestionError):
    """The files or the node belong to another network than the one requested."""


class MissingBlocks(IngestionError):
    """The files lack blocks between genesis and the tip."""


class MissingUndo(IngestionError):
    """A block of the chain has no undo record."""


class DamagedFile(IngestionError):
    """A block or undo file has bytes that no node writes."""


class UnreadableFile(IngestionError):
    """The system does not let a block or undo file be read."""


class NodeBehind(IngestionError):
    """The node has only the beginning of the chain that the lake holds."""
