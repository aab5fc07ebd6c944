"""Errors that ingestion names. Each message is one sentence that says what to do."""


class IngestionError(Exception):
    """Base of everything ingestion refuses or fails at; its text is fit to be shown to a user."""


class FetchFailed(IngestionError):
    """A publisher could not be reached, or answered with an error; nothing was stored."""


class ArchiveDamaged(IngestionError):
    """Bytes or provenance in the archive are not what was filed there."""


class PageRefused(IngestionError):
    """A page was served but cannot be trusted as a whole; no cell of it is stored."""


class UsageError(IngestionError):
    """What was asked for cannot be done as asked."""


class ChainMismatch(IngestionError):
    """The node follows a chain that leaves the lake's below what is final."""


class ReorgDuringRead(IngestionError):
    """The chain changed faster than it could be read."""
