"""The state of each chain: what the lake has of it, whether it was asked, and whether its newest block is old."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

import polars as pl

from ingestion.bitcoin import ledger as coins
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import LakeDamaged
from ingestion.evm import ledger as events
from ingestion.lake.tables import UNREADABLE, Lake
from ingestion.refresh import RefreshResult
from orchestration.home import Home
from orchestration.settings import Settings

# Bitcoin finds a block in 10 minutes on average: 3 hours without one come once in a thousand years. Account chains
# finalize within half an hour. Chains are read every hour.
LATE_AFTER = timedelta(hours=4)
"""Age of the newest block from which a chain is late."""

WITHOUT_RHYTHM = ("regtest", "anvil")
"""Networks whose blocks come when their user likes."""


@dataclass(frozen=True)
class ChainState:
    """The state of one chain. Times are UTC without zone.

    Attributes:
        name: source and network, `bitcoin/main`.
        transport: how its blocks came.
        asked_at: when its node or provider was last asked.
        newest: UTC day of the newest block.
        due_at: from when the newest block is too old; None for a chain that is not configured, or has no rhythm.
        late_hours: hours since then, 0 before.
        sentences: what is wrong, in words.
    """

    name: str
    network: str
    transport: str
    asked_at: datetime | None
    first_height: int | None
    height: int | None
    newest: date | None
    finalized_height: int | None
    due_at: datetime | None
    late_hours: float
    state: Literal["ok", "late", "failed", "lost", "empty"]
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Blocks:
    """Which blocks the lake has of a chain."""

    transport: str = ""
    first_height: int | None = None
    height: int | None = None
    newest: date | None = None
    finalized_height: int | None = None


def chain_states(
    home: Home,
    settings: Settings,
    readings: Mapping[str, RefreshResult],
    losses: Mapping[str, Sequence[str]],
    at: datetime,
) -> list[ChainState]:
    """Each chain that the lake has, that is configured, or that gave blocks when it was asked.

    Args:
        readings: how asks went, by source and network.
        losses: sentences on what the lake lost, likewise.
    """
    held = {
        **{(coins.SOURCE, network): _coin_blocks(home.lake, network) for network in NETWORKS},
        **{(events.SOURCE, network): _event_blocks(home.lake, network) for network in _event_networks(home.lake)},
    }
    configured = {
        *((coins.SOURCE, network) for network in settings.bitcoin),
        *((events.SOURCE, network) for network in settings.evm),
    }
    # A node that failed and was then taken out of the settings is nobody's failure any more; blocks read before are.
    asked = {
        tuple(name.split("/"))
        for name in (*(name for name, result in readings.items() if result.captures), *losses)
        if name.startswith(("bitcoin/", "evm/"))
    }
    names = [name for name in held if held[name] or name in configured | asked]
    names += sorted((configured | asked) - {*names})
    return [
        _state(
            home, source, network, held.get((source, network)), (source, network) in configured, readings, losses, at
        )
        for source, network in names
    ]


def _state(
    home: Home,
    source: str,
    network: str,
    held: Blocks | None,
    is_configured: bool,
    readings: Mapping[str, RefreshResult],
    losses: Mapping[str, Sequence[str]],
    at: datetime,
) -> ChainState:
    name = f"{source}/{network}"
    blocks, result = held or Blocks(), readings.get(name)
    lost, failures = tuple(losses.get(name, ())), result.standing_failures if result else ()
    due_at = None
    if is_configured and not home.is_sample and network not in WITHOUT_RHYTHM:
        due_at = _due_at(blocks, result)
    late_by = max(at - due_at, timedelta(0)) if due_at else timedelta(0)
    late = (_why_late(blocks, result),) if late_by else ()
    has_blocks = blocks.height is not None
    state = "lost" if lost else "failed" if failures else "late" if late else "ok" if has_blocks else "empty"
    return ChainState(
        name=name,
        network=network,
        transport="sample" if home.is_sample and blocks.transport else blocks.transport,
        asked_at=result.asked_at if result else None,
        first_height=blocks.first_height,
        height=blocks.height,
        newest=blocks.newest,
        finalized_height=blocks.finalized_height,
        due_at=due_at,
        late_hours=round(late_by / timedelta(hours=1), 1),
        state=state,
        sentences=(*lost, *failures, *late),
    )


def _due_at(blocks: Blocks, result: RefreshResult | None) -> datetime | None:
    """A block is as old as its time says, or where only its day is known, as the end of that day or the last ask."""
    if result and result.newest_at:
        return result.newest_at + LATE_AFTER
    if blocks.newest is None:
        return None
    end = datetime.combine(blocks.newest + timedelta(days=1), time())
    return min(end, result.asked_at if result and result.asked_at else end) + LATE_AFTER


def _why_late(blocks: Blocks, result: RefreshResult | None) -> str:
    newest = f"{result.newest_at:%Y-%m-%d %H:%M} UTC" if result and result.newest_at else f"{blocks.newest}"
    asked = f"last asked {result.asked_at:%Y-%m-%d %H:%M} UTC" if result and result.asked_at else "never asked"
    return f"its newest block is of {newest}, {asked}: check the node and whether `flowhouse serve` runs."


def _coin_blocks(lake: Lake, network: str) -> Blocks | None:
    try:
        record = coins.read_record(lake, NETWORKS[network])
        if record.tip_height is None:
            return None
        days = coins.blocks_daily(lake, record).select(pl.min("first_height"), pl.max("value_date"))
        return Blocks(record.transport, *_first_and_last(days, record.tip_height), record.finalized_height)
    except (*UNREADABLE, LakeDamaged):  # named among the losses
        return None


def _event_blocks(lake: Lake, network: str) -> Blocks | None:
    try:
        record = events.read_record(lake, network)
        coverage = events.read(lake, record, "coverage")
        if not coverage.height:
            return None
        first, last, newest = coverage.select(pl.min("from_block"), pl.max("to_block"), pl.max("to_value_date")).row(0)
        return Blocks("rpc", first, last, newest, record.final_number)
    except (*UNREADABLE, LakeDamaged):
        return None


def _first_and_last(days: pl.DataFrame, height: int) -> tuple[int, int, date]:
    first, newest = days.row(0)
    return first, height, newest


def _event_networks(lake: Lake) -> list[str]:
    """Networks of the account chains in the lake: a record beside theirs says how an ask went."""
    return [network for network in events.networks(lake) if not network.endswith(".reading")]
