"""`flowhouse status`."""

import sys
from pathlib import Path

import click

from orchestration.cli.exit_codes import DONE, FAILED
from orchestration.cli.options import format_option, home_option, open_configured_home
from orchestration.cli.output import print_rows, print_table
from orchestration.home import Home, now

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
"""Headings of the table, and the names in CSV and JSON."""


@click.command()
@format_option
@home_option
def status(form: str, root: Path | None) -> None:
    """Show what was last seen of each source and chain, and what is due next; exits 1 if something is stale or failed.

    \b
    flowhouse status
    flowhouse status --format json

    CSV and JSON have the sources alone.
    """
    from orchestration.health import status

    home, _ = open_configured_home(root, must_exist=True)
    states = status.source_states(home, now())
    names = STATUS_COLUMNS.values()
    rows = [tuple(getattr(state, name) for name in names) for state in states]
    print_rows(list(STATUS_COLUMNS if form == "table" else names), rows, form)
    if form == "table" and (chains := status.chain_states(home)):
        print_table(
            ["chain", "transport", "first height", "height", "newest day", "finalized up to"],
            [(c.network, c.transport, c.first_height, c.height, c.newest, c.finalized_height) for c in chains],
        )
    for state in states:
        for failure in state.failures:
            click.echo(f"{state.source}: {failure}", err=True)
    if form == "table":
        say_findings(home)
    sys.exit(FAILED if any(state.state in ("stale", "failed") for state in states) else DONE)


def say_findings(home: Home) -> None:
    """Print one line on the findings about publishers, if there are any."""
    from orchestration.health.status import findings

    if found := findings(home):
        click.echo(f"\nFindings about publishers, in marts.etf_findings: {found}")
