"""Who was told what of the home's state: changes of `status`, told once to each address, as `build/watch.json` notes.

At least once: a process that is killed after an address was told and before that was noted tells it again. One that
cannot be told is told next time, of what has changed for it since it last was. A state that came and went meanwhile is
not told.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from filelock import Timeout

from orchestration.health import alerts, status
from orchestration.health.status import Status
from orchestration.home import Home
from orchestration.settings import Settings

RECORD = "watch.json"
WELL = "ok"
MAX_SENTENCES = 5
"""Sentences about one source in a message."""


@dataclass(frozen=True)
class Transition:
    """A change of state.

    Attributes:
        subject: a source, a chain (`bitcoin/main`), `build`, `claims`, `warehouse` or `archive`.
        before, after: states: ok, late, failed, lost; for `claims` and `archive` with what they are about.
        sentence: what is wrong now, in words.
    """

    subject: str
    before: str
    after: str
    sentence: str


@dataclass(frozen=True)
class _Subject:
    """A state, and why."""

    state: str
    sentence: str


def observe(home: Home, settings: Settings, at: datetime) -> list[Transition]:
    """Tell each address what has changed since it was last told; returns what has changed since the last call.

    Two processes do not tell at the same time: the later one waits, and finds nothing left to tell.
    """
    return look(home, settings, at)[0]


def look(home: Home, settings: Settings, at: datetime) -> tuple[list[Transition], Status | None]:
    """The same with the state that was found; None where another process told somebody all the time."""
    try:
        with home.watch_lock():
            found = status.read(home, settings, at)
            return _observe(home, settings, found, at), found
    except Timeout:  # whoever holds it will tell, and what it does not the next one does
        return [], None


def _observe(home: Home, settings: Settings, found: Status, at: datetime) -> list[Transition]:
    now = _subjects(found, settings.alerts.late_after_hours)
    record = home.read_state(RECORD) or {}
    told: dict[str, Any] = dict(record.get("addresses") or {})
    seen = record.get("states") or {}
    changes = _transitions(seen, now)
    states = {subject: each.state for subject, each in now.items() if each.state != WELL}
    urls = alerts.addresses(settings)
    keys = {alerts.key(url) for url in urls}
    told = {key: states for key, states in told.items() if key in keys}
    _store(home, states, told, at)
    for url in urls:
        key = alerts.key(url)
        pending = _transitions(told.get(key, {}), now)
        if pending and alerts.send(url, *_message(settings, pending, states)):
            told[key] = states
            _store(home, states, told, at)
    return changes


def _store(home: Home, states: Mapping[str, str], told: Mapping[str, Any], at: datetime) -> None:
    record = {"states": dict(states), "addresses": dict(told)}
    before = home.read_state(RECORD) or {}
    if {name: before.get(name) for name in record} != record:
        home.write_state(RECORD, record | {"at": at.isoformat()})


def _subjects(found: Status, late_after_hours: float) -> dict[str, _Subject]:
    """The state of everything that may be alerted of; what is late by less than the setting is not late yet."""
    subjects: dict[str, _Subject] = {}
    for name, each in ((s.source, s) for s in found.sources):
        subjects[name] = _subject(each.state, each.sentences, each.late_hours, late_after_hours)
    for name, each in ((c.name, c) for c in found.chains):
        subjects[name] = _subject(each.state, each.sentences, each.late_hours, late_after_hours)
    warehouse = found.warehouse
    lost = warehouse.sentences if warehouse.state == "lost" else ()
    reason, changed = warehouse.last_build_failure, warehouse.verdicts_changed
    subjects["warehouse"] = _Subject("lost" if lost else WELL, _shortened(lost))
    subjects["build"] = _Subject("failed" if reason else WELL, f"the last build failed: {reason}" if reason else "")
    noun = "claims have another verdict" if changed != 1 else "claim has another verdict"
    claims = f"{changed} {noun} than expected: look at `flowhouse claims`."
    subjects["claims"] = _Subject(f"{changed} changed" if changed else WELL, claims if changed else "")
    problems = warehouse.archive_check.problems if warehouse.archive_check else ()
    digest = hashlib.sha256("\n".join(sorted(problems)).encode()).hexdigest()[:12]
    subjects["archive"] = _Subject(f"damaged {digest}" if problems else WELL, _shortened(problems))
    return subjects


def _subject(state: str, sentences: tuple[str, ...], late_hours: float, late_after_hours: float) -> _Subject:
    is_bad = state in ("failed", "lost") or (state == "late" and late_hours > late_after_hours)
    return _Subject(state, _shortened(sentences)) if is_bad else _Subject(WELL, "")


def _shortened(sentences: tuple[str, ...]) -> str:
    more = len(sentences) - MAX_SENTENCES
    return " ".join((*sentences[:MAX_SENTENCES], *([f"And {more} more."] if more > 0 else [])))


def _transitions(before: Mapping[str, str], now: dict[str, _Subject]) -> list[Transition]:
    """What differs; a subject that is no longer there, such as a chain that was removed, is well again."""
    gone = {subject: _Subject(WELL, "") for subject in before if subject not in now}
    return [
        Transition(subject, before.get(subject, WELL), each.state, each.sentence)
        for subject, each in (now | gone).items()
        if each.state != before.get(subject, WELL)
    ]


def _message(settings: Settings, changes: list[Transition], states: Mapping[str, str]) -> tuple[str, str]:
    """Title and body of an alert, without any secret."""
    lines = [
        f"{each.subject} is well again." if each.after == WELL else f"{each.subject}: {_word(each)}. {each.sentence}"
        for each in changes
    ]
    bad = [f"{each.subject} {_word(each)}" for each in changes if each.after != WELL]
    if not states:
        title, lines = "flowhouse: all well again", [*lines, "All is well again."]
    else:
        title = f"flowhouse: {', '.join(bad) or f'{len(changes)} well again'}"
        still = [subject for subject in states if subject not in {each.subject for each in changes}]
        lines += [f"Still not well: {', '.join(still)}."] if still else []
    return alerts.redacted(settings, title)[:200], alerts.redacted(settings, "\n".join(lines))


def _word(change: Transition) -> str:
    return change.after.split(" ")[0] if change.subject == "archive" else change.after
