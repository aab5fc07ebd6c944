"""The state of each source and chain, for `flowhouse status`."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, cast

import duckdb
import polars as pl

from ingestion import calendar, registry
from ingestion.bitcoin.ledger import CoinRecord, blocks_daily, read_record
from ingestion.bitcoin.networks import NETWORKS, Network
from ingestion.evm import ledger as events
from ingestion.lake.observations import observation_schema, read_log
from ingestion.refresh import RefreshResult, last_readings
from ingestion.source import Source
from orchestration.home import Home
from orchestration.publishing import published

GRACE = timedelta(hours=36)
"""Time from the start of a day until its figures are overdue: 87 % of fund days are complete after 30 h."""


@dataclass(frozen=True)
class SourceState:
    """The state of one source. Times are UTC without zone; `state` is ok, stale, failed or empty."""

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
class ChainState:
    """What the lake has of a chain: first and last block, the last final one, and the last transport."""

    network: str
    transport: str
    first_height: int
    height: int
    newest: date
    finalized_height: int | None


def source_states(home: Home, at: datetime) -> list[SourceState]:
    """Each source's state at a time; only a live source can be stale."""
    results = {result.source: result for result in last_readings(home.lake)}
    complete = _newest_complete(home)
    return [_source_state(home, source, results.get(source.name), complete, at) for source in registry.sources()]


def chain_states(home: Home) -> list[ChainState]:
    """Each chain in the lake. A chain has no due time for its next block, so none is ever stale."""
    bitcoin = [_chain_state(home, network, read_record(home.lake, network)) for network in NETWORKS.values()]
    accounts = [
        _account_chain_state(home, network, events.read_record(home.lake, network))
        for network in events.networks(home.lake)
    ]
    return [state for state in (*bitcoin, *accounts) if state]


def findings(home: Home) -> str:
    """The number of findings about publishers, by kind, in the published build; empty where there are none."""
    counted = (published.manifest(home) or {}).get("findings", [])
    return ", ".join(f"{finding['rows']:,} {finding['kind']}" for finding in counted)


def _chain_state(home: Home, network: Network, record: CoinRecord) -> ChainState | None:
    if record.tip_height is None:
        return None
    transport = "sample" if home.is_sample else record.transport
    first, newest = blocks_daily(home.lake, record).select(pl.min("first_height"), pl.max("value_date")).row(0)
    return ChainState(network.name, transport, first, record.tip_height, newest, record.finalized_height)


def _account_chain_state(home: Home, network: str, record: events.EventRecord) -> ChainState | None:
    if record.final_number is None:
        return None
    transport = "sample" if home.is_sample else "rpc"
    coverage = events.read(home.lake, record, "coverage")
    first, last, newest = coverage.select(pl.min("from_block"), pl.max("to_block"), pl.max("to_value_date")).row(0)
    return ChainState(network, transport, first, last, newest, record.final_number)


def _source_state(
    home: Home, source: Source[Any], result: RefreshResult | None, complete: dict[str, date], at: datetime
) -> SourceState:
    captures = read_log(home.lake, source.name).filter(pl.col("refusal").is_null())
    rows = home.lake.read(source.name, source.table, observation_schema(source.key))
    newest, observed_at = rows.select(pl.max("value_date"), pl.max("observed_at")).row(0)
    is_live = result is not None and result.mode == "live"
    due_at = _due_at(home, source, newest) if is_live and newest else None
    failures = result.failures if result else ()
    is_complete = complete[source.name] >= newest if source.name in complete and newest else None
    is_stale = is_live and (due_at is None or at > due_at)
    state = "failed" if failures else "stale" if is_stale else "ok" if newest else "empty"
    mode = result.mode if result else ""
    captured_at = cast(datetime | None, captures["fetched_at"].max())  # Polars types it as any literal
    return SourceState(source.name, mode, captured_at, observed_at, newest, is_complete, due_at, state, failures)


def _due_at(home: Home, source: Source[Any], newest: date) -> datetime:
    """When a figure for the day after the newest one is overdue."""
    following = newest + timedelta(days=1)
    if source.newest == "next_session":
        sessions = home.lake.read(calendar.SOURCE, calendar.TABLE, calendar.SCHEMA)["session_date"]
        following = min(sessions.filter(sessions > newest), default=following)
    return datetime.combine(following, time()) + GRACE


def _newest_complete(home: Home) -> dict[str, date]:
    """The newest session that is complete in every market a source covers, from the published warehouse."""
    if published.latest(home) is None:
        return {}
    with duckdb.connect(str(published.warehouse(home)), read_only=True) as con:
        rows = con.sql(
            "select source, min(newest) from ("
            " select source, asset, max(case when is_complete then trade_date end) as newest"
            " from marts.etf_market_flows_daily where source = 'farside' group by source, asset"
            ") as markets group by source having min(newest) is not null"
        ).fetchall()
    return dict(rows)
