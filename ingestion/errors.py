"""Errors of ingestion. Each message is one sentence that says what is wrong and what to do."""


class IngestionError(Exception):
    """Base of ingestion's errors; its text can be shown to a user."""


class FetchFailed(IngestionError):
    """A publisher could not be reached, or answered with an error; nothing was stored."""


class ArchiveDamaged(IngestionError):
    """Bytes or provenance in the archive have changed since they were stored."""


class LakeDamaged(IngestionError):
    """A file of the lake is gone, cannot be read or is not what was written; nothing is changed."""


class StoreFailed(IngestionError):
    """A store of objects cannot be reached, refuses the keys, or answered with an error; nothing there is half done."""


class LakeOvertaken(IngestionError):
    """Another machine wrote to the lake where this one was about to; what it wrote stays."""


class PageRefused(IngestionError):
    """A page was served but cannot be trusted; no cell of it is stored."""


class WouldShrink(IngestionError):
    """Reading a source's captures again would lose much of what the lake holds of it; it stays as it was."""


class UsageError(IngestionError):
    """The command, its options or the settings do not fit."""


class ChainMismatch(IngestionError):
    """The node's chain differs from the lake's in final blocks."""


class ReorgDuringRead(IngestionError):
    """The chain changed faster than it could be read."""
