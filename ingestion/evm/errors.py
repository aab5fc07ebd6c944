"""Errors of reading an account chain."""

from ingestion.errors import IngestionError


class WrongChain(IngestionError):
    """The provider serves another chain than the one requested, or an unknown one."""


class AnswerRefused(IngestionError):
    """An answer that is an error or cannot be trusted. A smaller request may succeed.

    Attributes:
        is_passing: whether the same request may succeed later.
        code: the error's code in JSON-RPC; None where it has none.
    """

    def __init__(self, message: str, is_passing: bool = True, code: int | None = None):
        super().__init__(message)
        self.is_passing = is_passing
        self.code = code
