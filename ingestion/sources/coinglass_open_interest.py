"""Open interest in dollars of each coin every four hours, as CoinGlass adds it up over venues.

What: its interface v4, for those who have a key: the sum over all venues that it knows, CME among them, and its bounds
within the four hours.
Limits: a vendor's sum, whose venues are not named; contracts on coins and on dollars together, so without coins. The
newest period of an answer may not be over and is left out. The key goes into a header and nowhere else.
Exercised: on an answer of November 2025 rebuilt around recorded figures, and on made bytes; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.formats import coinglass, derivatives
from ingestion.formats.coinglass import Bar
from ingestion.formats.derivatives import ASSETS
from ingestion.source import Cadence, Fetcher, RowSource

LENGTH = timedelta(hours=4)


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The months since 2025 that were not read before, then the newest periods.

    Raises:
        FetchFailed: CoinGlass could not be reached or answered with an error.
        PageRefused: it does not accept the key, or an answer cannot be read.
    """
    address = f"{coinglass.URL}/open-interest/aggregated-history?symbol={resource}&interval=4h"
    yield from coinglass.fetch(http, address, LENGTH, archived, day)


def frame(rows: list[Bar], resource: str) -> pl.DataFrame:
    """Dollars at the end of each period but the newest, and their bounds in it.

    Raises:
        PageRefused: a time or a number that does not parse, a figure below zero, or a period twice with different
            figures.
    """
    periods = coinglass.ended(rows, LENGTH)
    return derivatives.open_interest(
        periods.select(snapshot_at="end_at", open_interest_usd="close", high_usd="high", low_usd="low"),
        asset=resource,
        venue="coinglass:all",
        contract=resource,
        period_minutes=240,
    )


SOURCE = RowSource(
    name="coinglass_open_interest",
    table="open_interest",
    description=__doc__,
    terms=coinglass.TERMS,
    ext="json",
    key=derivatives.OPEN_INTEREST_KEY,
    values=derivatives.OPEN_INTEREST,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=5), late_after=timedelta(hours=24)),
    api_key=coinglass.KEY,
    resources=ASSETS,
    fetch=fetch,
    parse=coinglass.parse,
    frame=frame,
    is_opt_in=True,
)
