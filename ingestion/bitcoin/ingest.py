"""A chain brought up to date in the lake: from a node's files, from a node itself, or from the bundled sample."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.ledger import Ledger, blocks_daily
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from ingestion.lake.tables import Lake

if TYPE_CHECKING:
    from ingestion.bitcoin.node.client import Node
    from ingestion.bitcoin.snapshot import Chain

SAMPLE_NETWORK = "regtest"
SAMPLE_CONFIRMATIONS = 12
"""Three days of the sample's chain, so that it shows days that are not final."""

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class IngestResult:
    """What an update came to: blocks read now, and the height of the last one held (None for none)."""

    network: str
    blocks: int
    tip_height: int | None


def from_files(
    lake: Lake,
    datadir: Path,
    network: str,
    confirmations: int,
    is_sample: bool = False,
    progress: Progress | None = None,
) -> IngestResult:
    """Read what is new in a node's data folder, which may be running.

    Args:
        network: main, signet, testnet4 or regtest.
        confirmations: blocks on top of a block before it is folded into its day; above, a reorg may replace it.
        progress: told (bytes of blocks done, bytes in all, coins spent in them).

    Raises:
        UsageError: there is no such network, or the home holds the sample's chain and this is none.
        ChainMismatch: the node's chain leaves the lake's below what is folded.
        IngestionError: as the files' reader names it; what was stored stays.
    """
    from ingestion.bitcoin import history  # compiled code takes 2 s of CPU to load
    from ingestion.bitcoin.files.folder import Folder

    check_network(network)
    folder = Folder(datadir, NETWORKS[network])
    ledger = Ledger(lake, network)
    if ledger.record.is_sample and not is_sample:
        ledger.reset()
    after = ledger.last_common(lambda height: folder.block_hash(height) if height <= folder.tip_height else None)
    fold_until = folder.tip_height - confirmations
    ledger.append(history.read(folder, after, fold_until, progress=progress), after, fold_until, is_sample=is_sample)
    return IngestResult(network, folder.tip_height - (-1 if after is None else after), ledger.record.tip_height)


def from_node(lake: Lake, node: Node, confirmations: int, progress: Progress | None = None) -> IngestResult:
    """Read what is new from a running node, RPC or REST.

    Args:
        node: a `client.Rpc` or `client.Rest`.
        confirmations: as in `from_files`.
        progress: told (blocks done, blocks in all, coins spent in them).

    Raises:
        ChainMismatch, IngestionError: as in `from_files`.
    """
    from ingestion.bitcoin.node import blocks

    network = node.network.name
    ledger = Ledger(lake, network)
    if ledger.record.is_sample:
        ledger.reset()
    after = ledger.last_common(node.hash_at)
    fold_until = node.tip()[0] - confirmations
    batches = blocks.read(node, after, fold_until, blocks_daily(lake, ledger.record), ledger.hash_at(after), progress)
    ledger.append(batches, after, fold_until, node.transport)
    tip_height = ledger.record.tip_height
    return IngestResult(network, (tip_height or 0) - (-1 if after is None else after), tip_height)


def from_snapshot(lake: Lake, path: Path, chain: Chain) -> IngestResult:
    """Start without history, from the coins unspent at one block; read on from a node afterwards.

    Args:
        path: a file that `dumptxoutset` wrote.
        chain: the chain it was taken from: a `files.Folder`, or a `NodeChain` with all headers.

    Raises:
        UsageError: there is no such file, or the lake holds blocks already.
        IngestionError: as the snapshot's reader names it; what was stored stays.
    """
    from ingestion.bitcoin import snapshot

    network = chain.network.name
    ledger = Ledger(lake, network)
    if ledger.record.is_sample:
        ledger.reset()
    if (height := ledger.record.tip_height) is not None:
        raise UsageError(
            f"The home holds the {network} chain up to height {height}: start a snapshot in another --home."
        )
    if not path.is_file():
        raise UsageError(f"{path} is not a file: name one that `bitcoin-cli dumptxoutset` wrote.")
    batch = snapshot.read(path, chain)
    ledger.append([batch], None, batch.last_height, "snapshot")
    return IngestResult(network, 0, ledger.record.tip_height)


def from_sample(lake: Lake) -> IngestResult:
    """Read the sample's chain from files made for it, unless the lake holds it already."""
    record = Ledger(lake, SAMPLE_NETWORK).record
    if record.is_sample:
        return IngestResult(SAMPLE_NETWORK, 0, record.tip_height)
    from ingestion.sample import chain

    with tempfile.TemporaryDirectory() as datadir:
        chain.write(Path(datadir))
        return from_files(lake, Path(datadir), SAMPLE_NETWORK, SAMPLE_CONFIRMATIONS, is_sample=True)


def check_network(network: str) -> None:
    """Raise UsageError where there is no such network."""
    if network not in NETWORKS:
        raise UsageError(f"There is no network '{network}': choose one of {', '.join(NETWORKS)}.")


def collect_garbage(lake: Lake) -> None:
    """Have the tables there, and nothing in them that an interrupted run left behind."""
    for network in NETWORKS:
        Ledger(lake, network)


def leave_sample(lake: Lake) -> None:
    """Drop the sample's chain: it stands in no home with real captures."""
    ledger = Ledger(lake, SAMPLE_NETWORK)
    if ledger.record.is_sample:
        ledger.reset()
