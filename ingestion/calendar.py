"""Sessions of the New York Stock Exchange, computed from the maintained library `holidays`.

What: the days and hours of trading, with unscheduled closures (2025-01-09) and short days.
Terms: `holidays` is MIT-licensed; nothing is fetched.
Limits: 09:30 to 16:00, or 13:00 on a short day, holds from 1995 on; the installed
release of the library does not know closures decided after it.
Exercised: computed, so there are no recorded bytes.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl

from ingestion.lake import journal
from ingestion.lake.journal import Check
from ingestion.lake.tables import Lake

SOURCE = "nyse"
TABLE = "sessions"
SCHEMA = {
    "session_date": pl.Date(),
    "opens_at": pl.Datetime("us"),
    "closes_at": pl.Datetime("us"),
    "previous_session_date": pl.Date(),
    "next_session_date": pl.Date(),
}

FIRST_SESSION = date(2024, 1, 1)
"""The first US spot crypto funds began to trade on 2024-01-11."""

NEW_YORK = ZoneInfo("America/New_York")
OPENS, CLOSES, CLOSES_EARLY = time(9, 30), time(16), time(13)

LONGEST_CLOSURE = timedelta(days=14)
"""More than any since 1995; in September 2001 a week lay between two sessions."""


def sessions(first: date, last: date) -> pl.DataFrame:
    """One row per session from `first` to `last`, both included; times in UTC without zone.

    The first row names the session before it, and the last row the one after it.
    """
    import holidays  # 0.9 s of CPU, only where sessions are computed

    begin, end = first - LONGEST_CLOSURE, last + LONGEST_CLOSURE
    # both compute a year when one of its days is first looked up
    closed = holidays.financial_holidays("XNYS")
    short = holidays.financial_holidays("XNYS", categories=("half_day",))
    days = (begin + timedelta(days=n) for n in range((end - begin).days + 1))
    open_days = [day for day in days if day.weekday() < 5 and day not in closed]
    rows = [
        (day, _at(day, OPENS), _at(day, CLOSES_EARLY if day in short else CLOSES), previous, following)
        for (previous, day), (_, following) in pairwise(pairwise(open_days))
        if first <= day <= last
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def known_sessions(lake: Lake, today: date) -> pl.DataFrame:
    """Sessions from 2024 to the end of next year, as the lake has them or computed; only looks."""
    stored = _stored_sessions(lake, today, journal.check(lake, SOURCE, (TABLE,)))
    return _computed_sessions(today) if stored is None else stored


def read_sessions(lake: Lake, today: date) -> pl.DataFrame:
    """Sessions from 2024 to the end of next year, written to the lake where it lacks some."""
    check = journal.check(lake, SOURCE, (TABLE,))
    stored = _stored_sessions(lake, today, check)
    if stored is not None:
        return stored
    known = _computed_sessions(today)
    journal.write(lake, SOURCE, {TABLE: known}, check)
    return known


def _stored_sessions(lake: Lake, today: date, check: Check) -> pl.DataFrame | None:
    """The sessions of the lake; None where they are damaged or end too early."""
    if not check.is_sound:
        return None
    stored = lake.read(SOURCE, TABLE, SCHEMA)
    is_long = not stored.filter(pl.col("session_date") >= _last_day(today) - timedelta(days=7)).is_empty()
    return stored if is_long else None


def _computed_sessions(today: date) -> pl.DataFrame:
    return sessions(FIRST_SESSION, _last_day(today))


def _last_day(today: date) -> date:
    return date(today.year + 1, 12, 31)


def _at(day: date, local: time) -> datetime:
    return datetime.combine(day, local, NEW_YORK).astimezone(UTC).replace(tzinfo=None)
