"""Open interest of Hyperliquid's perpetual contracts per UTC day in dollars, as its statistics page has it since 2023.

What: one file of JSON with the whole history of every coin, asked for on Mondays alone, since each answer is kept.
Limits: dollars by the page's own axis, without coins; whether a day's figure is its last or its mean is not said, and
it stands here for the day's end. The newest day may not be over and is left out.
Exercised: on made answers only, after the shape of its sibling with liquidations, which is recorded; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import derivatives, hyperliquid_stats
from ingestion.source import Cadence, Fetcher, RowSource

FILE = "open_interest"


class Day(msgspec.Struct, gc=False):
    """Of a coin, as served: "2025-05-02T00:00:00", dollars."""

    time: str
    coin: str
    open_interest: float | None


class Page(msgspec.Struct):
    """The file."""

    chart_data: list[Day]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history as it is now, on Mondays and where none was read before.

    Raises:
        FetchFailed: Hyperliquid could not be reached or answered with an error.
    """
    yield from hyperliquid_stats.fetch(http, FILE, archived, day)


def parse(content: bytes) -> list[Day]:
    """The days of all coins in the order served.

    Raises:
        PageRefused: the page is no JSON of this shape.
    """
    return derivatives.read_json(content, Page, hyperliquid_stats.MAX_BYTES).chart_data


def frame(rows: list[Day], resource: str) -> pl.DataFrame:
    """Dollars of each day before the newest one.

    Raises:
        PageRefused: a time that is no midnight, a figure below zero, or a day of a coin twice with different figures.
    """
    days = hyperliquid_stats.days(
        [row.time for row in rows], [row.coin for row in rows], [row.open_interest for row in rows]
    )
    return derivatives.open_interest(
        days.select(
            "asset",
            contract="asset",
            snapshot_at=pl.col("day") + timedelta(days=1),
            open_interest_usd="value",
        ),
        venue="hyperliquid",
        period_minutes=1440,
        margin_kind="linear",
    )


SOURCE = RowSource(
    name="hyperliquid_open_interest",
    table="open_interest",
    description=__doc__,
    terms="No terms for the data were found, so fetching is opt-in.",
    ext="json",
    key=derivatives.OPEN_INTEREST_KEY,
    values=derivatives.OPEN_INTEREST,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=3), late_after=timedelta(days=9)),
    resources=(FILE,),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
