"""`flowhouse status` and `flowhouse doctor`."""

import sys
from itertools import chain
from pathlib import Path

import click

from orchestration.cli.exit_codes import DONE, FAILED
from orchestration.cli.options import format_option, home_option, node_options, open_home
from orchestration.cli.output import print_rows, print_table
from orchestration.home import Home, now
from orchestration.settings import Settings

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

    home = open_home(root)
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


@click.command()
@click.option("--live", is_flag=True, help="Fetch a page from each publisher and say what it has.")
@click.option("--evm", is_flag=True, help="Check the provider of an account chain: FLOWHOUSE_EVM_RPC_URL.")
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
    """Check settings, folders, disk and versions, and say what to do; exits 1 if something needs fixing.

    \b
    flowhouse doctor --live
    flowhouse doctor --rpc http://127.0.0.1:8332 --cookie ~/.bitcoin/.cookie
    FLOWHOUSE_EVM_RPC_URL=http://127.0.0.1:8545 flowhouse doctor --evm
    """
    from orchestration.health import doctor
    from orchestration.node_config import node_location

    home, settings = open_home(root), Settings.read()
    checks = [doctor.machine(home)]
    if datadir or rpc or rest:
        checks.append(doctor.node(home, node_location(network, datadir, rpc, rest, cookie), settings))
    if evm:
        checks.append(doctor.provider(home, settings))
    if live:
        checks.append(doctor.publishers(settings, now().date()))
    is_well = True
    for check in chain.from_iterable(checks):
        is_well &= check.is_well
        click.echo(f"{'ok  ' if check.is_well else 'FAIL'}  {check.sentence}")
    sys.exit(DONE if is_well else FAILED)


def say_findings(home: Home) -> None:
    """Print one line on the findings about publishers, if there are any."""
    from orchestration.health.status import findings

    if found := findings(home):
        click.echo(f"\nFindings about publishers, in marts.etf_findings: {found}")
