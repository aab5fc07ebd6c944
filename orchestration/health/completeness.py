"""Up to which day a source's figures are complete in the lake, before any build."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from ingestion import calendar
from ingestion.lake import parts
from ingestion.lake.observations import newest_state, read_log
from ingestion.lake.tables import Lake
from ingestion.refresh import last_readings
from ingestion.source import RowSource, Source
from orchestration import seeds
from orchestration.health import due
from orchestration.health.due import Session
from orchestration.home import Home


@dataclass(frozen=True)
class Coverage:
    """What the lake has of a source. Times are UTC without zone.

    Attributes:
        read_at: when the newest capture that was read was fetched.
        observed_at: when a figure last changed.
        newest: the newest day with a figure.
        complete_day: the newest day that is over and complete.
        missing: tickers of listed funds without a figure of the newest session that was over.
    """

    rows: int = 0
    read_at: datetime | None = None
    observed_at: datetime | None = None
    newest: date | None = None
    complete_day: date | None = None
    missing: frozenset[str] = frozenset()


def read(lake: Lake, source: Source[Any], sessions: Sequence[Session]) -> Coverage:
    """What the lake has of a source.

    Raises:
        PolarsError, OSError: a table cannot be read.
    """
    log = read_log(lake, source.name).filter(pl.col("verdict") == "read")
    if isinstance(source, RowSource):
        return _of_rows(lake, source, log)
    rows = lake.read(source.name, source.table, source.schema)
    if rows.is_empty() or log.is_empty():
        return Coverage(rows.height)
    (read_at,), (observed_at,) = log.select(pl.max("fetched_at")).row(0), rows.select(pl.max("observed_at")).row(0)
    cells = newest_state(rows, source.key).filter(pl.col("value").is_not_null() | pl.col("raw_text").is_not_null())
    (newest,) = cells.select(pl.max("value_date")).row(0)
    complete, missing = _complete_day(source, cells, sessions, read_at)
    return Coverage(rows.height, read_at, observed_at, newest, complete, missing)


def _of_rows(lake: Lake, source: RowSource[Any], log: pl.DataFrame) -> Coverage:
    """What the lake has of a row source; its newest day that is over counts as complete."""
    names = parts.counted_parts(lake, source.name, source.table)
    if not names or log.is_empty():
        return Coverage()
    rows = pl.concat([lake.scan(source.name, source.table, name).select("value_date", "observed_at") for name in names])
    found = rows.select(pl.len(), newest=pl.max("value_date"), observed_at=pl.max("observed_at")).collect()
    (count, newest, observed_at), (read_at,) = found.row(0), log.select(pl.max("fetched_at")).row(0)
    return Coverage(count, read_at, observed_at, newest, min(newest, read_at.date() - timedelta(days=1)))


def sessions(lake: Lake, at: datetime) -> list[Session]:
    """NYSE sessions from 2024 to the end of next year."""
    known = calendar.known_sessions(lake, at.date())
    return [Session(*row) for row in known.select("session_date", "closes_at").iter_rows()]


def asks_now(home: Home, source: Source[Any], at: datetime) -> str | None:
    """Why a schedule need not ask a source now; None where it should.

    A source whose last ask failed is asked again: a page that was refused may have been corrected. A page that was
    complete is not asked for until the next day of figures has ended.
    """
    if source.cadence is None:
        return "nobody can be asked for a user's own files"
    last = next((each for each in last_readings(home.lake) if each.source == source.name), None)
    if home.is_sample or last is None or last.standing_failures:
        return None
    days = sessions(home.lake, at)
    complete = read(home.lake, source, days).complete_day
    if complete is None:
        return None
    return due.why_not_asked(source.cadence, complete, due.next_due(source.cadence, complete, days), at)


def _complete_day(
    source: Source[Any], cells: pl.DataFrame, sessions: Sequence[Session], read_at: datetime
) -> tuple[date | None, frozenset[str]]:
    if source.cadence is None or cells.is_empty():
        return None, frozenset()
    if source.cadence.funds:
        reported, listed = _reported(cells), _listed(cells, source.cadence.funds)
        return due.newest_complete_session(reported, listed, sessions, read_at)
    series = [name for name in source.key if name not in ("value_date", "metric")]
    newest = cells.group_by(series).agg(pl.max("value_date")) if series else cells.select(pl.max("value_date"))
    (day,) = newest.select(pl.min("value_date")).row(0)
    ended = due.newest_ended_day(source.cadence, read_at, sessions)
    return (min(day, ended) if ended else None), frozenset()


def _reported(cells: pl.DataFrame) -> dict[date, frozenset[str]]:
    """Tickers by day for which every metric of the source has a figure."""
    whole = (
        cells.filter(pl.col("value").is_not_null())
        .group_by("value_date", "ticker")
        .agg(metrics=pl.col("metric").n_unique())
        .filter(pl.col("metrics") == cells["metric"].n_unique())
    )
    reported: dict[date, set[str]] = defaultdict(set)
    for day, ticker in whole.select("value_date", "ticker").iter_rows():
        reported[day].add(ticker)
    return {day: frozenset(tickers) for day, tickers in reported.items()}


def _listed(cells: pl.DataFrame, by: str) -> list[tuple[str, date, date | None]]:
    """Funds of the seed that the source covers, from the day it has figures."""
    first = dict(cells.group_by(by).agg(pl.min("value_date")).iter_rows())
    return [
        (row["ticker"], max(date.fromisoformat(row["first_flow_date"]), first[row[by]]), _day(row["last_flow_date"]))
        for row in seeds.read("facts_funds")
        if row[by] in first and row["first_flow_date"]
    ]


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
