"""A UTXO chain brought up to date in the lake: from a node's files, from a node itself, or from a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.errors import NodeBehind
from ingestion.bitcoin.ledger import CoinLedger, blocks_daily
from ingestion.bitcoin.watched import NOTHING, Watched
from ingestion.errors import UsageError
from ingestion.lake.tables import Lake

if TYPE_CHECKING:
    from ingestion.bitcoin.chain_view import ChainView
    from ingestion.bitcoin.files.chain import FileChain
    from ingestion.bitcoin.node.client import Node

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class IngestResult:
    """What an update did.

    Attributes:
        network: name of the network.
        blocks: blocks read now.
        coins: coins spent in them.
        tip_height: height of the lake's last block; None where it has none.
    """

    network: str
    blocks: int
    coins: int
    tip_height: int | None


def from_files(
    lake: Lake, chain: FileChain, confirmations: int, progress: Progress | None = None, watched: Watched = NOTHING
) -> IngestResult:
    """Read what is new in the files of a node, which may be running.

    Args:
        chain: the chain in its files.
        confirmations: blocks on top of a block before it is final; above, a reorg may replace it.
        progress: called with (bytes of blocks done, bytes in all, coins spent in them).
        watched: addresses whose flows are wanted; flows of others end here.

    Raises:
        ChainMismatch: the node's chain leaves the lake's below what is final.
        NodeBehind: the node has only the beginning of the lake's chain.
        IngestionError: as the files' reader names it; what was stored stays.
    """
    from ingestion.bitcoin.files import reader  # compiled code takes 2 s of CPU to load

    ledger = CoinLedger(lake, chain.network)
    after = ledger.last_common(lambda height: chain.block_hash(height) if height <= chain.tip_height else None)
    chain.end_at_gap(0 if after is None else after + 1)
    _check_not_behind(ledger, chain.network.name, after, chain.tip_height)
    finalize_until = chain.tip_height - confirmations
    batches = reader.read(chain, after, finalize_until, progress=progress, watched=watched)
    coins = ledger.append(batches, after, finalize_until, watched=watched)
    blocks = chain.tip_height - (-1 if after is None else after)
    return IngestResult(chain.network.name, blocks, coins, ledger.record.tip_height)


def from_node(
    lake: Lake, node: Node, confirmations: int, progress: Progress | None = None, watched: Watched = NOTHING
) -> IngestResult:
    """Read what is new from a running node, RPC or REST.

    Args:
        node: the running node.
        confirmations: as in `from_files`.
        progress: called with (blocks done, blocks in all, coins spent in them).
        watched: as in `from_files`.

    Raises:
        ChainMismatch, NodeBehind, IngestionError: as in `from_files`.
    """
    from ingestion.bitcoin.node import reader

    network = node.network.name
    ledger = CoinLedger(lake, node.network)
    after = ledger.last_common(node.hash_at)
    tip_height = node.tip()[0]
    _check_not_behind(ledger, network, after, tip_height)
    finalize_until = tip_height - confirmations
    batches = reader.read(
        node, after, finalize_until, blocks_daily(lake, ledger.record), ledger.hash_at(after), progress, watched
    )
    coins = ledger.append(batches, after, finalize_until, node.transport, watched)
    blocks = (ledger.record.tip_height or 0) - (-1 if after is None else after)
    return IngestResult(network, blocks, coins, ledger.record.tip_height)


def from_snapshot(lake: Lake, path: Path, chain: ChainView) -> IngestResult:
    """Start without history, from the coins unspent at one block; read on from a node afterwards.

    Args:
        path: a file that `dumptxoutset` wrote.
        chain: the chain it was taken from: a node's files, or a node's chain with all headers.

    Raises:
        UsageError: there is no such file, or the lake holds blocks already.
        IngestionError: as the snapshot's reader names it; what was stored stays.
    """
    from ingestion.bitcoin import snapshot

    network = chain.network.name
    ledger = CoinLedger(lake, chain.network)
    if (height := ledger.record.tip_height) is not None:
        raise UsageError(
            f"The home holds the {network} chain up to height {height}: start a snapshot in another --home."
        )
    if not path.is_file():
        raise UsageError(f"{path} is not a file: pass one that `bitcoin-cli dumptxoutset` wrote.")
    batch = snapshot.read(path, chain)
    ledger.append([batch], None, batch.last_height, "snapshot")
    return IngestResult(network, 0, 0, ledger.record.tip_height)


def _check_not_behind(ledger: CoinLedger, network: str, after: int | None, tip_height: int) -> None:
    """Raise NodeBehind where all of a node's chain is the beginning of the lake's, which a reorg is not."""
    held = ledger.record.tip_height
    if held is not None and after == tip_height < held:
        raise NodeBehind(
            f"The node's {network} chain ends at height {tip_height:,}, and the home holds it up to {held:,}: let the"
            " node catch up."
        )
