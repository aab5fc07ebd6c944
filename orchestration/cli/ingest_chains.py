"""`flowhouse ingest bitcoin` and `flowhouse ingest evm`: chains, from the user's own node or provider."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ingestion.errors import IngestionError, UsageError
from orchestration.cli.options import home_option, node_options, open_configured_home
from orchestration.cli.progress import chain_progress, say_failures

if TYPE_CHECKING:
    from ingestion.evm.block_range import BlockRange
    from ingestion.evm.ranges import Range
    from orchestration.chain_reading import ChainConfig, EvmChain
    from orchestration.home import Home
    from orchestration.settings import Settings


@click.command()
@node_options
@click.option("--snapshot", type=click.Path(path_type=Path), help="Begin with a UTXO snapshot, then read on.")
@click.option("--quiet", is_flag=True, help="No progress.")
@home_option
@click.pass_context
def bitcoin(
    ctx: click.Context,
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
    flowhouse ingest bitcoin --datadir ~/.bitcoin --rpc http://127.0.0.1:8332 --cookie ~/.bitcoin/.cookie

    With a folder and an address history comes from the files, along the chain that the node follows.
    For --rpc give --cookie, or FLOWHOUSE_RPC_USER and FLOWHOUSE_RPC_PASSWORD in the environment. Without an option the
    nodes of flowhouse.toml are read.
    """
    from orchestration.chain_reading import BitcoinChain
    from orchestration.node_config import node_location
    from orchestration.settings import BitcoinNode

    home, settings = open_configured_home(root)
    if any((datadir, rpc, rest, cookie, snapshot)) or not settings.bitcoin:
        # A network that there is, and a folder, an address or both.
        node_location(network, None if rpc or rest else datadir, rpc, rest, cookie)
        section = BitcoinNode(
            datadir=datadir, rpc=rpc, rest=rest, cookie=cookie, snapshot=snapshot, confirmations=settings.confirmations
        )
        asked = [BitcoinChain(network, section, must_begin=snapshot is not None)]
    else:
        is_named = ctx.get_parameter_source("network") != ParameterSource.DEFAULT
        asked = _configured(settings, "bitcoin", network if is_named else None)
    sys.exit(_ingest(home, settings, asked, quiet))


@click.command()
@click.option("--rpc", help="Address of a provider; one with a key goes better into FLOWHOUSE_EVM_RPC_URL.")
@click.option("--from-block", type=click.IntRange(0), help="First block.")
@click.option("--to-block", type=click.IntRange(0), help="Last block; the newest without it.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Only the blocks of a UTC day.")
@click.option(
    "--blocks",
    metavar="FIRST-LAST",
    help="Read this range of history by itself, beside others; the next ingest without it takes what is complete.",
)
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
    from_block: int | None,
    to_block: int | None,
    day: datetime | None,
    blocks: str | None,
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
    flowhouse ingest evm --network ethereum --blocks 18000000-18499999

    seeds/tokens.csv and seeds/contracts.csv name the tokens and contracts that are read. Without --rpc and
    FLOWHOUSE_EVM_RPC_URL the providers of flowhouse.toml are asked.
    """
    from ingestion.evm.block_range import BlockRange
    from ingestion.evm.ranges import Range

    is_part = day is not None or from_block is not None or to_block is not None
    wanted = BlockRange(from_block or 0, to_block, day.date() if day else None) if is_part else None
    part = Range.parse(blocks) if blocks is not None else None
    if part and wanted:
        raise UsageError("--blocks is a range by itself: leave out --from-block, --to-block and --day.")
    home, settings = open_configured_home(root)
    url = rpc or settings.evm_rpc_url.get_secret_value()
    asked = [_provider(url, network, settings)] if url else _configured(settings, "evm", network)
    asked = [_part(chain, wanted, only) for chain in asked]
    sys.exit(_ingest_range(home, settings, asked, part, quiet) if part else _ingest(home, settings, asked, quiet))


def _provider(url: str, network: str | None, settings: Settings) -> ChainConfig:
    """The chain behind a provider that is named for once."""
    from pydantic import SecretStr

    from orchestration.chain_reading import EvmChain
    from orchestration.chains import network_of
    from orchestration.settings import EvmProvider

    network = network or network_of(url, settings)
    configured = settings.evm.get(network)
    blooms = configured.blooms if configured else "filled"  # the chain's, whoever is asked
    return EvmChain(network, EvmProvider(rpc=(SecretStr(url),), blooms=blooms))


def _configured(settings: Settings, source: str, network: str | None) -> list[ChainConfig]:
    """The configured chain of a network, or all of them where none is named.

    Raises:
        UsageError: there is none.
    """
    from orchestration.chains import configured

    found = [chain for chain in configured(settings) if chain.source == source and network in (None, chain.network)]
    if not found:
        address = "give --rpc URL, set FLOWHOUSE_EVM_RPC_URL," if source == "evm" else "give --datadir DIR"
        raise UsageError(f"Nobody to ask: {address} or configure [{source}.{network or 'NETWORK'}] in flowhouse.toml.")
    return found


def _part(chain: ChainConfig, blocks: BlockRange | None, only: tuple[str, ...]) -> EvmChain:
    """An account chain, of which perhaps only some blocks, assets or protocols are asked for."""
    from orchestration.chain_reading import EvmChain

    assert isinstance(chain, EvmChain)
    provider = chain.provider.model_copy(update={"only": only}) if only else chain.provider
    return replace(chain, provider=provider, blocks=blocks or chain.blocks)


def _ingest_range(home: Home, settings: Settings, asked: Sequence[EvmChain], part: Range, quiet: bool) -> int:
    """Read a range of a chain's history and say how that went; returns the exit code.

    Raises:
        UsageError: several chains are configured.
        IngestionError: it could not be read.
    """
    from orchestration import chains

    if len(asked) > 1:
        raise UsageError(f"--blocks are those of one chain: give --network, such as {asked[0].network}.")
    with chain_progress(quiet, "events") as progress:
        result = chains.ingest_range(home, settings, asked[0], part, progress)
    click.echo(f"evm {asked[0].network}: {result.captures:,} blocks of {part} read, {result.added:,} events in them")
    return say_failures(result.failures)


def _ingest(home: Home, settings: Settings, asked: Sequence[ChainConfig], quiet: bool) -> int:
    """Read chains and say how each went; returns the exit code.

    Raises:
        IngestionError: the only one that was asked for could not be read.
    """
    from orchestration import chains, spool
    from orchestration.home import now
    from orchestration.outcome import Outcome, events

    failures: list[str] = []
    for chain in asked:
        counted = "coins spent" if chain.source == "bitcoin" else "events"
        try:
            with chain_progress(quiet, counted) as progress:
                result = chains.ingest(home, settings, chain, progress)
        except IngestionError as error:
            if len(asked) == 1:
                raise
            failures.append(f"{chain.name}: {error}")
            continue
        spool.put(home, list(events(Outcome([result]))), now())
        click.echo(_line(home, chain, result.captures, result.added))
        failures += result.failures
    return say_failures(failures)


def _line(home: Home, chain: ChainConfig, blocks: int, counted: int) -> str:
    from ingestion.bitcoin import ledger as coins
    from ingestion.bitcoin.networks import NETWORKS
    from ingestion.evm import ledger as events

    if chain.source == coins.SOURCE:
        height = coins.read_record(home.lake, NETWORKS[chain.network]).tip_height
        return f"bitcoin {chain.network}: {blocks:,} blocks read, height {-1 if height is None else height:,}"
    last = events.last_block(home.lake, events.read_record(home.lake, chain.network))
    held = "nothing held" if last is None else f"held up to block {last:,}"
    return f"evm {chain.network}: {counted:,} events read, {held}"
