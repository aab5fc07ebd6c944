"""`flowhouse collect`."""

from pathlib import Path

import click

from orchestration.cli.options import home_option, open_configured_home

NAMES = ("binance", "bybit", "okx")
"""The venues with a stream; importing them would cost help and completion."""


@click.group()
def collect() -> None:
    """Listen to what nobody publishes afterwards.

    \b
    flowhouse collect liquidations
    flowhouse collect liquidations --venue bybit
    """


@collect.command()
@click.option("--venue", "names", multiple=True, type=click.Choice(NAMES), help="Whose stream; without it, all.")
@click.option("--asset", "assets", multiple=True, help="Whose contracts, such as BTC; without it, eight.")
@click.option("--for", "seconds", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds.")
@home_option
def liquidations(names: tuple[str, ...], assets: tuple[str, ...], seconds: float | None, root: Path | None) -> None:
    """File the liquidations that Binance, Bybit and OKX push, until Ctrl-C.

    \b
    flowhouse collect liquidations
    flowhouse collect liquidations --venue bybit --asset BTC --asset ETH

    Each hour becomes a capture of the archive, which the next build reads. Bybit pushes all; what Binance and OKX push
    is a lower bound. Time without a connection is recorded and never filled in. `flowhouse serve` collects what
    `[collect]` in the home's flowhouse.toml names.
    """
    from math import isnan

    from ingestion.errors import UsageError
    from ingestion.streams.venues import VENUES
    from orchestration import collecting
    from orchestration.configuration.checks import asset_name

    if seconds is not None and isnan(seconds):
        raise UsageError("--for takes a number of seconds.")
    home, settings = open_configured_home(root)
    try:
        wanted = [asset_name(each) for each in assets] or settings.collect.assets
    except ValueError as error:
        raise UsageError(f"--asset {error}") from None
    venues = [VENUES[name] for name in dict.fromkeys(names or settings.collect.liquidations or NAMES)]
    collecting.run(home, venues, wanted, click.echo, seconds)
