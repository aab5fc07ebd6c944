"""What is known of each cell, and how well: the state that pages are judged against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

KNOWN = "known"
SCHEMA = {
    "asset": pl.String(),
    "ticker": pl.String(),
    "value_date": pl.Date(),
    "metric": pl.String(),
    "value": pl.Float64(),
    "is_settled": pl.Boolean(),
    "set_by": pl.String(),
    "is_confirmed": pl.Boolean(),
}


class Key(NamedTuple):
    """What names a cell of a source about funds."""

    asset: str
    ticker: str
    value_date: date
    metric: str


Cells = Mapping[Key, float | None]
"""A page's figures; None for blank."""


@dataclass(slots=True)
class Cell:
    """What is known of a cell that has held a figure.

    Attributes:
        value: its newest figure; None where that was taken back.
        is_settled: whether a capture has shown it long enough after its day.
        set_by: the capture that showed it first, as `resource/stamp`.
        is_confirmed: whether another one has shown it too.
    """

    value: float | None
    is_settled: bool
    set_by: str
    is_confirmed: bool


Known = dict[Key, Cell]


def from_table(rows: pl.DataFrame) -> Known:
    """The state as a table keeps it."""
    return {Key(*row[:4]): Cell(*row[4:]) for row in rows.select(*SCHEMA).iter_rows()}


def to_table(known: Known) -> pl.DataFrame:
    """The state as a table, in the order of its keys."""
    rows = [(*key, cell.value, cell.is_settled, cell.set_by, cell.is_confirmed) for key, cell in sorted(known.items())]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def cells_of(page: pl.DataFrame) -> dict[Key, float | None]:
    """A page's frame by key."""
    keys = map(Key._make, zip(*(page[name] for name in Key._fields), strict=True))
    return dict(zip(keys, page["value"], strict=True))


def learn(known: Known, page: Cells, capture: str, settled_until: date) -> None:
    """Take over what a page shows.

    Args:
        capture: its name.
        settled_until: figures of days until then count as settled.
    """
    for key, value in page.items():
        is_settled = key.value_date <= settled_until
        cell = known.get(key)
        if cell is None:
            if value is not None:
                known[key] = Cell(value, is_settled, capture, False)
        elif cell.value == value:
            cell.is_confirmed |= cell.set_by != capture
            cell.is_settled |= is_settled
        else:
            known[key] = Cell(value, is_settled, capture, False)


def alone_by(known: Known, capture: str) -> set[Key]:
    """The cells whose figures nobody but one capture has shown."""
    return {
        key
        for key, cell in known.items()
        if cell.set_by == capture and not cell.is_confirmed and cell.value is not None
    }


def rest_on(known: Known, keys: Iterable[Key]) -> str | None:
    """The one capture that alone has shown all these cells as they are known; None where there is more to them."""
    cells = [known[key] for key in keys]
    captures = {cell.set_by for cell in cells}
    return captures.pop() if len(captures) == 1 and not any(cell.is_confirmed for cell in cells) else None
