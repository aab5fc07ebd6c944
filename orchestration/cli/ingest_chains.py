"""`flowhouse ingest bitcoin` and `flowhouse ingest evm`: chains, from the user's own node or provider."""

import sys
from datetime import datetime
from pathlib import Path

import click

from ingestion.errors import UsageError
from orchestration import seeds
from orchestration.cli.options import home_option, node_options, open_home
from orchestration.cli.progress import chain_progress, say_failures, say_leaving_sample
from orchestration.home import Home


@click.command()
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
    from orchestration.node_config import NodeFiles, folder, headers, node, node_location

    location = node_location(network, datadir, rpc, rest, cookie)
    from orchestration.settings import Settings

    home = open_home(root)
    settings = Settings.read(home.root)
    with home.lock(), chain_progress(quiet) as progress:
        # The node is opened before the sample goes: where there is none, nothing changes.
        if isinstance(location, NodeFiles):
            files = folder(location)
            _leave_sample(home)
            if snapshot:
                chain.from_snapshot(home.lake, snapshot, files)
            result = chain.from_files(home.lake, files, settings.confirmations, progress)
        else:
            running = node(location, settings)
            _leave_sample(home)
            if snapshot:
                chain.from_snapshot(home.lake, snapshot, headers(running))
            result = chain.from_node(home.lake, running, settings.confirmations, progress)
    click.echo(f"bitcoin {result.network}: {result.blocks:,} blocks read, height {result.tip_height:,}")


@click.command()
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

    seeds/tokens.csv and seeds/contracts.csv name the tokens and contracts that are read.
    """
    from ingestion.evm import ingest as chain
    from ingestion.evm.block_range import BlockRange
    from ingestion.evm.node import Node
    from ingestion.evm.provider import Provider

    if day and (from_block or to_block is not None):
        raise UsageError("A day has its own blocks: give --day, or --from-block and --to-block.")
    from orchestration.settings import Settings

    home = open_home(root)
    settings = Settings.read(home.root)
    if not (rpc or settings.evm_rpc_url.get_secret_value()):
        raise UsageError("Nobody to ask: give --rpc URL, or set FLOWHOUSE_EVM_RPC_URL.")
    node = Node(Provider(rpc or settings.evm_rpc_url.get_secret_value()))
    watch_list = seeds.load_watch_list(node.chain_id(), network, only)
    blocks = BlockRange(from_block, to_block, day.date() if day else None)
    with home.lock(), chain_progress(quiet, "events") as progress:
        _leave_sample(home)
        result = chain.from_node(home.lake, node, watch_list, blocks, progress)
    held = "nothing held" if result.last_block is None else f"held up to block {result.last_block:,}"
    click.echo(f"evm {result.network}: {result.events:,} events read, {held}")
    sys.exit(say_failures(result.failures))


def _leave_sample(home: Home) -> None:
    from orchestration import gather

    if home.is_sample:
        say_leaving_sample()
        gather.leave_sample(home)
