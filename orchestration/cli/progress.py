"""What long commands say while they work: a progress bar on a terminal, plain lines or nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ingestion.printable import printable
from orchestration.cli.exit_codes import DONE, SOURCE_FAILED
from orchestration.cli.output import unfiltered_output

if TYPE_CHECKING:
    from ingestion.refresh import RefreshResult
    from orchestration.home import Home
    from orchestration.ingest_mode import IngestMode
    from orchestration.pipeline import Listeners

    OnBlocks = Callable[[int, int, int], None]


def say_if_leaving_sample(home: "Home", mode: "IngestMode") -> None:
    """One line when the home is about to leave the bundled sample behind."""
    from orchestration import gather

    if gather.leaves_sample(home, mode):
        say_leaving_sample()


def say_leaving_sample() -> None:
    """The line that says that the home leaves the bundled sample behind."""
    click.echo("This home held the bundled sample; its rows are left out from now on.")


def result_line(result: "RefreshResult") -> str:
    """How one source went, and what was built again for it."""
    state = f", {len(result.failures)} failed" if result.failures else ""
    counts = f"{result.captures:>6,} captures read, {result.added:>7,} observations added"
    repaired = result.repaired if result.repaired_at == result.at else ()
    return "\n".join((f"{result.source:<16} {counts}{state}", *(f"repaired: {sentence}" for sentence in repaired)))


def say_failures(failures: Sequence[str]) -> int:
    """Name each failure of a source; returns the exit code."""
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    return SOURCE_FAILED if failures else DONE


@contextmanager
def chain_progress(quiet: bool, counted: str = "coins spent") -> Iterator["OnBlocks | None"]:
    """A listener for (done, in all, counted): a bar with rate and remaining time on a terminal, else nothing."""
    if quiet or not sys.stdout.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(file=unfiltered_output()), transient=True) as bar:
        task = bar.add_task("reading the chain", total=None)
        yield lambda done, total, count: bar.update(
            task, completed=done, total=total, description=f"{count:,} {counted}"
        )


@contextmanager
def build_progress(quiet: bool) -> Iterator["Listeners"]:
    """Listeners for a run of the pipeline: a progress bar on a terminal, elsewhere a line per source."""
    from orchestration.pipeline import Listeners

    if quiet or not sys.stdout.isatty():
        yield Listeners(on_source_done=lambda result: click.echo(result_line(result)), on_chain=click.echo)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(file=unfiltered_output()), transient=True) as bar:
        task = bar.add_task("reading sources, preparing dbt", total=None)
        yield Listeners(
            on_source_done=lambda result: bar.console.print(
                printable(result_line(result)), highlight=False, markup=False
            ),
            on_node_done=lambda name, number, of: bar.update(task, completed=number, total=of, description=name),
            on_chain=lambda line: bar.update(task, description=escape(printable(line))),
        )
