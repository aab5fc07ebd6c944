"""Errors of requests and streams. Their texts have no secrets."""

from ingestion.errors import FetchFailed, IngestionError


class NotPublished(FetchFailed):
    """The publisher answered 404: nothing is at this address, or not yet."""


class NodeUnreachable(IngestionError):
    """The node did not answer, stayed busy, or broke off."""


class NodeRefused(IngestionError):
    """The node answered, but refused the request or returned something else."""


class StreamLost(IngestionError):
    """A stream could not be connected to, broke off or fell silent; what it said until then was heard."""
