"""What `status` and `doctor` look at."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import ModuleType

import duckdb
import polars as pl

from ingestion.errors import IngestionError
from ingestion.http import Http
from ingestion.lake import CAPTURE_SCHEMA, CAPTURES, observation_schema
from ingestion.refresh import last_readings
from ingestion.sources import nyse
from orchestration import publish
from orchestration.resources import DBT_PROJECT, Home, Settings
from orchestration.sources import SOURCES

GRACE = timedelta(hours=36)
"""From the start of a day to when its figures are overdue: 87 % of fund days are complete after 30 h."""
FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class SourceState:
    """Where one source stands. Times are UTC without zone; `state` is ok, stale, failed or empty."""

    source: str
    mode: str
    captured_at: datetime | None
    observed_at: datetime | None
    newest: date | None
    is_complete: bool | None
    due_at: datetime | None
    state: str
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, and a sentence that says what it is or what to do."""

    is_well: bool
    sentence: str


def source_states(home: Home, at: datetime) -> list[SourceState]:
    """Each source's state at a time; only a live source can be stale."""
    readings = {reading.source: reading for reading in last_readings(home.lake)}
    complete = _newest_complete(home)
    return [_source_state(home, source, readings.get(source.SOURCE), complete, at) for source in SOURCES]


def findings(home: Home) -> str:
    """How many findings about publishers of each kind the published build holds; empty where there are none."""
    counted = (publish.manifest(home) or {}).get("findings", [])
    return ", ".join(f"{finding['rows']:,} {finding['kind']}" for finding in counted)


def machine(home: Home) -> Iterator[Finding]:
    """Whether the home can be written to, has room, and what stands published."""
    try:
        home.check_writable()
    except OSError as error:
        yield Finding(False, f"{home.root} cannot be written to ({error.strerror}): choose another with --home DIR.")
    else:
        free = shutil.disk_usage(home.root).free
        yield Finding(True, f"home is {home.root.resolve()}")
        yield Finding(
            free >= FREE_BYTES,
            f"{free / 1024**3:.1f} GiB are free there{'' if free >= FREE_BYTES else ': make room, 2 GiB are needed.'}",
        )
    yield Finding(DBT_PROJECT.is_dir(), f"dbt project at {DBT_PROJECT}")
    yield Finding(True, ", ".join(f"{name} {number}" for name, number in publish.versions().items()))
    manifest = publish.manifest(home)
    yield Finding(True, f"published: {manifest['build_id'] if manifest else 'nothing yet, run `flowhouse build`'}")


def publishers(settings: Settings, day: date) -> Iterator[Finding]:
    """Ask every publisher for the newest page of each resource, and say what it was; nothing is stored."""
    http = Http(settings.contact)
    for source in SOURCES:
        for resource in source.RESOURCES:
            name = f"{source.SOURCE}/{resource}"
            try:
                served = next(iter(source.fetch(http, resource, frozenset(), day)))
                rows = source.frame(source.parse(served.content), resource)
                yield Finding(True, f"{name}: {rows.height:,} figures up to {rows['value_date'].max()}")
            except StopIteration:
                yield Finding(False, f"{name}: nothing is published there; compare the address with the publisher's.")
            except IngestionError as error:
                yield Finding(False, f"{name}: {error}")


def _source_state(home: Home, source: ModuleType, reading, complete: dict[str, date], at: datetime) -> SourceState:
    captures = home.lake.read(source.SOURCE, CAPTURES, CAPTURE_SCHEMA).filter(pl.col("refusal").is_null())
    rows = home.lake.read(source.SOURCE, source.TABLE, observation_schema(source.KEY))
    newest = rows["value_date"].max()
    is_live = reading is not None and reading.mode == "live"
    due_at = _due_at(home, source, newest) if is_live and newest else None
    failures = reading.failures if reading else ()
    is_complete = complete[source.SOURCE] >= newest if source.SOURCE in complete and newest else None
    is_stale = is_live and (due_at is None or at > due_at)
    state = "failed" if failures else "stale" if is_stale else "ok" if newest else "empty"
    mode = reading.mode if reading else ""
    observed_at, captured_at = rows["observed_at"].max(), captures["fetched_at"].max()
    return SourceState(source.SOURCE, mode, captured_at, observed_at, newest, is_complete, due_at, state, failures)


def _due_at(home: Home, source: ModuleType, newest: date) -> datetime:
    """When a figure for the day after the newest one is overdue."""
    if source.NEWEST == "same_day":
        following = newest + timedelta(days=1)
    else:
        sessions = home.lake.read(nyse.SOURCE, nyse.TABLE, nyse.SCHEMA)["session_date"]
        later = sessions.filter(sessions > newest)
        following = later.min() if len(later) else newest + timedelta(days=1)
    return datetime.combine(following, time()) + GRACE


def _newest_complete(home: Home) -> dict[str, date]:
    """The newest session that is complete in every market a source covers, from the published warehouse."""
    if publish.latest(home) is None:
        return {}
    with duckdb.connect(str(publish.warehouse(home)), read_only=True) as con:
        rows = con.sql(
            "select source, min(newest) from ("
            " select source, asset, max(case when is_complete then trade_date end) as newest"
            " from marts.etf_market_flows_daily where source = 'farside' group by source, asset"
            ") as markets group by source having min(newest) is not null"
        ).fetchall()
    return dict(rows)
