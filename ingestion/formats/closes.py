"""Daily closes of an asset in US dollars: the format of every source of them."""

from collections.abc import Mapping
from datetime import date

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


def cells(asset: str, venue: str, days: Mapping[date, Figures]) -> pl.DataFrame:
    """Cells `close_usd` (US$ per coin) of each day, whose one figure is its close.

    Raises:
        PageRefused: a price not above 0.
    """
    for day, (_, (close,)) in days.items():
        if close == 0:
            raise PageRefused(f"close on {day} is 0, expected a price above 0: fix the file, then ingest it again.")
    rows = [(asset, venue, day, "close_usd", text, float(close)) for day, ((text,), (close,)) in days.items()]
    return pl.DataFrame(rows, schema=cell_schema(KEY), orient="row")
