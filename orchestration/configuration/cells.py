"""Checks of cells of a user's CSV. Each gives the cell as it is stored, or raises ValueError with what to write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from orchestration.configuration.choices import nearest


def one_of(*choices: str) -> Callable[[str], str]:
    """A check that a cell is one of some words."""

    def check(text: str) -> str:
        if text not in choices:
            raise ValueError(nearest(text, choices))
        return text

    return check


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """A check that a cell has a form."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"write {expected}")
        return text

    return check


def number(low: int, high: int = 2**31 - 1) -> Callable[[str], str]:
    """A check that a cell is a whole number between two."""

    def check(text: str) -> str:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return str(int(text))

    return check


def day(text: str) -> str:
    """A check that a cell is a date."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("write a day such as 2025-11-03") from None


def address(text: str) -> str:
    """A check that a cell is an address of an account chain; in lower case."""
    return matching("0x[0-9a-f]{40}", "an address, 0x and 40 hexadecimal digits")(text.lower())


@dataclass(frozen=True)
class Column:
    """A column of a file: the check of its cells, and what an empty or missing one means; None where it must not be."""

    check: Callable[[str], str]
    default: str | None = None
