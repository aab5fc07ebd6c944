"""Dollars liquidated per coin and UTC day on Hyperliquid, as its statistics page states them since June 2023.

What: one file of JSON with the whole history of every coin, 6 to 47 MB, asked for on Mondays alone, since each answer
is kept.
Limits: longs and shorts are one sum; a coin without liquidations has no row on that day; the newest day may not be over
and is left out. Coins are missing, most in 2023: on 234 of 680 recorded days their sum differs from the total that
Hyperliquid states beside them, and is nearly always below it. kPEPE and its like are quoted per thousand, and named
after the coin.
Exercised: on recorded bytes until May 2025, and on a made file of 47 MB; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import hyperliquid, liquidations
from ingestion.source import Cadence, Fetcher, RowSource

PUBLISHER, VENUE = "Hyperliquid", "hyperliquid"
URL = "https://d2v1fiwobg9w6.cloudfront.net/daily_notional_liquidated_by_coin"
MONDAY = 1
MAX_BYTES = 128 * 2**20
"""Nearly three times the largest file seen."""


class Day(msgspec.Struct, gc=False):
    """What was liquidated of a coin on a day, as served: "2025-05-02T00:00:00", dollars."""

    time: str
    coin: str
    daily_notional_liquidated: float | None


class Page(msgspec.Struct):
    """The file."""

    chart_data: list[Day]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history as it is now, on Mondays and where none was read before.

    Raises:
        FetchFailed: Hyperliquid could not be reached or answered with an error.
    """
    if URL not in archived or day.isoweekday() == MONDAY:
        yield http.get(URL)


def parse(content: bytes) -> list[Day]:
    """The days of all coins, in the order served.

    Raises:
        PageRefused: the page is no JSON of this shape.
    """
    return liquidations.decode(content, Page, PUBLISHER, MAX_BYTES).chart_data


def frame(rows: list[Day], resource: str) -> pl.DataFrame:
    """Dollars of each coin and day before the newest one, which may not be over.

    Raises:
        PageRefused: a time is no midnight, or a day of a coin is served twice with different figures.
    """
    times = pl.Series("period_start_at", [row.time for row in rows], pl.String)
    starts = times.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    if starts.null_count():
        raise liquidations.refused(PUBLISHER, f"the time {times.filter(starts.is_null())[0]!r:.60}")
    periods = pl.DataFrame(
        {
            "asset": pl.Series([hyperliquid.asset(row.coin) for row in rows], dtype=pl.String),
            "side": pl.repeat("both", len(rows), eager=True),
            "period_start_at": starts,
            "notional_usd": pl.Series([row.daily_notional_liquidated for row in rows], dtype=pl.Float64),
        }
    ).with_columns(events=pl.lit(None, pl.Int64), largest_usd=pl.lit(None, pl.Float64))
    over = periods.filter(pl.col("period_start_at") < pl.col("period_start_at").max())
    return liquidations.frame(over, VENUE, "venue_aggregate", liquidations.DAY, PUBLISHER)


SOURCE = RowSource(
    name="hyperliquid_liquidations",
    table="liquidations",
    description=__doc__,
    terms="No terms for the data were found, so fetching is opt-in.",
    ext="json",
    key=liquidations.KEY,
    values=liquidations.VALUES,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=3), late_after=timedelta(days=9)),
    max_bytes=MAX_BYTES,
    resources=("daily_notional_liquidated_by_coin",),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
