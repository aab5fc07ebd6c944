"""`flowhouse doctor`."""

import sys
from itertools import chain
from pathlib import Path

import click

from orchestration.cli.exit_codes import DONE, FAILED
from orchestration.cli.options import home_option, node_options, open_configured_home
from orchestration.home import now


@click.command()
@click.option("--live", is_flag=True, help="Fetch a page from each publisher and say what it has.")
@click.option("--archive", is_flag=True, help="Compare every file of archive and lake with its sha256.")
@click.option("--evm", is_flag=True, help="Check the provider of an account chain: FLOWHOUSE_EVM_RPC_URL.")
@node_options
@home_option
def doctor(
    live: bool,
    archive: bool,
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
    flowhouse doctor --archive
    flowhouse doctor --rpc http://127.0.0.1:8332 --cookie ~/.bitcoin/.cookie
    FLOWHOUSE_EVM_RPC_URL=http://127.0.0.1:8545 flowhouse doctor --evm
    """
    from orchestration.health import doctor
    from orchestration.node_config import node_location

    home, settings = open_configured_home(root)
    checks = [doctor.machine(home), doctor.lake(home), doctor.keys(settings), doctor.own_files(home, settings)]
    if datadir or rpc or rest:
        checks.append(doctor.node(home, node_location(network, datadir, rpc, rest, cookie), settings))
    if evm:
        checks.append(doctor.provider(home, settings))
    if archive:
        checks.append(doctor.archive(home))
    if live:
        checks.append(doctor.publishers(settings, now().date()))
    is_well = True
    for check in chain.from_iterable(checks):
        is_well &= check.is_well
        click.echo(f"{'ok  ' if check.is_well else 'FAIL'}  {check.sentence}")
    sys.exit(DONE if is_well else FAILED)
