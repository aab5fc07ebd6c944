"""Published supply of long- and short-term holders: the format of every series, and a check for swapped labels.

A vendor's public file has its two columns swapped on 4,961 days. In a true series of Bitcoin's main network long-term
supply is below short-term supply on 209 days until 2012-05-31, and on none after 2013.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import polars as pl

from ingestion.formats.daily_csv import Figures, refused
from ingestion.source import cell_schema

KEY: dict[str, pl.DataType] = {"series": pl.String(), "value_date": pl.Date(), "metric": pl.String()}
METRICS = ("lth_native", "sth_native")
LABELS_CERTAIN_FROM = date(2014, 1, 1)


def cells(series: str, days: Mapping[date, Figures], units_per_coin: int = 1) -> pl.DataFrame:
    """Cells `lth_native` and `sth_native` (coins) of each day, whose figures are long- and short-term supply.

    Raises:
        PageRefused: long-term supply is below short-term supply on a day after 2013.
    """
    for day, (_, (lth, sth)) in days.items():
        if day >= LABELS_CERTAIN_FROM and lth < sth:
            raise refused(
                f"long-term supply ({lth:f}) is below short-term supply ({sth:f}) on {day}, which no true series has"
                " after 2013, so its labels are swapped"
            )
    rows = [
        (series, day, metric, text, float(number / Decimal(units_per_coin)))
        for day, found in days.items()
        for metric, text, number in zip(METRICS, *found, strict=True)
    ]
    return pl.DataFrame(rows, schema=cell_schema(KEY), orient="row")
