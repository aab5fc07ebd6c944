"""The check `in_time`: whether the figures of a source, or the blocks of its chains, are late as `status` counts."""

from collections.abc import Iterator
from datetime import datetime

from ingestion import registry
from orchestration.health.chains import ChainState
from orchestration.health.status import SourceState, Status
from orchestration.outcome import CHAIN_TABLES, IN_TIME, Event, tables_of_result


def checks(found: Status, at: datetime) -> Iterator[Event]:
    """An evaluation for each source that promises figures, and one for the chains of each kind.

    Args:
        at: the time of `found`, UTC without zone.
    """
    for source in found.sources:
        if registry.source(source.source).cadence:
            yield _check(source.source, [(source.source, source)], at)
    for kind in CHAIN_TABLES:
        yield _check(kind, [(chain.name, chain) for chain in found.chains if chain.name.startswith(f"{kind}/")], at)


def _check(name: str, states: list[tuple[str, SourceState | ChainState]], at: datetime) -> Event:
    late = {each: state for each, state in states if state.due_at and at > state.due_at}
    due = [state.due_at for _, state in states if state.due_at]
    metadata: dict[str, str | float] = {"late_from": f"{min(due).isoformat()}Z"} if due else {"late_from": "never"}
    if late:
        metadata |= {
            "late_hours": max(state.late_hours for state in late.values()),
            # What is late is said last of what is wrong.
            "reason": "\n".join(f"{each}: {state.sentences[-1]}" for each, state in late.items()),
        }
    return Event("check", tables_of_result(name)[0], metadata, check=IN_TIME, passed=not late)
