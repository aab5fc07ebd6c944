"""Dollars liquidated per UTC day on Binance's USDT perpetuals, longs and shorts apart, as Coinalyze states them.

What: its interface v1, for those who have a key: one answer per asset with the days since January 2025.
Limits: a vendor's sums of a stream that Binance throttles, and so lower bounds; hours are kept for some weeks only, so
that days are asked for. The newest day of an answer may not be over and is left out. The key goes into a header and
nowhere else.
Exercised: on made answers in the shape that its users publish; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import liquidations
from ingestion.source import ApiKey, Cadence, Fetcher, RowSource

PUBLISHER, VENUE = "Coinalyze", "coinalyze:binance"
MARKETS = {
    f"{asset}_binance": f"{asset}USDT_PERP.A" for asset in ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "TON")
}
URL = "https://api.coinalyze.net/v1/liquidation-history"
FIRST_DAY = date(2025, 1, 1)


class Day(msgspec.Struct, gc=False):
    """One day, as served: seconds since 1970, dollars of longs and of shorts."""

    t: float
    l: float | None = None  # noqa: E741 (as served)
    s: float | None = None


class Market(msgspec.Struct):
    """The days of one market."""

    symbol: str
    history: list[Day]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The days since January 2025 as they are now.

    Raises:
        FetchFailed: Coinalyze could not be reached or answered with an error.
        PageRefused: the answer cannot be read.
    """
    first, last = (liquidations.epoch(datetime.combine(each, time())) for each in (FIRST_DAY, day))
    served = http.get(f"{URL}?symbols={MARKETS[resource]}&interval=daily&from={first}&to={last}&convert_to_usd=true")
    if len(parse(served.content)) > 1:
        yield served


def parse(content: bytes) -> list[tuple[str, Day]]:
    """The days of each market with its symbol, in the order served.

    Raises:
        PageRefused: it is no JSON of this shape.
    """
    markets = liquidations.decode(content, list[Market], PUBLISHER)
    return [(market.symbol, each) for market in markets for each in market.history]


def frame(rows: list[tuple[str, Day]], resource: str) -> pl.DataFrame:
    """Dollars of longs and of shorts on each day but the newest, which may not be over.

    Raises:
        PageRefused: the answer is of another market, a time does not begin a day, an amount is negative, or a day is
            served twice with different figures.
    """
    if others := {symbol for symbol, _ in rows} - {MARKETS[resource]}:
        raise liquidations.refused(PUBLISHER, f"{min(others)[:40]!r} in place of {MARKETS[resource]}")
    times = [liquidations.instant(each.t, PUBLISHER) for _, each in rows]
    periods = [
        (resource.split("_")[0], side, start, amount, None, None)
        for start, (_, each) in zip(times, rows, strict=True)
        if start < max(times)
        for side, amount in (("long", each.l), ("short", each.s))
    ]
    table = pl.DataFrame(periods, schema=liquidations.PERIODS, orient="row")
    return liquidations.frame(table, VENUE, "vendor", liquidations.DAY, PUBLISHER)


SOURCE = RowSource(
    name="coinalyze_liquidations",
    table="liquidations",
    description=__doc__,
    terms="Coinalyze's interface is free with attribution; asked only with a key of your own.",
    ext="json",
    key=liquidations.KEY,
    values=liquidations.VALUES,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=1), late_after=timedelta(hours=48)),
    api_key=ApiKey("coinalyze", "api_key"),
    resources=tuple(MARKETS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
