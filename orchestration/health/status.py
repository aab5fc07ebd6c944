"""The state of each source, of each chain and of the warehouse, for `flowhouse status` and for alerts."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from ingestion import registry
from ingestion.lake.tables import UNREADABLE, Lake
from ingestion.refresh import RefreshResult, last_readings
from ingestion.source import Source
from orchestration import own_seeds
from orchestration.health import completeness, due, integrity
from orchestration.health.chains import ChainState, chain_states
from orchestration.health.due import Session
from orchestration.health.warehouse import WarehouseState, warehouse_state
from orchestration.home import Home
from orchestration.settings import Settings

State = Literal["ok", "late", "failed", "lost", "empty"]


@dataclass(frozen=True)
class SourceState:
    """The state of one source. Times are UTC without zone.

    Attributes:
        asked_at: when captures were last gathered.
        captured_at: when the newest capture that was read was fetched.
        observed_at: when a figure last changed.
        newest: the newest day with a figure.
        is_complete: whether nothing is missing up to the newest day that was over by then; None where nobody promises.
        due_at: from when the figures after those are late; None where they never are.
        late_hours: hours since then, 0 before.
        sentences: what is wrong, in words.
        repaired: what was built again from the archive within the last day.
    """

    source: str
    mode: str
    asked_at: datetime | None
    captured_at: datetime | None
    observed_at: datetime | None
    newest: date | None
    is_complete: bool | None
    due_at: datetime | None
    late_hours: float
    state: State
    sentences: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """The state of a home."""

    sources: tuple[SourceState, ...]
    chains: tuple[ChainState, ...]
    warehouse: WarehouseState

    @property
    def is_well(self) -> bool:
        """Whether nothing is late, failed, lost, or empty that had rows."""
        states = [each.state for each in (*self.sources, *self.chains, self.warehouse)]
        return {*states} <= {"ok", "empty"} and self.warehouse.is_archive_well


def read(home: Home, settings: Settings, at: datetime) -> Status:
    """The state of a home at a time; only looks."""
    losses: defaultdict[str, list[str]] = defaultdict(list)
    for name, sentence in integrity.losses(home):
        losses[name].append(sentence)
    readings = {result.source: result for result in last_readings(home.lake)}
    sessions = completeness.sessions(home.lake, at)
    sources = [
        _source_state(home, source, settings, readings.get(source.name), losses.pop(source.name, []), sessions, at)
        for source in registry.sources()
    ]
    # one that is asked by choice only, and was not chosen, has nothing to say
    silent = {each.name for each in registry.sources() if each.is_opt_in and not settings.asks(each)}
    sources = [each for each in sources if each.state != "empty" or each.source not in silent]
    if own := readings.get(own_seeds.SOURCE):
        sources.append(_own_seeds_state(own))
    chains = chain_states(home, settings, readings, losses, at)
    named = {chain.name for chain in chains}
    rest = [sentence for name, sentences in losses.items() if name not in named for sentence in sentences]
    return Status(tuple(sources), tuple(chains), warehouse_state(home, rest, at))


def _source_state(
    home: Home,
    source: Source[Any],
    settings: Settings,
    result: RefreshResult | None,
    losses: list[str],
    sessions: list[Session],
    at: datetime,
) -> SourceState:
    covered = _coverage(home.lake, source, sessions)
    # Whether a lake is the sample's takes 5 ms to find out, and most sources are asked by nobody.
    is_due = settings.asks(source) and not home.is_sample
    following = _due(source, covered, sessions) if is_due else None
    late_by = max(at - following.late_at, timedelta(0)) if following else timedelta(0)
    failures = result.standing_failures if result else ()
    late = [_why_late(following, covered)] if following and late_by else []
    state: State = "lost" if losses else "failed" if failures else "late" if late else "ok" if covered.rows else "empty"
    is_complete = None
    if source.cadence and covered.read_at:
        is_complete = covered.complete_day == due.newest_ended_day(source.cadence, covered.read_at, sessions)
    return SourceState(
        source=source.name,
        mode=result.mode if result else "",
        asked_at=result.asked_at if result else None,
        captured_at=covered.read_at,
        observed_at=covered.observed_at,
        newest=covered.newest,
        is_complete=is_complete,
        due_at=following.late_at if following else None,
        late_hours=round(late_by / timedelta(hours=1), 1),
        state=state,
        sentences=(*losses, *failures, *late),
        repaired=result.repaired if result else (),
    )


def _own_seeds_state(result: RefreshResult) -> SourceState:
    """The user's own files, which are never due."""
    state: State = "failed" if result.failures else "ok"
    return SourceState(
        result.source, result.mode, result.at, None, None, None, None, None, 0.0, state, sentences=result.failures
    )


def _coverage(lake: Lake, source: Source[Any], sessions: list[Session]) -> completeness.Coverage:
    try:
        return completeness.read(lake, source, sessions)
    except UNREADABLE:  # named among the losses
        return completeness.Coverage()


def _due(source: Source[Any], covered: completeness.Coverage, sessions: list[Session]) -> due.Due | None:
    """When the next figures are expected: after the newest complete day, or else after the newest one."""
    day = covered.complete_day or covered.newest
    return due.next_due(source.cadence, day, sessions) if source.cadence and day else None


def _why_late(following: due.Due, covered: completeness.Coverage) -> str:
    expected = f"figures of {following.day} were expected by {following.late_at:%Y-%m-%d %H:%M} UTC"
    if covered.newest and covered.newest >= following.day and covered.missing:
        return f"{expected}: {', '.join(sorted(covered.missing))} had not reported."
    return f"{expected}: ask for them with `flowhouse build --live`, or look at the publisher's page."
