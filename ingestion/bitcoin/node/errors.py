"""Errors of reading a running node."""

from ingestion.errors import IngestionError


class PrunedBlock(IngestionError):
    """The node has deleted a block that is needed."""
