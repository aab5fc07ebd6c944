"""Rows as tables for people, or as CSV or JSON for programs."""

import csv
import json
import re
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import click

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that control a terminal: texts come from publishers."""
UNBOUNDED = 10_000

Row = tuple[object, ...]


def print_rows(columns: Sequence[str], rows: Sequence[Row], form: str = "table") -> None:
    """Rows as a table for people, or as CSV or JSON for programs."""
    if form == "csv":
        plain = ([f"{value:f}" if isinstance(value, Decimal) else value for value in row] for row in rows)
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *plain])
    elif form == "json":
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1, default=to_json))
    else:
        print_table(columns, rows)


def print_table(columns: Sequence[str], rows: Sequence[Row]) -> None:
    """A table with numbers right-aligned; where it is wider than the terminal, row by row with a line per column."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    # In a pipe or a file lines may be long, so that they can be cut and searched.
    console = Console(width=None if sys.stdout.isatty() else 400, markup=False, emoji=False, highlight=False)
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(_to_text, row))
    for column, values in zip(table.columns, zip(*rows, strict=True), strict=False):
        if any(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values):
            column.justify, column.no_wrap = "right", True
    needed = Measurement.get(console, console.options.update(max_width=UNBOUNDED), table).minimum
    if needed <= console.width:
        console.print(table)
        return
    for row in rows or [("",) * len(columns)]:
        record = Table.grid(padding=(0, 2))
        for name, value in zip(columns, row, strict=True):
            record.add_row(name, _to_text(value))
        console.print(record)
        console.print()


def _to_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float | Decimal):
        return f"{value:,.2f}" if abs(value) >= 1 else f"{float(value):.6g}"
    return f"{value:,}" if isinstance(value, int) else UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))


def to_json(value: object) -> object:
    """A value that JSON has no type for: decimals become numbers, days and times ISO 8601."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)
