"""Dollars liquidated per coin and four hours, longs and shorts apart, as CoinGlass adds them up over exchanges.

What: its interface v4, for those who have a key: per asset the newest 1,000 periods, and older months since 2025.
The venue `coinglass:all` is the sum over the nine exchanges below, `coinglass:binance` Binance alone.
Limits: a vendor's sums, which rest on streams that Binance and OKX throttle, and so are lower bounds; the newest
period of an answer may not be over and is left out. Four hours is the shortest period of the cheapest plan. The key
goes into a header and nowhere else.
Exercised: on recorded figures of November 2025, which are those of Binance alone; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import coinglass, liquidations
from ingestion.source import Cadence, Fetcher, RowSource

PUBLISHER = "CoinGlass"
EXCHANGES = {
    "all": "Binance,Bitfinex,Bitmex,Bybit,CoinEx,Gate,HTX,Hyperliquid,OKX",
    "binance": "Binance",
}
ASSETS = ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "TON")
URL = f"{coinglass.URL}/liquidation/aggregated-history"
LENGTH = timedelta(hours=4)


class Span(msgspec.Struct, gc=False):
    """One period, as served: ms since 1970, dollars of longs and of shorts."""

    time: float
    aggregated_long_liquidation_usd: float | None
    aggregated_short_liquidation_usd: float | None


class Page(msgspec.Struct):
    """An answer, as served: code "0", or what is wrong with status 200 all the same."""

    code: str | int
    msg: str = ""
    data: list[Span] | None = None


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The months that the newest periods do not reach back to and that were not read before, then the newest periods.

    Raises:
        FetchFailed: CoinGlass could not be reached or answered with an error.
        PageRefused: it does not accept the key, or an answer cannot be read.
    """
    asset, scope = resource.split("_")
    address = f"{URL}?exchange_list={EXCHANGES[scope]}&symbol={asset}&interval=4h"
    yield from coinglass.fetch(http, address, LENGTH, archived, day, parse)


def parse(content: bytes) -> list[Span]:
    """The periods, in the order served.

    Raises:
        PageRefused: it is no JSON of this shape, or says that something is wrong.
    """
    page = liquidations.decode(content, Page, PUBLISHER)
    if str(page.code) != "0":
        raise liquidations.refused(PUBLISHER, f"the error {str(page.code)[:20]!r} ({page.msg[:100]!r})")
    return page.data or []


def frame(rows: list[Span], resource: str) -> pl.DataFrame:
    """Dollars of longs and of shorts in each period but the newest, which may not be over.

    Raises:
        PageRefused: a time does not begin a period, an amount is negative, or a period is served twice with different
            figures.
    """
    asset, scope = resource.split("_")
    times = [liquidations.instant(row.time, PUBLISHER) for row in rows]
    periods = [
        (asset, side, start, amount, None, None)
        for start, row in zip(times, rows, strict=True)
        if start < max(times)
        for side, amount in (
            ("long", row.aggregated_long_liquidation_usd),
            ("short", row.aggregated_short_liquidation_usd),
        )
    ]
    table = pl.DataFrame(periods, schema=liquidations.PERIODS, orient="row")
    return liquidations.frame(table, f"coinglass:{scope}", "vendor", LENGTH, PUBLISHER)


SOURCE = RowSource(
    name="coinglass_liquidations",
    table="liquidations",
    description=__doc__,
    terms=coinglass.TERMS,
    ext="json",
    key=liquidations.KEY,
    values=liquidations.VALUES,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=5), late_after=timedelta(hours=24)),
    api_key=coinglass.KEY,
    resources=tuple(f"{asset}_{scope}" for asset in ASSETS for scope in EXCHANGES),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
