"""When a source's next figures are expected: one rule for `status`, alerts, checks and schedules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from ingestion.source import Cadence


class Session(NamedTuple):
    """A NYSE session; `closes_at` in UTC without zone."""

    day: date
    closes_at: datetime


@dataclass(frozen=True)
class Due:
    """The next day whose figures are expected.

    Attributes:
        ask_at: from when they can be out, UTC without zone.
        late_at: from when they are late.
    """

    day: date
    ask_at: datetime
    late_at: datetime


def next_due(cadence: Cadence, complete_day: date, sessions: Sequence[Session]) -> Due | None:
    """When the figures of the day after the newest complete one are expected; None where no session is known after it.

    Args:
        sessions: in order.
    """
    end = _next_end(cadence, complete_day, sessions)
    return None if end is None else Due(end[0], end[1] + cadence.ask_after, end[1] + cadence.late_after)


def newest_ended_day(cadence: Cadence, at: datetime, sessions: Sequence[Session]) -> date | None:
    """The newest day that had ended by then."""
    if cadence.days == "utc_day":
        return at.date() - timedelta(days=1)
    return max((session.day for session in sessions if session.closes_at <= at), default=None)


def newest_complete_session(
    reported: Mapping[date, frozenset[str]],
    listed: Sequence[tuple[str, date, date | None]],
    sessions: Sequence[Session],
    read_at: datetime,
) -> tuple[date | None, frozenset[str]]:
    """The newest session that was over at `read_at` and for which every listed fund had reported, as the marts count.

    Args:
        reported: tickers by session.
        listed: ticker, first and last session of each fund that the source covers; None for one still listed.

    Returns:
        The session, None for none; and the tickers that had not reported for the newest one that was over.
    """
    missing_newest: frozenset[str] | None = None
    for session in sorted((session for session in sessions if session.closes_at <= read_at), reverse=True):
        expected = {ticker for ticker, first, last in listed if first <= session.day <= (last or session.day)}
        missing = frozenset(expected - reported.get(session.day, frozenset()))
        missing_newest = missing if missing_newest is None else missing_newest
        if expected and not missing:
            return session.day, missing_newest
    return None, missing_newest or frozenset()


def why_not_asked(cadence: Cadence, complete_day: date, due: Due | None, at: datetime) -> str | None:
    """Why a schedule need not ask for figures now; None where it should."""
    if due is None or at >= due.ask_at:
        return None
    have = (
        f"every listed fund has reported for {complete_day}" if cadence.funds else f"figures of {complete_day} are in"
    )
    if cadence.days == "session":
        return f"no session has closed since: {have}, and {due.day} closes at {due.ask_at:%H:%M} UTC"
    return f"{have}, and those of {due.day} are asked for from {due.ask_at:%Y-%m-%d %H:%M} UTC"


def _next_end(cadence: Cadence, day: date, sessions: Sequence[Session]) -> tuple[date, datetime] | None:
    """The next day and its end."""
    if cadence.days == "utc_day":
        return day + timedelta(days=1), datetime.combine(day + timedelta(days=2), time())
    return next(((session.day, session.closes_at) for session in sessions if session.day > day), None)
