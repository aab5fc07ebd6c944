"""Daily closes of an asset in US dollars: the format of every source of them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import polars as pl

from ingestion.errors import PageRefused
from ingestion.formats.daily_csv import Figures
from ingestion.source import cell_schema

KEY: dict[str, pl.DataType] = {
    "asset": pl.String(),
    "venue": pl.String(),
    "value_date": pl.Date(),
    "metric": pl.String(),
}


FIRST_DAY = date(2009, 1, 3)
"""Of the first block of any chain."""

MOST_USD = 10_000_000
"""Of a coin: 80 times the highest recorded close of Bitcoin, and less than that close in cents."""

LEAST_USD = Decimal("1e-8")
"""Of a coin: less is 0 in the eight digits that prices are kept with."""


def cells(asset: str, venue: str, days: Mapping[date, Figures]) -> pl.DataFrame:
    """Cells `close_usd` (US$ per coin) of each day, whose one figure is its close.

    Raises:
        PageRefused: a day before there were coins, a price not above 0, or one that none can be.
    """
    for day, (_, (close,)) in days.items():
        if day < FIRST_DAY:
            raise PageRefused(f"there is no close on {day}, before the first coin: fix the file, then ingest it again.")
        if close == 0:
            raise PageRefused(f"close on {day} is 0, expected a price above 0: fix the file, then ingest it again.")
        if not LEAST_USD <= close <= MOST_USD:
            raise PageRefused(
                f"close on {day} is {close:.6g} US$, and no coin costs less than {LEAST_USD:f} or more than"
                f" {MOST_USD:,} US$: fix the file, then ingest it again."
            )
    rows = [(asset, venue, day, "close_usd", text, float(close)) for day, ((text,), (close,)) in days.items()]
    return pl.DataFrame(rows, schema=cell_schema(KEY), orient="row")
