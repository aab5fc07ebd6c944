"""Dollars liquidated per hour on Kraken's inverse perpetuals, as its analytics of a market state.

What: JSON per market and closed month, and per closed day of the month that is not over, since January 2025.
Limits: longs and shorts are one sum. Kraken does not document the unit of its volumes; an inverse contract is worth one
dollar, so that contracts are dollars. Its linear perpetuals (PF_XBTUSD) trade more, but in coins, without a price
beside them, and are left out. A time is taken to be the start of its hour.
Exercised: on made answers in the documented shape; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import liquidations
from ingestion.formats.closed_windows import fetch_windows
from ingestion.source import Cadence, Fetcher, RowSource

PUBLISHER, VENUE = "Kraken", "kraken"
ASSETS = {"PI_XBTUSD": "BTC", "PI_ETHUSD": "ETH", "PI_XRPUSD": "XRP"}
URL = (
    "https://futures.kraken.com/api/charts/v1/analytics/{market}/liquidation-volume?since={since}&to={to}&interval=3600"
)
FIRST_MONTH = date(2025, 1, 1)


class Series(msgspec.Struct):
    """Times in seconds since 1970, and as many volumes in contracts of one dollar."""

    timestamp: list[float]
    data: list[float | None]


class Page(msgspec.Struct):
    """An answer, as served."""

    result: Series
    errors: list[Any] = []


class Hour(NamedTuple):
    """One hour: seconds since 1970, contracts."""

    time: float
    volume: float | None


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The hours of a market that were not read before, until the end of yesterday.

    Raises:
        FetchFailed: Kraken could not be reached or answered with an error.
        PageRefused: an answer cannot be read, or has hours that were not asked for.
    """

    def address(start: datetime, end: datetime) -> str:
        return URL.format(market=resource, since=liquidations.epoch(start), to=liquidations.epoch(end) - 1)

    yield from fetch_windows(http, address, _starts, archived, FIRST_MONTH, day, liquidations.HOUR)


def parse(content: bytes) -> list[Hour]:
    """The hours, in the order served.

    Raises:
        PageRefused: it is no JSON of this shape, says that something failed, or has not one volume for each time.
    """
    page = liquidations.decode(content, Page, PUBLISHER)
    if page.errors:
        raise liquidations.refused(PUBLISHER, f"an error ({str(page.errors[0])[:100]!r})")
    times, volumes = page.result.timestamp, page.result.data
    if len(times) != len(volumes):
        raise liquidations.refused(PUBLISHER, f"{len(times)} times with {len(volumes)} volumes")
    return [Hour(*each) for each in zip(times, volumes, strict=True)]


def frame(rows: list[Hour], resource: str) -> pl.DataFrame:
    """Dollars of each hour.

    Raises:
        PageRefused: a time does not begin an hour, an amount is negative, or an hour is served twice with different
            figures.
    """
    periods = [
        (ASSETS[resource], "both", liquidations.instant(row.time, PUBLISHER), row.volume, None, None) for row in rows
    ]
    table = pl.DataFrame(periods, schema=liquidations.PERIODS, orient="row")
    return liquidations.frame(table, VENUE, "venue_aggregate", liquidations.HOUR, PUBLISHER)


def _starts(content: bytes) -> list[datetime]:
    return [liquidations.instant(row.time, PUBLISHER) for row in parse(content)]


SOURCE = RowSource(
    name="kraken_liquidations",
    table="liquidations",
    description=__doc__,
    terms="No terms for redistribution were found; fetching is opt-in.",
    ext="json",
    key=liquidations.KEY,
    values=liquidations.VALUES,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=30), late_after=timedelta(hours=12)),
    resources=tuple(ASSETS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
