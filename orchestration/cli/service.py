"""`flowhouse service`."""

import sys
from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration.cli.options import home_option, open_home
from orchestration.cli.serve import PORT


@click.command()
@click.option("--systemd", is_flag=True, help="Print a unit for systemd.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(1, 65535))
@home_option
def service(systemd: bool, port: int, root: Path | None) -> None:
    """Print what runs `flowhouse serve` whenever the machine does.

    \b
    flowhouse service --systemd > ~/.config/systemd/user/flowhouse.service
    systemctl --user enable --now flowhouse
    """
    from orchestration.serving.unit import unit

    if not systemd:
        raise UsageError("Say for which system: --systemd is the one there is.")
    command = Path(sys.executable).parent / "flowhouse"
    if not command.exists():
        raise UsageError(f"{command} does not exist: install flowhouse (`uv tool install`) and run that one.")
    click.echo(unit(command, open_home(root).root, port), nl=False)
