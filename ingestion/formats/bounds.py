"""What a page of daily figures may cost and claim at most, whoever served it."""

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

MAX_BYTES = 5_000_000
"""Of a page: 25 times the largest recorded one, a workbook; 40 MB of junk took 32 s and 1.8 GB to refuse."""

MAX_NUMBER_LENGTH = 40
"""Characters of a number: one of some hundred digits is infinite as a float, and takes its time before that."""

SHOWN_LENGTH = 40
"""How much of a text that nobody expected is shown."""

HTML = re.compile(rb"<!doctype html|<html[\s/>]", re.IGNORECASE)


def is_too_large(content: bytes) -> bool:
    """Whether a page is larger than any that is read."""
    return len(content) > MAX_BYTES


def shown(text: str) -> str:
    """The start of a text that nobody expected, quoted, for a sentence."""
    return repr(text[:SHOWN_LENGTH])


def are_in_order(days: Sequence[date]) -> bool:
    """Whether days run one way, up or down, as publishers write them; a mistyped one among them does not."""
    steps = list(pairwise(days))
    return all(one <= next_ for one, next_ in steps) or all(one >= next_ for one, next_ in steps)


def is_html(content: bytes) -> bool:
    """Whether a page is HTML, as a challenge is that stands in the place of data."""
    return HTML.search(content, 0, 1000) is not None
