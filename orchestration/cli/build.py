"""`flowhouse build`."""

import sys
from datetime import datetime
from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.cli.options import Moment, SparkMaster, home_option, ingest_mode, mode_options, open_configured_home
from orchestration.cli.output import print_table
from orchestration.cli.progress import build_progress, say_failures, say_if_leaving_sample
from orchestration.cli.status import say_findings
from orchestration.home import Home, now


@click.command()
@mode_options
@click.option("--as-of", type=Moment(), help="Build as it could have been known then, beside the current build.")
@click.option("--full", is_flag=True, help="Build everything anew, not only what depends on what changed.")
@click.option("--allow-empty", is_flag=True, help="Publish even where nothing is held, or a source lost all its rows.")
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), help="What builds the marts, above [engine] name.")
@click.option("--spark-master", type=SparkMaster(), help="Where Spark runs: local[N] or spark://HOST:PORT.")
@click.option("--quiet", is_flag=True, help="Plain lines, no progress.")
@home_option
def build(
    sample: bool,
    replay: Path | None,
    live: bool,
    as_of: datetime | None,
    full: bool,
    allow_empty: bool,
    engine: str | None,
    spark_master: str | None,
    quiet: bool,
    root: Path | None,
) -> None:
    """Ingest, derive and publish.

    \b
    flowhouse build --sample
    flowhouse build --replay ~/archive
    flowhouse build --live
    flowhouse build --as-of 2025-11-20T02:15:00Z
    flowhouse build --engine spark --spark-master spark://127.0.0.1:7077
    """
    from orchestration import pipeline, spool
    from orchestration.outcome import Outcome, events
    from orchestration.publishing import sql_engine

    if as_of and as_of > now():
        raise UsageError(f"--as-of {as_of.isoformat()}Z is in the future: give a time in the past.")
    home, settings = open_configured_home(root, as_of)
    settings = settings.model_copy(update={"engine": settings.engine.with_choice(engine, spark_master)})
    mode = ingest_mode(settings, sample, replay, live)
    say_if_leaving_sample(home, mode)
    request = pipeline.Request(mode, asks_chains=live, is_full=full, allows_empty=allow_empty)
    outcome = Outcome()
    try:
        with build_progress(quiet) as listeners:
            pipeline.run(home, request, settings, listeners, outcome)
    finally:
        if not as_of and (happened := list(events(outcome))):
            spool.put(home, happened, now())
    assert outcome.folder
    if not outcome.is_new:
        click.echo("Nothing new: the published build has the same inputs.")
    _say_headlines(home)
    say_findings(home)
    click.echo(f"\nPublished: {outcome.folder / 'warehouse.duckdb'}")
    click.echo(f"Report:    {outcome.folder / 'report.html'}")
    click.echo(sql_engine.where(outcome.folder))
    if outcome.copied_to and not outcome.copy_failure:
        click.echo(f"Copied to: {outcome.copied_to}")
    sys.exit(say_failures(outcome.failures))


def _say_headlines(home: Home) -> None:
    """The question's answer in two small tables, with dates and completeness."""
    from orchestration.answers.answers import shown_in
    from orchestration.publishing import published
    from orchestration.publishing.connection import connect

    if (published.manifest(home) or {})["is_sample"]:
        click.echo("\nThe bundled sample, reconstructed: the six weeks around the crash of 3-4 November 2025.")
    with connect(home) as con:
        for answer in shown_in("build"):
            result = con.sql(answer.sql)
            columns, rows = result.columns, result.fetchall()
            click.echo(f"\n{answer.question}")
            print_table(columns, rows)
