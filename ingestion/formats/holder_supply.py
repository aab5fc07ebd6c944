"""Published supply of long- and short-term holders: the format of every series, and what no true one says.

A vendor's public file has its two columns swapped on 4,961 days. In a true series of Bitcoin's main network long-term
supply is below short-term supply on 209 days until 2012-05-31, and on none after 2013. Both sides together are all
coins: of 5,250 recorded days two are off by 7,145 coins, and the long-term side never lost more than 535,904 in a day.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from ingestion.formats.daily_csv import Figures, refused
from ingestion.source import Finding, Sessions, cell_schema

KEY: dict[str, pl.DataType] = {"series": pl.String(), "value_date": pl.Date(), "metric": pl.String()}
METRICS = ("lth_native", "sth_native")
LABELS_CERTAIN_FROM = date(2014, 1, 1)
BOTH_SIDES_FROM = date(2010, 1, 1)
"""A year after the first block some coins are long-term by every definition."""

FIRST_DAY = date(2009, 1, 3)
"""Of the first block."""

MOST_COINS = 42_000_000
"""Twice what there will ever be: more is another unit. A recorded series came to 20.7 million a year early."""

MOST_LOST = 1_000_000
"""Coins that both sides together may lose or gain beside what is issued, and the long-term side may lose, in a day: a
number cut off by one digit loses more than the recorded errors and the largest known move, 798,636 coins, together."""

MOST_ISSUED = 50 * 144 * 6
"""Coins of a day, in 2010: of 50 in each block, six times as many blocks as were meant."""


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


class Sides(NamedTuple):
    """Long- and short-term supply at the end of a day, in coins."""

    day: date
    lth: float
    sth: float


def sides(cells: pl.DataFrame) -> list[Sides]:
    """Both sides of each day that has them, ascending."""
    lth, sth = (cells.filter(pl.col("metric") == metric).select("value_date", "value") for metric in METRICS)
    return [Sides(*row) for row in lth.join(sth, on="value_date").drop_nulls().sort("value_date").iter_rows()]


def vet(cells: pl.DataFrame, _: Sessions) -> tuple[pl.DataFrame, list[Finding]]:
    """The cells as they are, where their sides can be those of a series.

    Raises:
        PageRefused: as `check`.
    """
    check(sides(cells))
    return cells, []


def check(days: Sequence[Sides]) -> None:
    """Refuse what no series of supply says; smaller errors are rows of marts.onchain_series_findings.

    Raises:
        PageRefused: a day before the first block has coins, a side is 0 after 2009, there are more coins than there can
            be, or both sides together lose or gain a million coins that nobody issued, as where a number is cut off.
    """
    for day, lth, sth in days:
        if day < FIRST_DAY and lth + sth:
            raise refused(f"it has coins on {day}, before the first block")
        if day >= BOTH_SIDES_FROM and not (lth and sth):
            raise refused(f"{'short' if lth else 'long'}-term supply is 0 on {day}, which no true series has")
        if lth + sth > MOST_COINS:
            raise refused(f"it has {lth + sth:,.0f} coins on {day}, more than there can be, so its unit is another")
    for before, after in pairwise(days):
        change = after.lth + after.sth - before.lth - before.sth
        if not -MOST_LOST < change < MOST_LOST + MOST_ISSUED * (after.day - before.day).days:
            raise refused(
                f"both sides together change by {change:,.0f} coins from {before.day} to {after.day}, which nobody"
                " issued or lost, as where a number is cut off"
            )


def doubt(cells: pl.DataFrame) -> str | None:
    """Why a page is held until somebody accepts it: see `fall`."""
    return fall(sides(cells))


def fall(days: Sequence[Sides]) -> str | None:
    """A clause where long-term supply falls further in a day than any known move of coins explains."""
    for before, after in pairwise(days):
        if (lost := before.lth - after.lth) >= MOST_LOST and (after.day - before.day).days == 1:
            return f"long-term supply falls by {lost:,.0f} coins on {after.day}, more than any known move of coins"
    return None
