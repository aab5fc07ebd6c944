"""Errors of reading an account chain."""

from ingestion.errors import IngestionError


class WrongChain(IngestionError):
    """The provider serves another chain than was asked for, or none that is known here."""


class AnswerRefused(IngestionError):
    """An answer that is an error or cannot be trusted: less at a time may help, and another time where it is passing.

    Attributes:
        is_passing: whether the same request may be answered well later.
    """

    def __init__(self, words: str, is_passing: bool = True):
        super().__init__(words)
        self.is_passing = is_passing
