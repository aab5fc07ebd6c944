"""What commands share: their options, and how they speak on a terminal and off it."""

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.home import Home, IngestMode, Settings, UserUpload

DONE, FAILED, WRONG_USAGE, SOURCE_FAILED = 0, 1, 2, 3

home_option = click.option(
    "--home", "root", type=click.Path(path_type=Path), help="Home folder (FLOWHOUSE_HOME, default ./data)."
)
format_option = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What could steer a terminal: texts come from publishers."""
UNBOUNDED = 10_000


def gathering_options(command):
    """The three ways to gather captures, of which at most one may be given."""
    options = (
        click.option("--sample", is_flag=True, help="Read the bundled sample."),
        click.option("--replay", type=click.Path(path_type=Path), help="Read an archive folder."),
        click.option("--live", is_flag=True, help="Ask the publishers."),
    )
    for option in options:
        command = option(command)
    return command


def node_options(command):
    """Where a node is: its files, its JSON-RPC or its REST interface."""
    options = (
        click.option("--network", default="main", show_default=True, help="main, signet, testnet4 or regtest."),
        click.option("--cookie", type=click.Path(path_type=Path), help="The node's .cookie file, for --rpc."),
        click.option("--rest", help="Address of a node's REST interface."),
        click.option("--rpc", help="Address of a node's JSON-RPC, without user and password."),
        click.option("--datadir", type=click.Path(path_type=Path), help="A node's data folder; it may be running."),
    )
    for option in options:
        command = option(command)
    return command


def open_home(root: Path | None, as_of: datetime | None = None) -> Home:
    """The home that was asked for: the option's, else the setting's."""
    return Home(root or Settings.read().home, as_of)


def gathering(sample: bool, replay: Path | None, live: bool, own: UserUpload | None = None) -> IngestMode:
    """The one way to gather captures that was asked for.

    Raises:
        UsageError: more than one was.
    """
    if sample + live + (replay is not None) + (own is not None) > 1:
        raise UsageError("--sample, --replay, --live and --file exclude each other: give one of them.")
    mode = "sample" if sample else "live" if live else "replay" if replay else "file" if own else "held"
    return IngestMode(mode, replay, Settings.read().contact, own)


def say_if_leaving_sample(home: Home, gathering: IngestMode) -> None:
    """One line when the home is about to leave the bundled sample behind."""
    from orchestration import sources

    if sources.check(home, gathering):
        click.echo("This home held the bundled sample; its rows are left out from now on.")


def reading_line(reading) -> str:
    """How one source went."""
    state = f", {len(reading.failures)} failed" if reading.failures else ""
    counts = f"{reading.captures:>6,} captures read, {reading.added:>7,} observations added"
    return f"{reading.source:<16} {counts}{state}"


def say_failures(failures) -> int:
    """Name each failure of a source; returns the exit code."""
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    return SOURCE_FAILED if failures else DONE


@contextmanager
def chain_progress(quiet: bool, counted: str = "coins spent") -> Iterator:
    """A listener for (done, in all, counted): a bar with rate and remaining time on a terminal, else nothing."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    if quiet or not sys.stdout.isatty():
        yield None
        return
    columns = (
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("reading the chain", total=None)
        yield lambda done, total, count: bar.update(
            task, completed=done, total=total, description=f"{count:,} {counted}"
        )


@contextmanager
def build_progress(quiet: bool) -> Iterator:
    """Two listeners, for sources and for dbt's nodes: a progress bar on a terminal, elsewhere a line per source."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if quiet or not sys.stdout.isatty():
        yield lambda reading: click.echo(reading_line(reading)), lambda name, number, of: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(), transient=True) as bar:
        task = bar.add_task("reading sources, preparing dbt", total=None)
        yield (
            lambda reading: bar.console.print(reading_line(reading), highlight=False),
            lambda name, number, of: bar.update(task, completed=number, total=of, description=name),
        )


def print_rows(columns: Sequence[str], rows: Sequence[tuple], form: str = "table") -> None:
    """Rows as a table for people, or as CSV or JSON for programs."""
    if form == "csv":
        told = ([f"{value:f}" if isinstance(value, Decimal) else value for value in row] for row in rows)
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *told])
    elif form == "json":
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1, default=to_json))
    else:
        print_table(columns, rows)


def print_table(columns: Sequence[str], rows: Sequence[tuple]) -> None:
    """A table that fits the terminal, numbers to the right; where it cannot fit, row by row with a line per column."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    # Off a terminal lines are as long as they need be: whoever reads them may cut or grep them.
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
    """What JSON has no type for: decimals as numbers, days and times in ISO 8601."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)
