"""Errors of asking over HTTP. Their texts hold no secrets."""

from ingestion.errors import FetchFailed, IngestionError


class NotPublished(FetchFailed):
    """The publisher answered 404: there is nothing at this address, or not yet."""


class NodeUnreachable(IngestionError):
    """The node did not answer, was busy for too long, or broke off."""


class NodeRefused(IngestionError):
    """The node answered, but not with what was asked for."""
