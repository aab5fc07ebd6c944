"""What commands share: their options, and how they speak on a terminal and off it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import click

from ingestion.errors import WrongUse
from orchestration.resources import Gathering, Home, OwnFile, Settings

DONE, FAILED, WRONG_USAGE, SOURCE_FAILED = 0, 1, 2, 3

home_option = click.option(
    "--home", "root", type=click.Path(path_type=Path), help="Home folder (FLOWHOUSE_HOME, default ./data)."
)


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


def open_home(root: Path | None, as_of: datetime | None = None) -> Home:
    """The home that was asked for: the option's, else the setting's."""
    return Home(root or Settings.read().home, as_of)


def gathering(sample: bool, replay: Path | None, live: bool, own: OwnFile | None = None) -> Gathering:
    """The one way to gather captures that was asked for.

    Raises:
        WrongUse: more than one was.
    """
    if sample + live + (replay is not None) + (own is not None) > 1:
        raise WrongUse("--sample, --replay, --live and --file exclude each other: give one of them.")
    mode = "sample" if sample else "live" if live else "replay" if replay else "file" if own else "held"
    return Gathering(mode, replay, Settings.read().contact, own)


def say_if_leaving_sample(home: Home, gathering: Gathering) -> None:
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


def print_table(columns: list[str], rows: list[tuple]) -> None:
    """A table that fits the terminal, numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(_to_text, row))
    for column, values in zip(table.columns, zip(*rows, strict=True), strict=False):
        if any(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values):
            column.justify = "right"
    # Off a terminal lines are as long as they need be: whoever reads them may cut or grep them.
    Console(width=None if sys.stdout.isatty() else 400).print(table)


def _to_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float | Decimal):
        return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def to_json(value: object) -> object:
    """What JSON has no type for: decimals as numbers, days and times in ISO 8601."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)
