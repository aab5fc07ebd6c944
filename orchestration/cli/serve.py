"""`flowhouse serve`."""

from pathlib import Path

import click

from orchestration.cli.options import home_option, open_configured_home

PORT = 3000


@click.command()
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--live", is_flag=True, help="Scheduled runs fetch from the publishers, whatever flowhouse.toml says.")
@click.option(
    "--listen", default="127.0.0.1", show_default=True, help="Address to listen on; others reach more than loopback."
)
@click.option("--public-host", multiple=True, help="host:port that a browser uses, where it is not this machine's own.")
@home_option
def serve(port: int, live: bool, listen: str, public_host: tuple[str, ...], root: Path | None) -> None:
    """Run Dagster's web UI and scheduler until Ctrl-C, on this machine only.

    \b
    flowhouse serve
    flowhouse serve --live --port 3001
    """
    from orchestration.serving.serve import Listen, serve

    home, settings = open_configured_home(root)
    serve(home, settings, Listen(port, listen, public_host), "live" if live else None, click.echo)
