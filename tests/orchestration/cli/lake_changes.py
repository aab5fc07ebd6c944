"""Rows of raw tables changed as their writers would, without damage to what the lake says of itself."""

import json
from collections.abc import Callable
from typing import Literal

import polars as pl

from ingestion.lake import journal
from orchestration.home import Home

MEASURES = ("value", "coins", "transactions", "amount_units", "delta_units", "debt_units", "balance_units")
"""Columns that can be altered without breaking what a chain conserves; a table has one of them at most."""

Which = Literal["oldest", "newest"]


def drop_row(home: Home, table: str, which: Which = "newest") -> None:
    """Leave out the first row of a raw table's first file with rows, or the last one of its last.

    Args:
        table: as `source/table`.
    """
    _change(home, table, which, lambda rows: rows[1:] if which == "oldest" else rows[:-1])


def alter_row(home: Home, table: str, which: Which = "newest") -> None:
    """Raise a figure of that row by one; a table without figures loses the row."""

    def altered(rows: pl.DataFrame) -> pl.DataFrame:
        column = next(name for name in MEASURES if name in rows.columns)
        row = 0 if which == "oldest" else rows.height - 1
        raised = pl.when(pl.int_range(pl.len()) == row).then(pl.col(column) + 1).otherwise(column)
        return rows.with_columns(raised.cast(rows.schema[column]).alias(column))

    if any(name in _files(home, table)[0][1].columns for name in MEASURES):
        _change(home, table, which, altered)
    else:
        drop_row(home, table, which)


def _change(home: Home, table: str, which: Which, changed: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    files = [(part, rows) for part, rows in _files(home, table) if rows.height]
    part, rows = files[0 if which == "oldest" else -1]
    source, name = table.split("/")
    record = journal.check(home.lake, source, (name,))
    if record.written and part is None:
        journal.write(home.lake, source, {name: changed(rows)}, record)
    else:
        home.lake.write(source, name, changed(rows), part)
        _note_digest(home, source, name, part)


def _note_digest(home: Home, source: str, table: str, part: str | None) -> None:
    """Let the record that names a part know its new digest."""
    for name in home.lake.records(source):
        fields = json.loads(home.lake.read_record(source, name) or "{}")
        if f"{table}/{part}" in fields.get("digests", {}):
            fields["digests"][f"{table}/{part}"] = home.lake.digest(source, table, part)
            home.lake.write_record(source, name, json.dumps(fields))


def _files(home: Home, table: str) -> list[tuple[str | None, pl.DataFrame]]:
    """The rows of each file of a table, by the part's name; None for the file of the table's own name."""
    source, name = table.split("/")
    own: list[str | None] = [None] if home.lake.has(source, name) else []
    return [(part, home.lake.read(source, name, {}, part)) for part in [*own, *home.lake.parts(source, name)]]
