"""`flowhouse alerts`."""

import sys
from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.cli.exit_codes import DONE, FAILED
from orchestration.cli.options import home_option, open_home


@click.command()
@click.option("--test", "is_test", is_flag=True, help="Send a test message to each address.")
@home_option
def alerts(is_test: bool, root: Path | None) -> None:
    """Show whom alerts go to; with --test tell each of them, and exit 1 if one could not be told.

    \b
    flowhouse alerts
    flowhouse alerts --test

    Addresses are set as `urls` below `[alerts]` in the home's flowhouse.toml.
    """
    from orchestration.health import alerts
    from orchestration.settings import Settings

    home = open_home(root)
    settings = Settings.read(home.root)
    urls = alerts.addresses(settings)
    if not urls:
        raise UsageError("Nobody to tell: set urls below [alerts] in the home's flowhouse.toml.")
    is_well = True
    for url in urls:
        shown = alerts.masked(settings, url)
        if not is_test:
            click.echo(shown)
        elif alerts.send(url, "flowhouse: a test", f"Alerts of the home {home.root} reach this address."):
            click.echo(f"ok    {shown} was told")
        else:
            is_well = False
            click.echo(f"FAIL  {shown} could not be told: check the address, and the service behind it.")
    sys.exit(DONE if is_well else FAILED)
