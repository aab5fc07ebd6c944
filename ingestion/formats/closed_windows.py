"""Histories that a venue serves in windows of time: closed months, and closed days of the month that is not over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.source import Fetcher

Address = Callable[[datetime, datetime], str]
"""Of what began in a window: its first instant, and the first one after it."""


def fetch_windows(
    http: Fetcher,
    address: Address,
    starts: Callable[[bytes], Sequence[datetime]],
    archived: Mapping[str, str],
    first: date,
    day: date,
    step: timedelta,
) -> Iterator[Served]:
    """What was not read before of the windows from `first` until the end of yesterday.

    An answer that does not reach from one end of its window to the other, because a venue serves so many periods and no
    more, is completed by answers for what it lacks; those come first, so that a window is asked for again where one of
    them fails. An answer without periods is left out.

    Args:
        address: of a window.
        starts: when the periods of an answer begin, UTC without zone.
        archived: addresses that were read before.
        step: from one period to the next.

    Raises:
        FetchFailed: the venue could not be reached or answered with an error.
        PageRefused: an answer cannot be read, or has periods outside its window.
    """
    for start, end in windows(first, day):
        if address(start, end) not in archived:
            yield from _pages(http, address, starts, start, end, step)


def windows(first: date, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The closed months from `first`, the first of a month, then the closed days of the month of `day`."""
    start = first
    while (end := (start + timedelta(days=31)).replace(day=1)) <= day:
        yield _midnight(start), _midnight(end)
        start = end
    while start < day:
        yield _midnight(start), _midnight(start := start + timedelta(days=1))


def _pages(
    http: Fetcher,
    address: Address,
    starts: Callable[[bytes], Sequence[datetime]],
    start: datetime,
    end: datetime,
    step: timedelta,
) -> list[Served]:
    served = http.get(address(start, end))
    times = starts(served.content)
    if not times:
        return []
    first, last = min(times), max(times)
    if first < start or last >= end:
        raise PageRefused(
            f"{served.url.partition('?')[0]} answered with {first} to {last} UTC when asked for {start} to {end}:"
            " fetch again later."
        )
    before = _pages(http, address, starts, start, first, step) if first > start else []
    after = _pages(http, address, starts, last + step, end, step) if last + step < end else []
    return [*before, *after, served]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
