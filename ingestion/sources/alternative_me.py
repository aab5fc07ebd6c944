"""The Crypto Fear & Greed Index per day, as alternative.me states it.

What: its JSON interface with the whole history, newest first: value 0..100, its name, the day as a timestamp.
Limits: an index of several inputs whose weights changed over time; three days of April 2018 and 2024-10-26 are
missing in the recorded history; a missing day has no meaning.
Exercised: on recorded bytes of the whole history; not live.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, cast

import polars as pl

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds
from ingestion.source import Cadence, Fetcher, PublisherSource, cell_schema

KEY = {"value_date": pl.Date(), "metric": pl.String()}
URL = "https://api.alternative.me/fng/?limit=0&format=json"


class Entry(NamedTuple):
    """One day, as served: value "0".."100", its name such as "Extreme Fear", seconds since 1970."""

    value: str
    value_classification: str
    timestamp: str


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history as it is now, from one address.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    yield http.get(URL)


def parse(content: bytes) -> list[Entry]:
    """The entries, in the order served.

    Raises:
        PageRefused: not JSON, an error in its metadata, no entry, or an entry without one of its three fields.
    """
    if bounds.is_too_large(content):
        raise _refused(f"{len(content):,} bytes, which no history of days has")
    try:
        # numbers stay text, as served and unrounded
        page: dict[str, Any] = json.loads(content, parse_int=str, parse_float=str)
        error, entries = page["metadata"]["error"], page["data"]
    except (ValueError, RecursionError, LookupError, TypeError):
        raise _refused("something other than JSON with data and metadata") from None
    if error:
        raise _refused(f"the error {bounds.shown(str(error))}")
    if not entries or not isinstance(entries, list):
        raise _refused("no entry")
    return [_entry(entry) for entry in cast(list[object], entries)]


def frame(rows: list[Entry], resource: str) -> pl.DataFrame:
    """Cells `index_value` (0 to 100) and `classification` (text only) of each day.

    Raises:
        PageRefused: a value that is not a whole number from 0 to 100, a timestamp other than 00:00 UTC, or a day served
            twice with different figures or out of order.
    """
    days: dict[date, Entry] = {}
    for row in rows:
        value_date = _day(row.timestamp)
        if days.setdefault(value_date, row) != row:
            raise _refused(f"{value_date} twice with different figures")
    if not bounds.are_in_order([_day(row.timestamp) for row in rows]):
        raise _refused("days that run neither up nor down")
    cells: list[tuple[date, str, str, float | None]] = []
    for value_date, row in days.items():
        cells.append((value_date, "index_value", row.value, _value(row.value, value_date)))
        cells.append((value_date, "classification", row.value_classification, None))
    return pl.DataFrame(cells, schema=cell_schema(KEY), orient="row")


def _entry(served: object) -> Entry:
    fields = cast(dict[str, object], served) if isinstance(served, dict) else {}
    texts = [text.strip() for text in map(fields.get, Entry._fields) if isinstance(text, str) and text.strip()]
    if len(texts) < len(Entry._fields):
        raise _refused(f"an entry without {', '.join(Entry._fields)}")
    return Entry(*texts)


def _day(timestamp: str) -> date:
    if not re.fullmatch("[0-9]{1,10}", timestamp):
        raise _refused(f"the timestamp {bounds.shown(timestamp)}")
    at = datetime(1970, 1, 1) + timedelta(seconds=int(timestamp))
    if at.time() != datetime.min.time():
        raise _refused(f"an entry at {at} UTC, expected 00:00")
    return at.date()


def _value(text: str, value_date: date) -> float:
    if not re.fullmatch("[0-9]{1,3}", text) or int(text) > 100:
        raise _refused(f"the value {bounds.shown(text)} on {value_date}, expected a whole number from 0 to 100")
    return float(text)


def _refused(what: str) -> PageRefused:
    return PageRefused(f"alternative.me served {what}: look at the archived page, and fetch again once it is fixed.")


SOURCE = PublisherSource(
    name="alternative_me",
    table="fng",
    description=__doc__,
    terms="No redistribution terms found; the site asks, as far as known, for attribution wherever it is shown."
    " Fetching is opt-in.",
    ext="json",
    key=KEY,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=12)),
    resources=("fng",),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
