"""Liquidations of margin and derivative positions on Bitfinex against dollars, from its history of single ones.

What: JSON of up to 500 events of all pairs, oldest first; each answer begins with the hour in which the one before it
ended. Summed here by hour, for the assets below, longs and shorts apart.
Limits: USD, USDT and USTF0 count as dollars. An event counts once, when it is executed (the line of its trigger is left
out), at the price at which the position was taken over; where that is blank, the hour has no figure. Bitfinex lets in
three requests a minute, so that an ask takes three pages at most, and a backfill goes on with the next asks.
Exercised: on made answers in the documented shape; nothing recorded, nothing live.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Literal

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import liquidations
from ingestion.source import Cadence, Fetcher, RowSource

PUBLISHER, VENUE = "Bitfinex", "bitfinex"
ASSETS = ("ADA", "BNB", "BTC", "DOGE", "ETH", "SOL", "TON", "XRP")
URL = "https://api-pub.bitfinex.com/v2/liquidations/hist?start={start}&end={end}&limit={limit}&sort=1"
START = re.compile(r"[?&]start=([0-9]+)000&")
LIMIT, MOST = 500, 10_000
"""Events of one answer: those asked for, and the most that can be; an hour may have more than the former."""

MAX_SPAN = timedelta(days=366)
"""Of an answer; 500 events were three days apart at most. A false time would make millions of hours."""

PAGES = 3
FIRST_DAY = date(2025, 10, 1)
PAIR = re.compile(r"t([A-Z0-9]+?)(?:F0)?:?(?:USD|UST|USTF0)")
FLAT = re.compile(rb'\s*\[\s*\[\s*"')
"""Each line is in a list of its own; an answer without these lists is read as well."""


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One line, as served: ms since 1970, coins (above zero for a long), prices in dollars.

    Attributes:
        base_price: at which the position was opened.
        is_match: 0 for the trigger, 1 for the execution.
        is_market_sold: 0 where the position was taken over, 1 where it was sold into the market.
        price_acquired: at which it was.
    """

    kind: Literal["pos"]
    position: int
    mts: float
    _1: None
    pair: str
    amount: float
    base_price: float | None
    _2: None
    is_match: int
    is_market_sold: int
    _3: None
    price_acquired: float | None


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The events from where the last answer left off, until the end of yesterday.

    Raises:
        FetchFailed: Bitfinex could not be reached or answered with an error.
        PageRefused: an answer cannot be read, or an hour has more events than one answer holds.
    """
    begun = [int(found[1]) for url in archived if (found := START.search(url))]
    start = max([*begun, liquidations.epoch(datetime.combine(FIRST_DAY, time()))])
    end = liquidations.epoch(datetime.combine(day, time()))
    cut: list[str] = []
    for _ in range(PAGES):
        served, hours = _page(http, start, end)
        if _is_cut(hours):
            cut.append(f"{len(hours):,} events of the hour of {hours[0]}, which may not be all, so that it is left out")
            start = liquidations.epoch(hours[0] + liquidations.HOUR)
            continue
        if hours and hashlib.sha256(served.content).hexdigest() != archived.get(served.url):
            yield served
        if not _is_full(len(hours)):
            break
        start = liquidations.epoch(max(hours))
    if cut:
        raise liquidations.refused(PUBLISHER, ", and ".join(cut))


def _page(http: Fetcher, start: int, end: int) -> tuple[Served, list[datetime]]:
    """An answer with the hours of its events; a larger one where it is full of events of one hour."""
    for limit in (LIMIT, MOST):
        served = http.get(URL.format(start=f"{start}000", end=f"{end}000", limit=limit))
        hours = [_hour(event) for event in parse(served.content)]
        if others := [hour for hour in hours if not start <= liquidations.epoch(hour) < end]:
            raise liquidations.refused(PUBLISHER, f"events of the hour of {others[0]} UTC, which was not asked for")
        if not _is_cut(hours):
            break
    return served, hours


def parse(content: bytes) -> list[Event]:
    """The events, in the order served.

    Raises:
        PageRefused: it is no JSON of this shape.
    """
    if FLAT.match(content):
        return liquidations.decode(content, list[Event], PUBLISHER)
    return [line[0] for line in liquidations.decode(content, list[tuple[Event]], PUBLISHER)]


def frame(rows: list[Event], resource: str) -> pl.DataFrame:
    """Dollars, number and largest of the liquidations in each hour, from that of the first event of the answer.

    Of a full answer the last hour is left out: its other events come with the next answer. Else hours until that of the
    last event are there, with zeros where nothing happened; what came after it the answer does not tell.

    Raises:
        PageRefused: a time, an amount or a price cannot be, a full answer has events of one hour alone, or events lie
            further apart than an answer reaches.
    """
    hours = [_hour(event) for event in rows]
    first, last = (min(hours), max(hours)) if hours else (None, None)
    if first is None or last is None:
        return pl.DataFrame(schema={**liquidations.KEY, **liquidations.VALUES})
    end = last if _is_full(len(rows)) else last + liquidations.HOUR
    if end - first > MAX_SPAN:
        raise liquidations.refused(PUBLISHER, f"events of {first} and of {last} in one answer")
    if _is_cut(hours):
        raise liquidations.refused(PUBLISHER, f"{len(rows):,} events of one hour, which may not be all")
    amounts: dict[tuple[str, str, datetime], list[float | None]] = {
        (asset, side, first + number * liquidations.HOUR): []
        for asset in ASSETS
        for side in ("long", "short")
        for number in range(int((end - first) / liquidations.HOUR))
    }
    for event in dict.fromkeys(rows):
        pair, hour = PAIR.fullmatch(event.pair), _hour(event)
        key = (pair[1] if pair else "", "long" if event.amount > 0 else "short", hour)
        if event.is_match and key in amounts:
            price = event.price_acquired
            amounts[key].append(None if price is None else abs(event.amount) * price)
    periods = [(*key, *_sums(each)) for key, each in amounts.items()]
    table = pl.DataFrame(periods, schema=liquidations.PERIODS, orient="row")
    return liquidations.frame(table, VENUE, "all_fills", liquidations.HOUR, PUBLISHER)


def _sums(amounts: list[float | None]) -> tuple[float | None, int, float | None]:
    """Dollars, number and largest; dollars are not known where those of one event are not."""
    known = [amount for amount in amounts if amount is not None]
    is_known = len(known) == len(amounts)
    return sum(known) if is_known else None, len(amounts), max(known) if is_known and known else None


def _hour(event: Event) -> datetime:
    return liquidations.instant(event.mts, PUBLISHER).replace(minute=0, second=0, microsecond=0)


def _is_full(count: int) -> bool:
    return count in (LIMIT, MOST)


def _is_cut(hours: list[datetime]) -> bool:
    """Whether an answer has events of one hour alone, and as many as it can hold."""
    return _is_full(len(hours)) and min(hours) == max(hours)


SOURCE = RowSource(
    name="bitfinex_liquidations",
    table="liquidations",
    description=__doc__,
    terms="Bitfinex's API terms do not speak of redistribution; fetching is opt-in.",
    ext="json",
    key=liquidations.KEY,
    values=liquidations.VALUES,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=30), late_after=timedelta(hours=12)),
    resources=("hist",),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
