"""Errors of reading a UTXO chain, by whatever transport."""

from ingestion.errors import IngestionError


class NotADataFolder(IngestionError):
    """There are no block files where they were looked for."""


class WrongNetwork(IngestionError):
    """The files or the node are those of another network than the one asked for."""


class MissingBlocks(IngestionError):
    """Blocks between genesis and the tip are not in the files."""


class MissingUndo(IngestionError):
    """A block of the chain has no undo record."""


class DamagedFile(IngestionError):
    """Bytes of a block or undo file are not what a node writes there."""
