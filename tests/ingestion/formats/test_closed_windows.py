import re
from datetime import date, datetime, timedelta

import pytest

from ingestion.archive import Served
from ingestion.errors import FetchFailed, PageRefused
from ingestion.formats.closed_windows import fetch_windows, windows

HOUR = timedelta(hours=1)
FIRST = date(2025, 1, 1)


def address(start, end):
    return f"https://made/{start:%Y-%m-%dT%H}_{end:%Y-%m-%dT%H}"


def starts(content):
    return [datetime.fromisoformat(line) for line in content.decode().split()]


class Venue:
    """Has every hour, and answers with so many at most: the first of those asked for, or the last."""

    def __init__(self, limit=1000, newest=False, until=datetime(2030, 1, 1), broken=()):
        self.limit, self.newest, self.until, self.broken = limit, newest, until, broken
        self.asked = []

    def get(self, url):
        self.asked.append(url)
        if url in self.broken:
            raise FetchFailed(f"{url} answered 500.")
        start, end = (datetime.fromisoformat(text + ":00") for text in re.findall(r"\d{4}-\d\d-\d\dT\d\d", url))
        hours = [start + HOUR * n for n in range(int((min(end, self.until) - start) / HOUR))]
        served = hours[-self.limit :] if self.newest else hours[: self.limit]
        return Served(url, " ".join(hour.isoformat() for hour in served).encode(), datetime(2025, 3, 3))

    def fetched(self, day=date(2025, 1, 3), archived=(), first=FIRST):
        return [*fetch_windows(self, address, starts, dict.fromkeys(archived, ""), first, day, HOUR)]


def test_months_are_asked_for_once_they_are_closed_and_days_before_that():
    spans = [(start.date().isoformat(), end.date().isoformat()) for start, end in windows(FIRST, date(2025, 3, 3))]
    assert spans == [
        ("2025-01-01", "2025-02-01"),
        ("2025-02-01", "2025-03-01"),
        ("2025-03-01", "2025-03-02"),
        ("2025-03-02", "2025-03-03"),
    ]
    assert [*windows(FIRST, FIRST)] == []
    assert len([*windows(FIRST, date(2025, 2, 1))]) == 1


def test_what_was_read_is_not_asked_for_again():
    first = address(datetime(2025, 1, 1), datetime(2025, 1, 2))
    assert [served.url for served in Venue().fetched(archived=[first])] == [
        address(datetime(2025, 1, 2), datetime(2025, 1, 3))
    ]


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("limit", [5, 23, 24, 1000])
def test_a_full_answer_is_completed_and_never_cut(limit, newest):
    found = Venue(limit, newest).fetched(day=date(2025, 1, 2))
    hours = [hour for served in found for hour in starts(served.content)]
    assert sorted(hours) == [datetime(2025, 1, 1, hour) for hour in range(24)]
    # the window's own answer is last: where one that completes it fails, the window is asked for again
    assert found[-1].url == address(datetime(2025, 1, 1), datetime(2025, 1, 2))


def test_a_window_whose_completion_fails_is_not_taken():
    venue = Venue(limit=20, broken=[address(datetime(2025, 1, 1, 20), datetime(2025, 1, 2))])
    with pytest.raises(FetchFailed):
        venue.fetched(day=date(2025, 1, 2))


def test_an_answer_without_periods_is_left_out():
    found = Venue(until=datetime(2025, 1, 1, 3)).fetched(day=date(2025, 1, 3))
    assert [len(starts(served.content)) for served in found] == [3]


def test_an_answer_about_other_times_is_refused():
    class Repeats(Venue):
        """Answers with the same page, whatever is asked."""

        def get(self, url):
            return Served(
                url, super().get(address(datetime(2025, 1, 1), datetime(2025, 1, 2))).content, datetime(2025, 1, 3)
            )

    found = fetch_windows(Repeats(), address, starts, {}, FIRST, date(2025, 1, 3), HOUR)
    assert next(found).url == address(datetime(2025, 1, 1), datetime(2025, 1, 2))
    with pytest.raises(PageRefused, match="https://made/2025-01-02T00_2025-01-03T00 answered with 2025-01-01"):
        next(found)
