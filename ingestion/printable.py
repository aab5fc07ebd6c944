"""Texts of others as they may be shown: a page, a provider or a name of a file must not steer a terminal."""

import re

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for tab and new line
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # let a text read in another order than it stands
    "\u2028\u2029"
    "\ud800-\udfff]"  # what a name of a file has that is not UTF-8, which no stream takes
)


def printable(text: str) -> str:
    """A text in which each character that steers a terminal is replaced."""
    return STEERING.sub("\N{REPLACEMENT CHARACTER}", text)
