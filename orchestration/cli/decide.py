"""`flowhouse accept CAPTURE` and `flowhouse reject CAPTURE`."""

import sys
from pathlib import Path

import click

from orchestration.cli.options import home_option, open_configured_home
from orchestration.cli.progress import result_line, say_failures


@click.command()
@click.argument("capture")
@home_option
def accept(capture: str, root: Path | None) -> None:
    """Let in a capture that was held back, or was rejected: its figures are right.

    \b
    flowhouse accept farside/btc_all/20260102T120000Z

    Every capture that shows the same figures gets in with it, each at its own time. The decision is kept beside the
    capture; `flowhouse reject` takes it back.
    """
    _decide(capture, root, is_right=True)


@click.command()
@click.argument("capture")
@home_option
def reject(capture: str, root: Path | None) -> None:
    """Leave out a capture that is wrong, whether it was held back or read.

    \b
    flowhouse reject farside/btc_all/20260102T120000Z

    What it alone had shown is gone from the lake. Its file stays; `flowhouse accept` takes the decision back.
    """
    _decide(capture, root, is_right=False)


def _decide(capture: str, root: Path | None, is_right: bool) -> None:
    from orchestration import gather

    home, _ = open_configured_home(root, must_exist=True)
    result = gather.decide(home, capture, is_right)
    click.echo(f"{capture} is {'accepted' if is_right else 'rejected'}.")
    click.echo(result_line(result))
    click.echo("Run `flowhouse build` to publish what follows.")
    sys.exit(say_failures(result.failures))
