"""`flowhouse serve`."""

import os
import sys
from pathlib import Path

import click

from orchestration.cli.options import home_option, open_configured_home

PORT = 3000


@click.command()
@click.option("--port", default=PORT, show_default=True)
@click.option(
    "--live", is_flag=True, help="Scheduled runs fetch from the publishers; without it they read stored captures."
)
@home_option
def serve(port: int, live: bool, root: Path | None) -> None:
    """Open Dagster's web UI and scheduler, on this machine only.

    \b
    flowhouse serve
    flowhouse serve --live --port 3001
    """
    home, _ = open_configured_home(root)
    environment = home.dagster_environment("live" if live else "held")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "orchestration.definitions"]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    os.execve(sys.executable, command, environment)  # replaces this process, so that signals reach it
