"""Series of the Bitcoin Research Kit per UTC day, as its interface serves several at once: a CSV or JSON.

The CSV has the series' names and, where it was asked for, `date`; null is an empty field. JSON is an array with an
object per series in the order they were asked for, without names: `version`, `index`, `type`, `start`, `end`, `stamp`,
`data`. A `version` is raised when a series is computed anew from its first day. Day 0 is 2009-01-01. An error is an
object `error` with `code` and `message`. After the source of server 0.11.2 and client 0.12.2.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ingestion.errors import PageRefused
from ingestion.formats import bounds
from ingestion.formats.daily_csv import DAY
from ingestion.printable import printable

DATE = "date"
DAY_0 = date(2009, 1, 1)
MAX_BYTES = 16 * 2**20
"""Of a page: eleven series of 6,500 days have 1.3 MB."""


@dataclass(frozen=True)
class DaySeries:
    """Series side by side.

    Attributes:
        names: of the series without `date`; empty for JSON, which has none.
        days: in the order served.
        texts: a row per day with the figure of each series; empty for null.
        vintage: the sum of the versions of all series, which grows when one is computed anew; None for CSV.
    """

    names: tuple[str, ...]
    days: tuple[date, ...]
    texts: tuple[tuple[str, ...], ...]
    vintage: int | None = None


def parse(content: bytes) -> DaySeries:
    """The series of a CSV or JSON.

    Raises:
        PageRefused: neither, an error, no day, or rows, days or series that do not fit together.
    """
    if len(content) > MAX_BYTES:
        raise refused(f"it has {len(content):,} bytes, which no page of series has")
    try:
        text = content.decode("utf-8-sig")
        return _json(text) if text.lstrip()[:1] in ("[", "{") else _csv(text)
    except (UnicodeDecodeError, csv.Error):
        raise refused("it is not a CSV or JSON in UTF-8") from None


def refused(what: str) -> PageRefused:
    """The error for a page; `what` says what is wrong."""
    return PageRefused(f"{what}: look at the page, and ask again later.")


def _csv(text: str) -> DaySeries:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = (tuple(field.strip() for field in line) for line in lines)
    filled = (row for row in rows if any(row))
    names = next(filled, ())
    if names.count(DATE) != 1 or len({*names}) != len(names):
        raise refused(f"its first line is {','.join(names)[:80]!r}, expected date and names of series")
    if not text.endswith(("\n", "\r")):
        raise refused("its last line has no end, so it was cut off")
    at = names.index(DATE)
    days, texts = list[date](), list[tuple[str, ...]]()
    for row in filled:
        if len(row) != len(names):
            raise refused(f"the line of {bounds.shown(row[0])} has {len(row)} fields, expected {len(names)}")
        days.append(_date(row[at]))
        texts.append((*row[:at], *row[at + 1 :]))
    return _checked(DaySeries((*names[:at], *names[at + 1 :]), tuple(days), tuple(texts)))


def _json(text: str) -> DaySeries:
    try:
        found = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise refused("it is JSON that breaks off or does not parse") from None
    if isinstance(found, dict):
        error = found.get("error")
        what = f"an error: {error.get('code')}, {error.get('message')}" if isinstance(error, dict) else "one object"
        raise refused(f"it is {printable(what)[:150]}, expected an array of series")
    series = [_members(each) for each in found]
    if len({each[:2] for each in series}) != 1:
        raise refused("its series are not of the same days")
    (start, _, dates, _), *others = series
    days = [_date(text) for text in dates]
    if days != [DAY_0 + timedelta(start + at) for at in range(len(days))]:
        raise refused(f"its dates do not follow each other from day {start} on, which is {_day_of(start)}")
    vintage = sum(version for *_, version in series)
    texts = tuple(zip(*(data for _, _, data, _ in others), strict=True)) if others else ()
    return _checked(DaySeries((), tuple(days), texts, vintage))


def _members(series: Any) -> tuple[int, int, list[str], int]:
    """First day, day after the last, figures as text and version of a series."""
    lacking = refused("it has a series without version, start, end and a figure for each day between")
    try:
        start, end, version = (int(series[name]) for name in ("start", "end", "version"))
        data = ["" if each is None else each for each in series["data"]]
        is_by_day = series["index"] == "day1"
    except (KeyError, TypeError, ValueError):
        raise lacking from None
    if not is_by_day or end - start != len(data) or not all(isinstance(each, str) for each in data):
        raise lacking
    return start, end, data, version


def _checked(page: DaySeries) -> DaySeries:
    """A page with a day, whose days run up; one that comes twice with the same figures counts once."""
    rows = dict[date, tuple[str, ...]]()
    for day, texts in zip(page.days, page.texts, strict=True):
        if rows.setdefault(day, texts) != texts:
            raise refused(f"it has {day} twice with different figures")
    if not rows:
        raise refused("it has no day")
    if not bounds.are_in_order([*rows]):
        raise refused("its days run neither up nor down")
    return DaySeries(page.names, tuple(rows), tuple(rows.values()), page.vintage)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        raise refused(f"expected a day like 2025-11-04, got {bounds.shown(text)}") from None


def _day_of(number: int) -> str:
    return str(DAY_0 + timedelta(number)) if abs(number) < 100_000 else "no day"


def columns(page: DaySeries, names: Sequence[str]) -> dict[str, list[str]]:
    """The figures of each series: those of `names` in the order they were asked for, and more where a CSV has more.

    Raises:
        PageRefused: one is not there.
    """
    found = page.names or tuple(names)
    width = len(page.texts[0])
    if lacking := [name for name in names if name not in found]:
        raise refused(f"it lacks {', '.join(lacking)}")
    if width != len(found):
        raise refused(f"it has {width} series, expected {len(found)}")
    return dict(zip(found, _transposed(page.texts), strict=True))


def _transposed(rows: Iterable[tuple[str, ...]]) -> list[list[str]]:
    return [list(column) for column in zip(*rows, strict=True)]
