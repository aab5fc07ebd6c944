"""`flowhouse …`: what a person or a scheduler types. Heavy imports wait until a command needs them."""

import os
import sys
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import click
from filelock import Timeout

from ingestion.errors import IngestionError, UsageError
from orchestration.cli.console import (
    DONE,
    FAILED,
    WRONG_USAGE,
    build_progress,
    format_option,
    gathering,
    gathering_options,
    home_option,
    node_options,
    open_home,
    print_rows,
    print_table,
    say_failures,
    say_if_leaving_sample,
)
from orchestration.cli.ingest import ingest
from orchestration.errors import BuildFailed
from orchestration.home import Home, Settings, now

PORT = 3000
STATUS_COLUMNS = {
    "source": "source",
    "mode": "mode",
    "last capture": "captured_at",
    "last observation": "observed_at",
    "newest day": "newest",
    "complete": "is_complete",
    "next due": "due_at",
    "state": "state",
}
"""Headings for people, and the names that programs see."""


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
            ctx.exit(WRONG_USAGE if isinstance(error, UsageError) else FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show a traceback instead of one sentence.")
@click.version_option(package_name="flowhouse")
def main(debug: bool) -> None:
    """Who sells Bitcoin and its peers, who buys, and can I check it?

    \b
    flowhouse build --sample
    flowhouse sql "from etf_market_flows_weekly"
    flowhouse COMMAND --help
    """


main.add_command(ingest)


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
    from orchestration.pipeline import build as run
    from orchestration.publishing import sql_engine

    if as_of and as_of > now():
        raise UsageError(f"--as-of {as_of.isoformat()}Z lies in the future: give a time that has passed.")
    home, how = open_home(root, as_of), gathering(sample, replay, live)
    say_if_leaving_sample(home, how)
    with build_progress(quiet) as (told, step):
        outcome = run(home, how, Settings.read(), told, step)
    if not outcome.is_new:
        click.echo("Nothing new: the published build has the same inputs.")
    _say_headlines(home)
    _say_findings(home)
    click.echo(f"\nPublished: {outcome.folder / 'warehouse.duckdb'}")
    click.echo(f"Report:    {outcome.folder / 'report.html'}")
    click.echo(sql_engine.where(outcome.folder))
    sys.exit(say_failures(outcome.failures))


@main.command()
@click.argument("query")
@format_option
@home_option
def sql(query: str, form: str, root: Path | None) -> None:
    """Run QUERY on the published warehouse, read-only.

    \b
    flowhouse sql "select * from etf_market_flows_weekly order by week_start_date desc limit 5"
    flowhouse sql "from etf_flows_daily_as_of('2025-11-20 02:15')" --format csv
    """
    import duckdb

    from orchestration.publishing import published

    with duckdb.connect(str(published.warehouse(open_home(root))), read_only=True) as con:
        con.execute("use marts")
        try:
            result = con.sql(query)
            columns, rows = ([], []) if result is None else (result.columns, result.fetchall())
        except duckdb.Error as error:
            raise UsageError(f"The query does not run: {' '.join(str(error).split())}") from None
    print_rows(columns, rows, form)


@main.command()
@click.argument("claim", required=False)
@format_option
@home_option
def claims(claim: str | None, form: str, root: Path | None) -> None:
    """Published statements and what the warehouse says to them; with CLAIM, each way it was checked.

    \b
    flowhouse claims
    flowhouse claims A36
    flowhouse claims --format csv
    """
    import duckdb

    from orchestration.answers.answers import answers
    from orchestration.publishing import published

    with duckdb.connect(str(published.warehouse(open_home(root))), read_only=True) as con:
        checks, ledger = answers()["claim_checks"].sql, answers()["claims_ledger"].sql
        result = con.sql(checks, params=[claim]) if claim else con.sql(ledger)
        columns, rows = result.columns, result.fetchall()
    if not rows:
        raise UsageError(f"There is no claim {claim}: `flowhouse claims` lists them.")
    print_rows(columns, rows, form)


@main.command()
@format_option
@home_option
def status(form: str, root: Path | None) -> None:
    """Say what was last seen of each source and chain, and what is due; exits 1 when something is stale or failed.

    \b
    flowhouse status
    flowhouse status --format json

    Other formats than the table hold the sources alone.
    """
    from orchestration.health import checks

    home = open_home(root)
    states = checks.source_states(home, now())
    names = STATUS_COLUMNS.values()
    rows = [tuple(getattr(state, name) for name in names) for state in states]
    print_rows(list(STATUS_COLUMNS if form == "table" else names), rows, form)
    if form == "table" and (chains := checks.chain_states(home)):
        print_table(
            ["chain", "road", "first height", "height", "newest day", "folded up to"],
            [(c.network, c.road, c.first_height, c.height, c.newest, c.folded_height) for c in chains],
        )
    for state in states:
        for failure in state.failures:
            click.echo(f"{state.source}: {failure}", err=True)
    if form == "table":
        _say_findings(home)
    sys.exit(FAILED if any(state.state in ("stale", "failed") for state in states) else DONE)


@main.command()
@click.option("--live", is_flag=True, help="Ask each publisher for a page and say what came.")
@click.option("--evm", is_flag=True, help="Ask the provider of an account chain: FLOWHOUSE_EVM_RPC_URL.")
@node_options
@home_option
def doctor(
    live: bool,
    evm: bool,
    datadir: Path | None,
    rpc: str | None,
    rest: str | None,
    cookie: Path | None,
    network: str,
    root: Path | None,
) -> None:
    """Check settings, folders, disk and versions, and say what to do; exits 1 when something must be done.

    \b
    flowhouse doctor --live
    flowhouse doctor --rpc http://127.0.0.1:8332 --cookie ~/.bitcoin/.cookie
    FLOWHOUSE_EVM_RPC_URL=http://127.0.0.1:8545 flowhouse doctor --evm
    """
    from orchestration.health import checks
    from orchestration.node_config import NodeLocation

    home, settings = open_home(root), Settings.read()
    looked_at = [checks.machine(home)]
    if datadir or rpc or rest:
        looked_at.append(checks.node(home, NodeLocation(network, datadir, rpc, rest, cookie), settings))
    if evm:
        looked_at.append(checks.provider(home, settings))
    if live:
        looked_at.append(checks.publishers(settings, now().date()))
    is_well = True
    for finding in chain.from_iterable(looked_at):
        is_well &= finding.is_well
        click.echo(f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.sentence}")
    sys.exit(DONE if is_well else FAILED)


@main.command()
@click.option("--port", default=PORT, show_default=True)
@click.option("--live", is_flag=True, help="Scheduled runs ask the publishers; without it they read what is held.")
@home_option
def serve(port: int, live: bool, root: Path | None) -> None:
    """Open Dagster's web UI and scheduler, on this machine only.

    \b
    flowhouse serve
    flowhouse serve --live --port 3001
    """
    environment = open_home(root).dagster_environment("live" if live else "held")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "orchestration.definitions"]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    os.execve(sys.executable, command, environment)  # in our place, so that a signal to us stops it


@main.command("browser")
@home_option
def take_browser(root: Path | None) -> None:
    """Take DuckDB's browser edition from npm, once: published builds then have a page that answers SQL, sql.html.

    \b
    flowhouse browser
    flowhouse browser --home ~/warehouse
    """
    from orchestration.publishing import published, sql_engine

    home = open_home(root)
    if not sql_engine.engine_file(home).exists():
        click.echo("Taking DuckDB-WASM from npm, 32 MB.")
    with home.lock():
        click.echo(f"Engine: {sql_engine.download_engine(home)}")
        folder = published.latest(home)
        if folder:
            sql_engine.add_page(home, folder)
    click.echo(sql_engine.where(folder) if folder else "The next `flowhouse build` publishes the page.")


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands and options.

    \b
    flowhouse completion bash >> ~/.bashrc
    flowhouse completion zsh >> ~/.zshrc
    flowhouse completion fish > ~/.config/fish/completions/flowhouse.fish
    """
    from click.shell_completion import get_completion_class

    click.echo(get_completion_class(shell)(main, {}, "flowhouse", "_FLOWHOUSE_COMPLETE").source())


def _sentence(error: Exception) -> str:
    if isinstance(error, IngestionError | BuildFailed):
        return str(error)
    if isinstance(error, Timeout):
        return "Another flowhouse is at work in this home: wait for it."
    return f"This should not have happened ({type(error).__name__}): run `flowhouse --debug …` and report what it says."


def _say_findings(home: Home) -> None:
    from orchestration.health import checks

    if found := checks.findings(home):
        click.echo(f"\nFindings about publishers, in marts.etf_findings: {found}")


def _say_headlines(home: Home) -> None:
    """The question's answer in small tables, with dates and completeness."""
    import duckdb

    from orchestration.answers.answers import shown_in
    from orchestration.publishing import published

    if published.manifest(home)["is_sample"]:
        click.echo("\nThe bundled sample, reconstructed: the six weeks around the crash of 3-4 November 2025.")
    folder = published.latest(home)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        for answer in shown_in("build"):
            result = con.sql(answer.sql)
            columns, rows = result.columns, result.fetchall()
            click.echo(f"\n{answer.question}")
            print_table(columns, rows)
