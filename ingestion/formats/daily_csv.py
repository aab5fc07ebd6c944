"""A CSV of daily figures: a header, then one line per day that begins with the day, as 2025-11-04.

Users' own series have this format, and so do those of some publishers. Errors name column and day; the caller adds the
name of the file.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from ingestion.errors import PageRefused
from ingestion.formats import bounds

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?")


class Line(NamedTuple):
    """One line of the file, as text: the day and its figures."""

    day: str
    texts: tuple[str, ...]


class Figures(NamedTuple):
    """The figures of one day, as text and as numbers of at least 0."""

    texts: tuple[str, ...]
    numbers: tuple[Decimal, ...]


def parse(content: bytes, columns: Sequence[str]) -> list[Line]:
    """The lines below the header, in the file's order. A byte order mark, CRLF and blank lines are allowed.

    Raises:
        PageRefused: not UTF-8, another header than `columns`, a line with more or fewer fields, or no line.
    """
    if bounds.is_too_large(content):
        raise refused(f"it has {len(content):,} bytes, which no file of days has")
    try:
        text = content.decode("utf-8-sig")
        lines = [*_lines(csv.reader(io.StringIO(text, newline="")), columns)]
    except (UnicodeDecodeError, csv.Error):
        raise refused("it is not a CSV in UTF-8") from None
    if not lines:
        raise refused("it has no day")
    return lines


def _lines(fields: Iterable[list[str]], columns: Sequence[str]) -> Iterator[Line]:
    """The lines below the header, one by one: a file of junk is refused at its first line."""
    stripped = ([field.strip() for field in line] for line in fields)
    filled = (line for line in stripped if any(line))
    header = next(filled, [])
    if header != [*columns]:
        raise refused(f"its first line is {','.join(header)[:80]!r}, expected {','.join(columns)!r}")
    for day, *texts in filled:
        if len(texts) != len(columns) - 1:
            raise refused(f"the line of {bounds.shown(day)} has {len(texts) + 1} fields, expected {len(columns)}")
        yield Line(day, tuple(texts))


def figures(lines: Iterable[Line], columns: Sequence[str]) -> dict[date, Figures]:
    """The figures of each day; a day that appears twice with the same numbers counts once.

    Raises:
        PageRefused: a date or number that does not parse, a negative number, or a day twice with different numbers.
    """
    days: dict[date, Figures] = {}
    for line in lines:
        day = day_of(line.day)
        named = zip(columns[1:], line.texts, strict=True)
        found = Figures(line.texts, tuple(_number(text, f"{name} on {day}") for name, text in named))
        if days.setdefault(day, found).numbers != found.numbers:
            raise refused(f"it has {day} twice with different figures")
    return days


def refused(what: str) -> PageRefused:
    """The error for a file; `what` says what is wrong."""
    return PageRefused(f"{what}: fix the file, then ingest it again.")


def day_of(text: str) -> date:
    """The day that a line begins with.

    Raises:
        PageRefused: it is none.
    """
    try:
        return date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        raise refused(f"expected a day like 2025-11-04, got {bounds.shown(text)}") from None


def _number(text: str, where: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise refused(f"{where} is {bounds.shown(text)}, expected a number of at least 0")
    return Decimal(text)
