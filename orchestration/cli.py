"""`flowhouse …`: what a person or a scheduler types. Heavy imports wait until a command needs them."""

import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import click
from filelock import Timeout

from ingestion.errors import IngestionError, WrongUse
from orchestration.errors import BuildBroken
from orchestration.resources import Gathering, Home, Settings, now

DONE, FAILED, WRONG_USAGE, SOURCE_FAILED = 0, 1, 2, 3
PORT = 3000


class Moment(click.ParamType):
    """A time such as 2025-11-20T02:15:00Z; without a zone it is UTC. Read as UTC without zone."""

    name = "time"

    def convert(self, value, param, ctx) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no time: write it like 2025-11-20T02:15:00Z.", param, ctx)
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        return moment.replace(microsecond=0)


class Commands(click.Group):
    """Errors that have a name end in one sentence and their exit code; `--debug` shows where they came from."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"flowhouse: {_sentence(error)}", err=True)
            ctx.exit(WRONG_USAGE if isinstance(error, WrongUse) else FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show a traceback instead of one sentence.")
@click.version_option(package_name="flowhouse")
def main(debug: bool) -> None:
    """Who sells Bitcoin and its peers, who buys, and can I check it?"""


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


@main.command()
@gathering_options
@click.option("--as-of", type=Moment(), help="Build as it could have been known then, beside the current build.")
@click.option("--quiet", is_flag=True, help="Plain lines, no progress.")
@home_option
def build(
    sample: bool, replay: Path | None, live: bool, as_of: datetime | None, quiet: bool, root: Path | None
) -> None:
    """Ingest, derive and publish.

    \b
    flowhouse build --sample
    flowhouse build --replay ~/archive
    flowhouse build --live
    flowhouse build --as-of 2025-11-20T02:15:00Z
    """
    from orchestration.build import build as run

    settings = Settings.read()
    if as_of and as_of > now():
        raise WrongUse(f"--as-of {as_of.isoformat()}Z lies in the future: give a time that has passed.")
    home = Home(_root(root, settings), as_of)
    gathering = _gathering(sample, replay, live, settings)
    _say_if_leaving_sample(home, gathering)
    with _progress(quiet) as (told, step):
        outcome = run(home, gathering, settings, told, step)
    if not outcome.is_new:
        click.echo("Nothing new: the published build has the same inputs.")
    _say_headlines(home)
    _say_findings(home)
    click.echo(f"\nPublished: {outcome.folder / 'warehouse.duckdb'}")
    sys.exit(_say_failures(outcome.failures))


@main.command()
@click.argument("source")
@gathering_options
@home_option
def ingest(source: str, sample: bool, replay: Path | None, live: bool, root: Path | None) -> None:
    """Bring one SOURCE up to date; without --live, --replay or --sample, read again what the home's archive holds.

    \b
    flowhouse ingest farside --live
    flowhouse ingest binance_vision --replay ~/archive
    flowhouse ingest nyse
    """
    from orchestration import sources

    settings = Settings.read()
    home = Home(_root(root, settings))
    by_name = {module.SOURCE: module for module in sources.SOURCES}
    if source == "nyse":
        with home.lock():
            click.echo(f"nyse: {sources.update_sessions(home):,} sessions")
        return
    if source not in by_name:
        raise WrongUse(f"There is no source '{source}': choose one of {', '.join([*by_name, 'nyse'])}.")
    gathering = _gathering(sample, replay, live, settings)
    with home.lock():
        _say_if_leaving_sample(home, gathering)
        reading = sources.update(by_name[source], home, gathering)
    click.echo(_reading_line(reading))
    sys.exit(_say_failures(reading.failures))


@main.command()
@click.argument("query")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@home_option
def sql(query: str, form: str, root: Path | None) -> None:
    """Run QUERY on the published warehouse, read-only.

    \b
    flowhouse sql "select * from etf_market_flows_weekly order by week_start_date desc limit 5"
    flowhouse sql "from etf_flows_daily_as_of('2025-11-20 02:15')" --format csv
    """
    import duckdb

    from orchestration import publish

    with duckdb.connect(str(publish.warehouse(Home(_root(root, Settings.read())))), read_only=True) as con:
        con.execute("use marts")
        try:
            result = con.sql(query)
            columns, rows = ([], []) if result is None else (result.columns, result.fetchall())
        except duckdb.Error as error:
            raise WrongUse(f"The query does not run: {' '.join(str(error).split())}") from None
    if form == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *rows])
    elif form == "json":
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1, default=_to_json))
    else:
        _print_table(columns, rows)


@main.command()
@home_option
def status(root: Path | None) -> None:
    """Say per source what was last seen and what is due; exits 1 when something is stale or failed."""
    from orchestration import checks

    home = Home(_root(root, Settings.read()))
    states = checks.source_states(home, now())
    _print_table(
        ["source", "mode", "last capture", "last observation", "newest day", "complete", "next due", "state"],
        [(s.source, s.mode, s.captured_at, s.observed_at, s.newest, s.is_complete, s.due_at, s.state) for s in states],
    )
    for state in states:
        for failure in state.failures:
            click.echo(f"{state.source}: {failure}", err=True)
    _say_findings(home)
    sys.exit(FAILED if any(state.state in ("stale", "failed") for state in states) else DONE)


@main.command()
@click.option("--live", is_flag=True, help="Ask each publisher for a page and say what came.")
@home_option
def doctor(live: bool, root: Path | None) -> None:
    """Check settings, folders, disk and versions, and say what to do; exits 1 when something must be done."""
    from orchestration import checks

    settings = Settings.read()
    home = Home(_root(root, settings))
    is_well = True
    for finding in [*checks.machine(home), *(checks.publishers(settings, now().date()) if live else [])]:
        is_well &= finding.is_well
        click.echo(f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.sentence}")
    sys.exit(DONE if is_well else FAILED)


@main.command()
@click.option("--port", default=PORT, show_default=True)
@click.option("--live", is_flag=True, help="Scheduled runs ask the publishers; without it they read what is held.")
@home_option
def serve(port: int, live: bool, root: Path | None) -> None:
    """Open Dagster's web UI and scheduler, on this machine only."""
    environment = Home(_root(root, Settings.read())).dagster_environment("live" if live else "held")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "orchestration.definitions"]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    os.execve(sys.executable, command, environment)  # in our place, so that a signal to us stops it


def _sentence(error: Exception) -> str:
    if isinstance(error, IngestionError | BuildBroken):
        return str(error)
    if isinstance(error, Timeout):
        return "Another flowhouse is at work in this home: wait for it."
    return f"This should not have happened ({type(error).__name__}): run `flowhouse --debug …` and report what it says."


def _root(root: Path | None, settings: Settings) -> Path:
    return root or settings.home


def _gathering(sample: bool, replay: Path | None, live: bool, settings: Settings) -> Gathering:
    if sample + live + (replay is not None) > 1:
        raise WrongUse("--sample, --replay and --live exclude each other: give one of them.")
    mode = "sample" if sample else "live" if live else "replay" if replay else "held"
    return Gathering(mode, replay, settings.contact)


def _say_if_leaving_sample(home: Home, gathering: Gathering) -> None:
    from orchestration import sources

    if sources.check(home, gathering):
        click.echo("This home held the bundled sample; its rows are left out from now on.")


def _reading_line(reading) -> str:
    state = f", {len(reading.failures)} failed" if reading.failures else ""
    counts = f"{reading.captures:>6,} captures read, {reading.added:>7,} observations added"
    return f"{reading.source:<16} {counts}{state}"


def _say_failures(failures) -> int:
    """Name each failure of a source; returns the exit code."""
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    return SOURCE_FAILED if failures else DONE


def _say_findings(home: Home) -> None:
    from orchestration import checks

    if found := checks.findings(home):
        click.echo(f"\nFindings about publishers, in marts.etf_findings: {found}")


def _say_headlines(home: Home) -> None:
    """The question's answer in two small tables, with dates and completeness."""
    import duckdb

    from orchestration import headlines, publish

    if publish.manifest(home)["is_sample"]:
        click.echo("\nThe bundled sample, reconstructed: the six weeks around the crash of 3-4 November 2025.")
    folder = publish.latest(home)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        for title, query in headlines.QUERIES.items():
            result = con.sql(query)
            columns, rows = result.columns, result.fetchall()
            click.echo(f"\n{title}")
            _print_table(columns, rows)


@contextmanager
def _progress(quiet: bool) -> Iterator:
    """Two listeners, for sources and for dbt's nodes: a progress bar on a terminal, elsewhere a line per source."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if quiet or not sys.stdout.isatty():
        yield lambda reading: click.echo(_reading_line(reading)), lambda name, number, of: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(), transient=True) as bar:
        task = bar.add_task("reading sources, preparing dbt", total=None)
        yield (
            lambda reading: bar.console.print(_reading_line(reading), highlight=False),
            lambda name, number, of: bar.update(task, completed=number, total=of, description=name),
        )


def _print_table(columns: list[str], rows: list[tuple]) -> None:
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


def _to_json(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)
