"""`flowhouse claims`."""

from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.cli.options import format_option, home_option, open_home
from orchestration.cli.output import print_rows


@click.command()
@click.argument("claim", required=False)
@format_option
@home_option
def claims(claim: str | None, form: str, root: Path | None) -> None:
    """List published claims with their verdicts; with CLAIM, each check of it.

    \b
    flowhouse claims
    flowhouse claims A36
    flowhouse claims --format csv
    """
    from orchestration.answers.answers import answers
    from orchestration.publishing.connection import connect

    with connect(open_home(root, must_exist=True)) as con:
        checks, ledger = answers()["claim_checks"].sql, answers()["claims_ledger"].sql
        result = con.sql(checks, params=[claim]) if claim else con.sql(ledger)
        columns, rows = result.columns, result.fetchall()
    if not rows:
        raise UsageError(f"There is no claim {claim}: `flowhouse claims` lists them.")
    print_rows(columns, rows, form)
