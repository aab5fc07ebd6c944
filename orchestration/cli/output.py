"""Rows as tables for people, or as CSV or JSON for programs; no text of others steers a terminal."""

import csv
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import IO, Any, cast

import click

from ingestion.printable import printable

UNBOUNDED = 10_000

Row = tuple[object, ...]


class Printable:
    """A stream of texts of which none steers a terminal.

    Attributes:
        stream: the stream below, for what is made here: colours, and rows for programs.
    """

    def __init__(self, stream: IO[str]):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text, with what would steer a terminal replaced."""
        return self.stream.write(printable(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def printable_output() -> Iterator[None]:
    """Let whatever is printed meanwhile, by whomever, steer no terminal."""
    with redirect_stdout(cast(IO[str], Printable(sys.stdout))), redirect_stderr(cast(IO[str], Printable(sys.stderr))):
        yield


def unfiltered_output() -> IO[str]:
    """Standard output for texts that are `printable` already."""
    return sys.stdout.stream if isinstance(sys.stdout, Printable) else sys.stdout


def print_rows(columns: Sequence[str], rows: Iterable[Row], form: str = "table", shown: int | None = None) -> None:
    """Rows as a table for people, or as CSV or JSON for programs, which hold a few rows at a time.

    Args:
        shown: how many rows a table has at most; None for all.
    """
    if form == "csv":
        _print_csv(columns, rows)
    elif form == "json":
        _print_json(columns, rows)
    else:
        found = list(islice(rows, None if shown is None else shown + 1))
        if columns:
            print_table(columns, found[:shown])
        if shown is not None and len(found) > shown:
            click.echo(f"These are the first {shown:,} of more rows: --format csv or json has all.", err=True)


def _print_csv(columns: Sequence[str], rows: Iterable[Row]) -> None:
    # A file has the bytes as they are; a terminal is not steered.
    writer = csv.writer(sys.stdout if sys.stdout.isatty() else unfiltered_output(), lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([f"{value:f}" if isinstance(value, Decimal) else value for value in row] for row in rows)


def _print_json(columns: Sequence[str], rows: Iterable[Row]) -> None:
    before = "["
    for row in rows:
        text = json.dumps(dict(zip(columns, row, strict=True)), indent=1, default=to_json)
        sys.stdout.write(f"{before}\n{textwrap.indent(text, ' ')}")
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def print_table(columns: Sequence[str], rows: Sequence[Row], output: IO[str] | None = None) -> None:
    """A table with numbers right-aligned; where it is wider than the terminal, row by row with a line per column.

    Args:
        output: where to; None for standard output.
    """
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    # In a pipe or a file lines may be long, so that they can be cut and searched.
    width = None if sys.stdout.isatty() else 400
    console = Console(file=output or unfiltered_output(), width=width, markup=False, emoji=False, highlight=False)
    columns = [*map(printable, columns)]
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
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def to_json(value: object) -> object:
    """A value that JSON has no type for: decimals become numbers, days and times ISO 8601."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)
