"""Interest rates, the dollar, oil and shares per day, from FRED and ALFRED (Federal Reserve Bank of St. Louis).

What: a CSV per series, `observation_date,DGS10`, as it is now; and vintages, the same as it was known at the end of a
day, `observation_date,DGS10_20251104`, of the days around both crashes.
Limits: what a vintage knew is ALFRED's word, seen when it was fetched; FRED's own page becomes a vintage of the day on
which a figure was first seen. Holidays are blank. Rates come a day late, the dollar index weekly. A series that ALFRED
does not keep has no vintages. Both are said to leave clients unanswered whose name they do not know.
Exercised: on recorded figures of January 2026 in files rebuilt around them; vintages on made bytes only; nothing live.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds
from ingestion.source import Cadence, Fetcher, RowSource
from ingestion.transport.errors import NotPublished

UNITS = {
    "DCOILBRENTEU": "USD per barrel",
    "DCOILWTICO": "USD per barrel",
    "DFF": "percent per year",
    "DGS10": "percent per year",
    "DGS2": "percent per year",
    "DGS30": "percent per year",
    "DTWEXBGS": "index, January 2006 = 100",
    "FEDFUNDS": "percent per year",
    "SP500": "index",
    "T10Y2Y": "percentage points",
    "VIXCLS": "index",
    "WALCL": "million USD",
}
"""The series that are asked for, and the unit of each."""

VINTAGES = (date(2025, 10, 10), date(2025, 11, 4), date(2025, 11, 5))
"""Days whose knowledge is asked for: those of both crashes and the day after the second."""

FIRST_DAY = date(2024, 1, 1)
"""Earlier days, back to 1919, are left out: US spot funds began that month."""

FRED = "https://fred.stlouisfed.org/graph/fredgraph.csv?id={series}&cosd={first}"
ALFRED = "https://alfred.stlouisfed.org/graph/alfredgraph.csv?id={series}&cosd={first}&vintage_date={vintage}"

LATEST = "latest"
KEY = {"series_id": pl.String(), "vintage": pl.String(), "value_date": pl.Date()}
VALUES = {"value": pl.Float64(), "unit": pl.String()}

DATE_NAMES = (["observation_date"], ["DATE"])
COLUMN = re.compile(r"([A-Z0-9]+?)(?:_([0-9]{8}))?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
BLANKS = ("", ".")


class Observation(NamedTuple):
    """One figure, as served: the head of its column ("DGS10", "DGS10_20251104"), "2025-11-04", "4.1" or a blank."""

    column: str
    day: str
    value: str


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The series as it is now, then the vintages that were not read before.

    Raises:
        FetchFailed: FRED could not be reached or answered with an error.
    """
    yield http.get(FRED.format(series=resource, first=FIRST_DAY))
    for vintage in VINTAGES:
        url = ALFRED.format(series=resource, first=FIRST_DAY, vintage=vintage)
        if url not in archived and vintage < day:
            with suppress(NotPublished):
                yield http.get(url)


def parse(content: bytes) -> list[Observation]:
    """The figures of a CSV, column by column in each line, in the order served.

    Raises:
        PageRefused: HTML, another header than that of a series, or a line with more or fewer fields.
    """
    if bounds.is_too_large(content):
        raise _refused(f"{len(content):,} bytes, which no series has")
    try:
        lines = [line for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if line]
    except (UnicodeDecodeError, csv.Error):
        raise _refused("bytes that are not a CSV") from None
    header, *rows = lines or [[]]
    if header[:1] not in DATE_NAMES or len(header) < 2:
        raise _refused(f"{bounds.shown(','.join(header))}, expected the header observation_date and a series")
    if wrong := [row for row in rows if len(row) != len(header)]:
        raise _refused(f"the line {bounds.shown(','.join(wrong[0]))}, expected {len(header)} fields")
    columns = [name.strip() for name in header[1:]]
    return [
        Observation(column, row[0].strip(), text.strip())
        for row in rows
        for column, text in zip(columns, row[1:], strict=True)
    ]


def frame(rows: list[Observation], resource: str) -> pl.DataFrame:
    """The figure of each day since January 2024, null where it is blank, in the unit of `UNITS`; sorted.

    Columns: series_id, vintage ("latest", or the day of a vintage as 2025-11-04), value_date, value, unit.

    Raises:
        PageRefused: another series, a day or number that does not parse, a day twice with different figures, or a day
            after the end of its vintage.
    """
    vintages = {column: _vintage(column, resource) for column in {row.column for row in rows}}
    values: dict[tuple[str, date], float | None] = {}
    for row in rows:
        vintage, day, value = vintages[row.column], _day(row.day), _value(row)
        if values.setdefault((vintage, day), value) != value:
            raise _refused(f"{day} twice with different figures")
        if vintage != LATEST and day.isoformat() > vintage:
            raise _refused(f"{day} in the vintage of {vintage}, which cannot have known it")
    kept = sorted((vintage, day) for vintage, day in values if day >= FIRST_DAY)
    framed = [(resource, vintage, day, values[vintage, day], UNITS[resource]) for vintage, day in kept]
    return pl.DataFrame(framed, schema=KEY | VALUES, orient="row")


def check_address(content: bytes, url: str) -> None:
    """Refuses another vintage than its address asks for.

    Raises:
        PageRefused: the page is FRED's where ALFRED was asked, or of another day.
    """
    asked = re.search(r"vintage_date=([0-9-]+)", url)
    found = {_vintage(row.column, row.column.partition("_")[0]) for row in parse(content)}
    if found and found != {asked[1] if asked else LATEST}:
        raise _refused(f"the vintage {', '.join(sorted(found))} at the address of {asked[1] if asked else LATEST}")


def _vintage(column: str, resource: str) -> str:
    """ "latest", or the day that the head of a column names."""
    match = COLUMN.fullmatch(column)
    if not match or match[1] != resource:
        raise _refused(f"the series {bounds.shown(column)}, expected {resource}")
    if match[2] is None:
        return LATEST
    return _day(f"{match[2][:4]}-{match[2][4:6]}-{match[2][6:]}").isoformat()


def _day(text: str) -> date:
    with suppress(ValueError):  # no such day
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    raise _refused(f"{bounds.shown(text)}, expected a day like 2025-11-04")


def _value(row: Observation) -> float | None:
    if row.value in BLANKS:
        return None
    if len(row.value) > bounds.MAX_NUMBER_LENGTH or not NUMBER.fullmatch(row.value):
        raise _refused(f"{bounds.shown(row.value)} on {row.day}, expected a number")
    return float(row.value)


def _refused(what: str) -> PageRefused:
    return PageRefused(f"FRED served {what}: look at the archived page, and fetch again once it is fixed.")


SOURCE = RowSource(
    name="fred",
    table="observations",
    description=__doc__,
    terms="Most series are of the US government and free; SP500 and VIXCLS are their owners' and must not be passed on."
    " FRED asks to be named, and that its site is not asked too often. Fetching is opt-in.",
    ext="csv",
    key=KEY,
    values=VALUES,
    newest="same_day",
    # Shares and rates of a session come in its evening or on the next; a holiday of banks alone takes a day more.
    cadence=Cadence(days="session", ask_after=timedelta(hours=4), late_after=timedelta(days=4)),
    resources=tuple(UNITS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    check_address=check_address,
    is_opt_in=True,
)
