"""`flowhouse ingest SOURCE`: one source alone, each with the options it knows."""

import re
import sys
from datetime import datetime
from pathlib import Path
from types import ModuleType

import click

from ingestion.errors import UsageError
from orchestration import seeds
from orchestration.cli.console import (
    chain_progress,
    gathering,
    gathering_options,
    home_option,
    node_options,
    open_home,
    reading_line,
    say_failures,
    say_if_leaving_sample,
)
from orchestration.home import Home, IngestMode, Settings, UserUpload

PUBLISHERS = ("farside", "ishares", "binance_vision", "alternative_me", "bitview")
PUBLISHER_HELP = """Read what is new; with none of the options, read again what the home's archive holds.

\b
flowhouse ingest {name} --live
flowhouse ingest {name} --replay ~/archive
"""
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"
ASSET = r"[A-Z0-9]{2,10}"

file_option = click.option("--file", type=click.Path(path_type=Path), help="Read your own CSV.")


@click.group()
def ingest() -> None:
    """Bring one source up to date.

    \b
    flowhouse ingest farside --live
    flowhouse ingest bitcoin --datadir ~/.bitcoin --network main
    flowhouse ingest bitcoin --rpc http://127.0.0.1:8332
    flowhouse ingest evm --rpc http://127.0.0.1:8545
    flowhouse ingest holder_series --file supply.csv --name mine --definition age_155d_step
    flowhouse ingest prices --file closes.csv --name mine
    """


def _publisher(name: str) -> None:
    @ingest.command(name=name, short_help=f"What {name} publishes.", help=PUBLISHER_HELP.format(name=name))
    @gathering_options
    @home_option
    def command(sample: bool, replay: Path | None, live: bool, root: Path | None) -> None:
        _update(name, open_home(root), gathering(sample, replay, live))


for publisher in PUBLISHERS:
    _publisher(publisher)


@ingest.command()
@home_option
def nyse(root: Path | None) -> None:
    """Sessions of the New York Stock Exchange, computed.

    \b
    flowhouse ingest nyse
    """
    from orchestration import sources

    home = open_home(root)
    with home.lock():
        click.echo(f"nyse: {sources.update_sessions(home):,} sessions")


@ingest.command("holder_series")
@gathering_options
@file_option
@click.option("--name", help="What your series is called.")
@click.option("--definition", help="What long-term means in your series: a definition's id.")
@home_option
def holder_series(
    sample: bool,
    replay: Path | None,
    live: bool,
    file: Path | None,
    name: str | None,
    definition: str | None,
    root: Path | None,
) -> None:
    """Your own series of long- and short-term supply: a CSV with the columns date, lth_btc, sth_btc.

    \b
    flowhouse ingest holder_series --file supply.csv --name mine --definition age_155d_step
    """
    from ingestion.sources import holder_series as source
    from orchestration import sources

    if definition and definition not in sources.known_definitions():
        raise UsageError(
            f"There is no definition '{definition}': choose one of {', '.join(sources.known_definitions())}."
        )
    if definition and not file:
        raise UsageError("A definition goes with a file: give --file F and --name N too.")
    own = _own_file(source, file, name, lambda known: known, source.note(definition))
    _update("holder_series", open_home(root), gathering(sample, replay, live, own))


@ingest.command()
@gathering_options
@file_option
@click.option("--name", help="What your venue is called.")
@click.option("--asset", default="BTC", show_default=True, help="What the prices are of.")
@home_option
def prices(
    sample: bool,
    replay: Path | None,
    live: bool,
    file: Path | None,
    name: str | None,
    asset: str,
    root: Path | None,
) -> None:
    """Your own daily closes, back to 2010 if you like: a CSV with the columns date, close.

    \b
    flowhouse ingest prices --file closes.csv --name mine
    flowhouse ingest prices --file eth.csv --name mine --asset ETH
    """
    from ingestion.sources import prices as source

    if not re.fullmatch(ASSET, asset):
        raise UsageError(f"'{asset}' is no asset: write it in capitals, such as BTC or ETH.")
    own = _own_file(source, file, name, lambda known: source.resource(known, asset))
    _update("prices", open_home(root), gathering(sample, replay, live, own))


@ingest.command()
@node_options
@click.option("--snapshot", type=click.Path(path_type=Path), help="Begin with a UTXO snapshot, then read on.")
@click.option("--quiet", is_flag=True, help="No progress.")
@home_option
def bitcoin(
    datadir: Path | None,
    rpc: str | None,
    rest: str | None,
    cookie: Path | None,
    snapshot: Path | None,
    network: str,
    quiet: bool,
    root: Path | None,
) -> None:
    """A chain, from a node's files or from the node itself; run it again for what is new.

    \b
    flowhouse ingest bitcoin --datadir ~/.bitcoin
    flowhouse ingest bitcoin --rpc http://127.0.0.1:8332 --cookie ~/.bitcoin/.cookie
    flowhouse ingest bitcoin --snapshot utxo.dat --datadir ~/.bitcoin

    For --rpc give --cookie, or FLOWHOUSE_RPC_USER and FLOWHOUSE_RPC_PASSWORD in the environment.
    """
    from ingestion.bitcoin import ingest as chain
    from orchestration.node_config import NodeLocation, folder, headers, node

    place = NodeLocation(network, datadir, rpc, rest, cookie)
    home, settings = open_home(root), Settings.read()
    with home.lock(), chain_progress(quiet) as told:
        _leave_sample(home)
        running = None if datadir else node(place, settings)
        if snapshot:
            chain.from_snapshot(home.lake, snapshot, folder(place) if datadir else headers(running))
        if datadir:
            taken = chain.from_files(home.lake, datadir, network, settings.confirmations, progress=told)
        else:
            taken = chain.from_node(home.lake, running, settings.confirmations, told)
    click.echo(f"bitcoin {taken.network}: {taken.blocks:,} blocks read, height {taken.tip_height:,}")


@ingest.command()
@click.option("--rpc", help="Address of a provider; one with a key goes better into FLOWHOUSE_EVM_RPC_URL.")
@click.option("--from-block", type=click.IntRange(0), default=0, help="First block.")
@click.option("--to-block", type=click.IntRange(0), help="Last block; the newest without it.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Only the blocks of a UTC day.")
@click.option("--network", help="The chain you expect, as the seeds name it.")
@click.option(
    "--only",
    metavar="NAME",
    multiple=True,
    help="Read this asset or protocol; of the others what is finalized stays. May be repeated.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
@home_option
def evm(
    rpc: str | None,
    from_block: int,
    to_block: int | None,
    day: datetime | None,
    network: str | None,
    only: tuple[str, ...],
    quiet: bool,
    root: Path | None,
) -> None:
    """Token transfers and stress events of an account chain; run it again for what is new.

    \b
    flowhouse ingest evm --rpc http://127.0.0.1:8545
    flowhouse ingest evm --rpc http://127.0.0.1:8545 --only WBTC --only cbBTC
    flowhouse ingest evm --rpc http://127.0.0.1:8545 --day 2025-11-03

    Which tokens and contracts is said by seeds/tokens.csv and seeds/contracts.csv.
    """
    from ingestion.evm import ingest as chain
    from ingestion.evm.node import Node
    from ingestion.evm.provider import Provider

    if day and (from_block or to_block is not None):
        raise UsageError("A day has its own blocks: give --day, or --from-block and --to-block.")
    home, settings = open_home(root), Settings.read()
    if not (rpc or settings.evm_rpc_url):
        raise UsageError("Nobody to ask: give --rpc URL, or set FLOWHOUSE_EVM_RPC_URL.")
    node = Node(Provider(rpc or settings.evm_rpc_url))
    watch_list = seeds.load_watch_list(node.chain_id(), network, only)
    wanted = chain.BlockRange(from_block, to_block, day.date() if day else None)
    with home.lock(), chain_progress(quiet, "events") as told:
        _leave_sample(home)
        taken = chain.from_node(home.lake, node, watch_list, wanted, told)
    held = "nothing held" if taken.last_block is None else f"held up to block {taken.last_block:,}"
    click.echo(f"evm {taken.network}: {taken.events:,} events read, {held}")
    sys.exit(say_failures(taken.failures))


def _update(name: str, home: Home, how: IngestMode) -> None:
    from orchestration import sources

    source = next(module for module in sources.SOURCES if name == module.SOURCE)
    with home.lock():
        say_if_leaving_sample(home, how)
        reading = sources.update(source, home, how)
        sources.update_definitions(home)
    click.echo(reading_line(reading))
    sys.exit(say_failures(reading.failures))


def _leave_sample(home: Home) -> None:
    from orchestration import sources

    if sources.holds_any_sample(home):
        click.echo("This home held the bundled sample; its rows are left out from now on.")
        sources.leave_sample(home)


def _own_file(source: ModuleType, file: Path | None, name: str | None, resource, note: str = "") -> UserUpload | None:
    """The user's own file as the options describe it; None where none of them is given.

    Raises:
        UsageError: the options do not fit each other, or the file cannot be read.
        PageRefused: the file cannot be trusted.
    """
    from orchestration import sources

    if not file and not name:
        return None
    if not (file and name):
        raise UsageError("Your own file needs a name: give both --file F and --name N.")
    if not re.fullmatch(NAME, name) or name in source.RESERVED_NAMES:
        taken = " and ".join(source.RESERVED_NAMES)
        raise UsageError(f"'{name}' cannot be its name: take letters, digits, - and _, other than {taken}.")
    return sources.user_upload(source, file, resource(name), note)
