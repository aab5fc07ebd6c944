"""Dollars liquidated per hour on Gate's USDT perpetuals, longs and shorts apart, as its statistics of a contract state.

What: JSON per contract and closed month, and per closed day of the month that is not over, since January 2025.
Limits: one venue's own sums, in USDT, which count as dollars; whether a time is the start of its hour is not documented
and taken to be so; hours that Gate leaves out are not covered.
Exercised: on made answers in the documented shape; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import liquidations
from ingestion.formats.closed_windows import fetch_windows
from ingestion.source import Cadence, Fetcher, RowSource

PUBLISHER, VENUE = "Gate", "gate"
ASSETS = {f"{asset}_USDT": asset for asset in ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "TON")}
URL = "https://api.gateio.ws/api/v4/futures/usdt/contract_stats"
LIMIT = 1000
"""Periods of one answer at most; a month has 744 hours."""

FIRST_MONTH = date(2025, 1, 1)


class Hour(msgspec.Struct, gc=False):
    """One hour, as served: seconds since 1970, dollars of longs and of shorts."""

    time: float
    long_liq_usd: float | None = None
    short_liq_usd: float | None = None


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The hours of a contract that were not read before, until the end of yesterday.

    Raises:
        FetchFailed: Gate could not be reached or answered with an error.
        PageRefused: an answer cannot be read, or has hours that were not asked for.
    """

    def address(start: datetime, end: datetime) -> str:
        span = f"from={liquidations.epoch(start)}&to={liquidations.epoch(end) - 1}"
        return f"{URL}?contract={resource}&{span}&interval=1h&limit={LIMIT}"

    yield from fetch_windows(http, address, _starts, archived, FIRST_MONTH, day, liquidations.HOUR)


def parse(content: bytes) -> list[Hour]:
    """The hours, in the order served.

    Raises:
        PageRefused: it is no JSON of this shape.
    """
    return liquidations.decode(content, list[Hour], PUBLISHER)


def frame(rows: list[Hour], resource: str) -> pl.DataFrame:
    """Dollars of longs and of shorts in each hour.

    Raises:
        PageRefused: a time does not begin an hour, an amount is negative, or an hour is served twice with different
            figures.
    """
    periods = [
        (ASSETS[resource], side, liquidations.instant(row.time, PUBLISHER), amount, None, None)
        for row in rows
        for side, amount in (("long", row.long_liq_usd), ("short", row.short_liq_usd))
    ]
    table = pl.DataFrame(periods, schema=liquidations.PERIODS, orient="row")
    return liquidations.frame(table, VENUE, "venue_aggregate", liquidations.HOUR, PUBLISHER)


def _starts(content: bytes) -> list[datetime]:
    return [liquidations.instant(row.time, PUBLISHER) for row in parse(content)]


SOURCE = RowSource(
    name="gate_liquidations",
    table="liquidations",
    description=__doc__,
    terms="Gate's API terms do not speak of redistribution; fetching is opt-in.",
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
