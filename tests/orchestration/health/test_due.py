"""When figures are expected, on made sessions."""

from datetime import date, datetime, timedelta

import pytest

from ingestion import registry
from ingestion.source import Cadence, PublisherSource
from orchestration.health import due
from orchestration.health.due import Due, Session

# Wednesday, then Thanksgiving, a half day and a weekend
WEDNESDAY, FRIDAY, MONDAY = date(2025, 11, 26), date(2025, 11, 28), date(2025, 12, 1)
SESSIONS = [
    Session(WEDNESDAY, datetime(2025, 11, 26, 21)),
    Session(FRIDAY, datetime(2025, 11, 28, 18)),
    Session(MONDAY, datetime(2025, 12, 1, 21)),
]
FUNDS = Cadence(days="session", ask_after=timedelta(0), late_after=timedelta(hours=15), funds="asset")
BARS = Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=12))


NOT_PUBLISHED_AGAIN = ("hyperliquid_adl",)
"""One evening's figures."""


def test_every_publisher_has_a_cadence_and_no_users_file_has_one():
    for source in registry.sources():
        is_expected = isinstance(source, PublisherSource) and source.name not in NOT_PUBLISHED_AGAIN
        assert (source.cadence is not None) == is_expected, source.name


def test_a_session_is_due_from_its_close_holidays_and_half_days_included():
    assert due.next_due(FUNDS, WEDNESDAY, SESSIONS) == Due(
        FRIDAY, datetime(2025, 11, 28, 18), datetime(2025, 11, 29, 9)
    )
    assert due.next_due(FUNDS, date(2025, 11, 27), SESSIONS) == due.next_due(FUNDS, WEDNESDAY, SESSIONS)
    assert due.next_due(FUNDS, MONDAY, SESSIONS) is None


def test_a_day_in_utc_is_due_once_it_is_over():
    assert due.next_due(BARS, date(2025, 11, 3), []) == Due(
        date(2025, 11, 4), datetime(2025, 11, 5, 0, 10), datetime(2025, 11, 5, 12)
    )


@pytest.mark.parametrize(
    ("cadence", "at", "day"),
    [
        (FUNDS, datetime(2025, 11, 28, 17, 59), WEDNESDAY),
        (FUNDS, datetime(2025, 11, 28, 18), FRIDAY),
        (FUNDS, datetime(2025, 11, 26, 20), None),
        (BARS, datetime(2025, 11, 28, 0, 0), date(2025, 11, 27)),
        (BARS, datetime(2025, 11, 28, 23, 59), date(2025, 11, 27)),
    ],
)
def test_the_newest_day_that_is_over(cadence, at, day):
    assert due.newest_ended_day(cadence, at, SESSIONS) == day


LISTED = [("A", date(2024, 1, 11), None), ("B", date(2024, 1, 11), WEDNESDAY), ("C", FRIDAY, None)]


@pytest.mark.parametrize(
    ("reported", "read_at", "complete", "missing"),
    [
        ({WEDNESDAY: "AB", FRIDAY: "A"}, datetime(2025, 11, 28, 20), WEDNESDAY, "C"),
        ({WEDNESDAY: "AB", FRIDAY: "AC"}, datetime(2025, 11, 28, 20), FRIDAY, ""),
        # figures that were seen before the close may change
        ({WEDNESDAY: "AB", FRIDAY: "AC"}, datetime(2025, 11, 28, 17), WEDNESDAY, ""),
        # a day that is never complete gives way to the next
        ({WEDNESDAY: "A", FRIDAY: "AC"}, datetime(2025, 11, 28, 20), FRIDAY, ""),
        ({WEDNESDAY: "A", FRIDAY: "C"}, datetime(2025, 11, 28, 20), None, "A"),
        ({}, datetime(2025, 11, 28, 20), None, "AC"),
        # a fund that is not listed counts for nothing
        ({WEDNESDAY: "ABX", FRIDAY: "AX"}, datetime(2025, 11, 28, 20), WEDNESDAY, "C"),
        ({}, datetime(2025, 11, 1), None, ""),
    ],
)
def test_a_session_is_complete_once_every_listed_fund_has_reported(reported, read_at, complete, missing):
    by_day = {day: frozenset(tickers) for day, tickers in reported.items()}
    assert due.newest_complete_session(by_day, LISTED, SESSIONS, read_at) == (complete, frozenset(missing))


@pytest.mark.parametrize(
    ("cadence", "complete", "at", "reason"),
    [
        (
            FUNDS,
            WEDNESDAY,
            datetime(2025, 11, 28, 17, 59),
            "no session has closed since: every listed fund has reported for 2025-11-26, and 2025-11-28 closes at 18:00"
            " UTC",
        ),
        (FUNDS, WEDNESDAY, datetime(2025, 11, 28, 18), None),
        (FUNDS, MONDAY, datetime(2025, 12, 2), None),
        (
            BARS,
            date(2025, 11, 3),
            datetime(2025, 11, 5, 0, 9),
            "figures of 2025-11-03 are in, and those of 2025-11-04 are asked for from 2025-11-05 00:10 UTC",
        ),
        (BARS, date(2025, 11, 3), datetime(2025, 11, 5, 0, 10), None),
    ],
)
def test_a_schedule_is_told_why_it_need_not_ask(cadence, complete, at, reason):
    assert due.why_not_asked(cadence, complete, due.next_due(cadence, complete, SESSIONS), at) == reason
