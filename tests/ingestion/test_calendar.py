from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import calendar
from ingestion.lake.tables import Lake

HOLIDAYS = {
    date(2024, 1, 1),  # New Year's Day
    date(2024, 1, 15),  # Martin Luther King Jr. Day
    date(2024, 2, 19),  # Washington's Birthday
    date(2024, 3, 29),  # Good Friday
    date(2024, 5, 27),  # Memorial Day
    date(2024, 6, 19),  # Juneteenth
    date(2024, 7, 4),  # Independence Day
    date(2024, 9, 2),  # Labor Day
    date(2024, 11, 28),  # Thanksgiving Day
    date(2024, 12, 25),  # Christmas Day
    date(2025, 1, 1),
    date(2025, 1, 9),  # National Day of Mourning for Jimmy Carter
    date(2025, 1, 20),
    date(2025, 2, 17),
    date(2025, 4, 18),
    date(2025, 5, 26),
    date(2025, 6, 19),
    date(2025, 7, 4),
    date(2025, 9, 1),
    date(2025, 11, 27),
    date(2025, 12, 25),
}
SHORT_DAYS = {
    date(2024, 7, 3),
    date(2024, 11, 29),
    date(2024, 12, 24),
    date(2025, 7, 3),
    date(2025, 11, 28),
    date(2025, 12, 24),
}


@pytest.fixture(scope="module")
def two_years():
    return calendar.sessions(date(2024, 1, 1), date(2025, 12, 31))


def session(day):
    return calendar.sessions(day, day).row(0, named=True)


def test_sessions_are_the_weekdays_that_are_no_holidays(two_years):
    days = [date(2024, 1, 1) + timedelta(n) for n in range(731)]
    expected = [day for day in days if day.weekday() < 5 and day not in HOLIDAYS]
    assert two_years["session_date"].to_list() == expected
    assert two_years.schema == calendar.SCHEMA


def test_short_days_close_at_one(two_years):
    local = two_years["closes_at"].dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    closes = dict(zip(two_years["session_date"], local.dt.hour(), strict=True))
    assert {day for day, hour in closes.items() if hour == 13} == SHORT_DAYS
    assert {hour for day, hour in closes.items() if day not in SHORT_DAYS} == {16}


def test_hours_are_new_york_hours_in_utc():
    assert session(date(2025, 7, 2))["closes_at"] == datetime(2025, 7, 2, 20)
    assert session(date(2025, 7, 3))["closes_at"] == datetime(2025, 7, 3, 17)
    assert session(date(2025, 11, 28))["closes_at"] == datetime(2025, 11, 28, 18)


def test_opening_moves_in_utc_when_new_york_changes_its_clocks():
    opens = {day: session(day)["opens_at"] for day in (date(2025, 3, 7), date(2025, 3, 10), date(2025, 11, 3))}
    assert opens == {
        date(2025, 3, 7): datetime(2025, 3, 7, 14, 30),
        date(2025, 3, 10): datetime(2025, 3, 10, 13, 30),
        date(2025, 11, 3): datetime(2025, 11, 3, 14, 30),
    }


def test_neighbours_are_named_across_closures_and_range_ends(two_years):
    assert session(date(2025, 1, 8))["next_session_date"] == date(2025, 1, 10)
    assert session(date(2025, 1, 10))["previous_session_date"] == date(2025, 1, 8)
    assert two_years["previous_session_date"][0] == date(2023, 12, 29)
    assert two_years["next_session_date"][-1] == date(2026, 1, 2)
    assert session(date(2001, 9, 10))["next_session_date"] == date(2001, 9, 17)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2025, 1, 9), date(2025, 1, 9)),
        (date(2025, 1, 11), date(2025, 1, 12)),
        (date(2025, 1, 10), date(2025, 1, 8)),
    ],
)
def test_a_range_without_sessions_is_typed(first, last):
    found = calendar.sessions(first, last)
    assert found.is_empty()
    assert found.schema == calendar.SCHEMA


@settings(max_examples=15, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2025, 12, 31)), st.integers(0, 40))
def test_a_range_is_a_part_of_a_longer_one(two_years, first, days):
    last = min(first + timedelta(days), date(2025, 12, 31))
    part = two_years.filter(two_years["session_date"].is_between(first, last))
    assert calendar.sessions(first, last).equals(part)


def test_sessions_are_computed_when_the_lake_does_not_reach_the_end_of_next_year(tmp_path, monkeypatch):
    asked = []

    def sessions(first, last):
        asked.append((first, last))
        return pl.DataFrame({"session_date": [last]})

    monkeypatch.setattr(calendar, "sessions", sessions)
    lake = Lake(tmp_path)
    first = calendar.read_sessions(lake, date(2025, 11, 3))
    assert calendar.read_sessions(lake, date(2025, 12, 31)).equals(first)
    assert calendar.read_sessions(lake, date(2026, 1, 1))["session_date"].max() == date(2027, 12, 31)
    assert asked == [(date(2024, 1, 1), date(2026, 12, 31)), (date(2024, 1, 1), date(2027, 12, 31))]
