"""`flowhouse mcp`."""

from pathlib import Path

import click

from orchestration.cli.options import home_option, open_configured_home


@click.command()
@home_option
def mcp(root: Path | None) -> None:
    """Serve the published warehouse to a model, by the Model Context Protocol over standard input and output.

    \b
    flowhouse mcp --home /path/to/data
    {"mcpServers": {"flowhouse": {"command": "/path/to/flowhouse", "args": ["mcp", "--home", "/path/to/data"]}}}

    The first is the command, the second what a client wants in its settings. The model can list and describe marts, run
    one confined read-only query, read the claims, and cite a figure down to its page. Nothing is written, and no
    network is used, but for a lake on a store.
    """
    from orchestration.mcp.server import serve

    home, _ = open_configured_home(root)
    serve(home)
