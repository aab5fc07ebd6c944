"""Blocks of a running node as rows of the lake, as `history` gives them from its files."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain as chained
from typing import NamedTuple

import numpy as np
import polars as pl

from ingestion.bitcoin.batches import (
    CELLS,
    LARGE_ROWS,
    TOTALS,
    BlockRows,
    batch_of_blocks,
    script_rows,
    signature_rows,
    watched_rows,
)
from ingestion.bitcoin.decode import COINBASE, MAX_SCRIPT_BYTES, TRANSFER
from ingestion.bitcoin.node.chain import MAX_REORGS, NodeChain, chain_left, chain_unsettled
from ingestion.bitcoin.node.client import Node
from ingestion.bitcoin.node.messages import Block, Coin, Output, Transaction, sats
from ingestion.bitcoin.rows import Batch
from ingestion.bitcoin.signatures import (
    LONG,
    LONG_TERM_DAYS,
    SHORT,
    add,
    empty_scripts,
    empty_sums,
    script_types,
    signature,
)
from ingestion.bitcoin.watched import NOTHING, Watched
from ingestion.bitcoin.watching import NOBODY, Sums, WatchedRows, Watching
from ingestion.threads import in_order

# A batch is a day of blocks, about a minute of the node's time. One that takes longer than BATCH_SECONDS is cut there,
# so that an interrupted run has lost no more; but never among the newest blocks, which a reorg may still replace.
BATCH_BLOCKS = 144
BATCH_SECONDS = 10
UNCUT_BLOCKS = 12


class ReadBlock(NamedTuple):
    """What is kept of a block, int64 but for ids of transactions.

    Attributes:
        cells: of coin flow, in the columns of CELLS.
        totals: in the columns of TOTALS.
        scripts, sums: as `signatures` shapes them.
        large: its large transactions, in the columns of LARGE_ROWS.
        watched: what it does to watched addresses.
    """

    cells: np.ndarray
    totals: np.ndarray
    scripts: np.ndarray
    sums: np.ndarray
    large: list[tuple[int | str, ...]]
    watched: WatchedRows


def read(
    node: Node,
    after: int | None,
    finalize_until: int,
    known: pl.DataFrame | None = None,
    after_hash: str | None = None,
    progress: Callable[[int, int, int], None] | None = None,
    watched: Watched = NOTHING,
) -> Iterator[Batch]:
    """Every block above `after` up to the node's tip at the start, as `files.reader.read` gives them from its files.

    A batch has BATCH_BLOCKS, or fewer after BATCH_SECONDS; a finalized one goes on to the end of its day if there is
    time. It is yielded only if its last block is still on the node's chain; otherwise the blocks that a reorg replaced
    are read again.

    Args:
        node: the node.
        after: height of the last block already read; None to begin with genesis.
        finalize_until: height of the last final block; blocks above stay by block.
        known, after_hash: see `NodeChain`; without them all headers are requested.
        progress: called with (blocks done, blocks in all, coins spent in them) after each block.
        watched: addresses whose flows are wanted.

    Raises:
        PrunedBlock, MissingUndo, NodeRefused: see `Node.block`.
        NodeUnreachable: the node stays busy, or breaks off.
        ReorgDuringRead: the chain was replaced below the batches already yielded, or keeps changing.
    """
    first = 0 if after is None else after + 1
    start = first
    chain = NodeChain(node, after, known, after_hash)
    watching = Watching(watched, node.network)
    rows: dict[int, ReadBlock] = {}
    spends = reorgs = 0
    while first <= chain.tip_height:
        last = _end(chain, first, finalize_until)
        missing = [height for height in range(first, last + 1) if height not in rows]
        uncut = max(finalize_until, chain.tip_height - UNCUT_BLOCKS)
        begun = time.monotonic()
        for height, block in zip(missing, _read_blocks(node, chain, missing, watching), strict=True):
            rows[height] = block
            spends += int(block.totals[2])
            if progress:
                progress(height + 1 - start, chain.tip_height + 1 - start, spends)
            is_late = time.monotonic() - begun >= BATCH_SECONDS and height < last and height <= uncut
            if is_late and node.hash_at(height) == chain.block_hash(height):
                yield _batch_of(chain, watching, first, height, height <= finalize_until, rows)
                rows.clear()
                first, begun = height + 1, time.monotonic()
        if node.hash_at(last) == chain.block_hash(last):
            yield _batch_of(chain, watching, first, last, last <= finalize_until, rows)
            rows.clear()
            first = last + 1
            continue
        reorgs += 1
        fork = chain.follow()
        if fork < first - 1:
            raise chain_left(node, first - 1)
        if reorgs == MAX_REORGS:
            raise chain_unsettled(node, last)
        rows = {height: block for height, block in rows.items() if height <= fork}


def _end(chain: NodeChain, first: int, finalize_until: int) -> int:
    """Last height of the batch that begins at `first`."""
    if first > finalize_until:
        # The newest blocks come in one batch, so that a reorg stays within what has not been yielded.
        is_last = chain.tip_height - first < 2 * BATCH_BLOCKS
        return chain.tip_height if is_last else first + BATCH_BLOCKS - 1
    stop = min(finalize_until, chain.tip_height)
    days = chain.day_of_height
    day = days[min(first + BATCH_BLOCKS - 1, stop)]
    return min(int(np.searchsorted(days, day, side="right")) - 1, stop)


def _read_blocks(node: Node, chain: NodeChain, heights: list[int], watching: Watching) -> Iterator[ReadBlock]:
    days = chain.day_of_height
    return in_order(
        lambda height: block_rows(node.block(height, chain.block_hash(height)), days, watching),
        heights,
        node.in_flight,
    )


def block_rows(block: Block, day_of_height: np.ndarray, watching: Watching) -> ReadBlock:
    """What is kept of a block.

    Args:
        block: with the coins it spent.
        day_of_height: number of the UTC day by height.
        watching: the addresses that are watched.
    """
    coins = block.spent_coins()
    amounts = sats([coin.value for coin in coins])
    birth_days = day_of_height[np.array([coin.height for coin in coins], dtype=np.int64)].astype(np.int64)
    kinds = np.array([COINBASE if coin.generated else TRANSFER for coin in coins], dtype=np.int64)
    outputs = [_outputs(block.transactions[:1]), _outputs(block.transactions[1:])]
    totals = [block.height, len(block.transactions), len(coins), int(amounts.sum()), *chained.from_iterable(outputs)]
    types = script_types([coin.script.hex for coin in coins])
    is_long = birth_days <= day_of_height[block.height] - LONG_TERM_DAYS
    scripts = empty_scripts()
    np.add.at(scripts, (np.where(is_long, LONG, SHORT), types), np.column_stack([amounts, np.ones_like(amounts)]))
    sums, large = _signatures(block, amounts, is_long, types)
    return ReadBlock(
        _cells(block.height, birth_days, kinds, amounts),
        np.array(totals, dtype=np.int64),
        scripts,
        sums,
        large,
        _watched(block, watching),
    )


def _watched(block: Block, watching: Watching) -> WatchedRows:
    """What a block does to watched addresses, as `files.reader` finds it."""
    sums = Sums(watching)
    if watching.table is None:
        return sums.rows()
    spent = [[each.prevout for each in spender.vin if each.prevout is not None] for spender in block.transactions]
    made = [each.vout for each in block.transactions]
    sums.add(_found(spent, watching), _found(made, watching), block.height)
    sums.drain(block.height)
    return sums.rows()


def _found(coins: Sequence[Sequence[Coin | Output]], watching: Watching) -> np.ndarray:
    """The coins of watched scripts, given by transaction, as `Sums.add` takes them."""
    found = [
        (n, each.value, number)
        for n, of_transaction in enumerate(coins)
        for each in of_transaction
        if (number := watching.number(each.script.hex)) != NOBODY
    ]
    transactions, values, numbers = zip(*found, strict=True) if found else ((), (), ())
    return np.column_stack([np.array(transactions, dtype=np.int64), sats([*values]), np.array(numbers, dtype=np.int64)])


def _cells(height: int, birth_days: np.ndarray, kinds: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Rows of CELLS, one per birth day and kind."""
    keys, of_coin, coins = np.unique(birth_days * 2 + kinds, return_inverse=True, return_counts=True)
    summed = np.zeros(len(keys), dtype=np.int64)
    np.add.at(summed, of_coin, amounts)
    return np.column_stack([np.full(len(keys), height), keys // 2, keys % 2, summed, coins])


def _signatures(
    block: Block, amounts: np.ndarray, is_long: np.ndarray, types: np.ndarray
) -> tuple[np.ndarray, list[tuple[int | str, ...]]]:
    """Sums of the signatures of a block, and its large transactions, as `decode.read_block` finds them.

    Args:
        block: with the coins it spent.
        amounts, is_long, types: of these coins, in their order.
    """
    spenders = block.transactions[1:]
    ends = np.cumsum([len(spender.vin) for spender in spenders], dtype=np.int64)
    sums = empty_sums()
    large: list[tuple[int | str, ...]] = []
    for n in np.unique(np.searchsorted(ends, np.flatnonzero(is_long), side="right")):
        spender = spenders[n]
        coins = slice(ends[n] - len(spender.vin), ends[n])
        spent_sats, lth_sats = int(amounts[coins].sum()), int(amounts[coins][is_long[coins]].sum())
        if lth_sats == 0:
            continue
        outputs = [each.script.hex for each in spender.vout if not _is_unspendable(each.script.hex)]
        scripts = _bits(types[coins]), _bits(script_types(outputs))
        kind = signature(len(spender.vin), len(outputs), *scripts)
        if add(sums, kind, spent_sats, lth_sats):
            counts = len(spender.vin), len(outputs)
            large.append((block.height, block.time, spender.txid, kind, *counts, spent_sats, lth_sats, *scripts))
    return sums, large


def _bits(types: np.ndarray) -> int:
    return int(np.bitwise_or.reduce(1 << types, initial=0))


def _outputs(transactions: list[Transaction]) -> tuple[int, int, int, int]:
    """Outputs, their satoshi, and those that can never be spent, as `decode.read_block` counts them."""
    outputs = [output for transaction in transactions for output in transaction.vout]
    amounts = sats([output.value for output in outputs])
    unspendable = np.array([_is_unspendable(output.script.hex) for output in outputs], dtype=bool)
    return len(outputs), int(amounts.sum()), int(unspendable.sum()), int(amounts[unspendable].sum())


def _is_unspendable(script: str) -> bool:
    """Whether a script in hexadecimal digits begins with OP_RETURN or is longer than a script may be."""
    return script.startswith("6a") or len(script) > 2 * MAX_SCRIPT_BYTES


def _batch_of(
    chain: NodeChain, watching: Watching, first: int, last: int, is_finalized: bool, rows: dict[int, ReadBlock]
) -> Batch:
    heights = list(range(first, last + 1))
    cells, totals, scripts, sums, large, watched = map(list, zip(*(rows[height] for height in heights), strict=True))
    read_rows = BlockRows(
        pl.DataFrame(np.concatenate(cells), schema=CELLS, orient="row"),
        pl.DataFrame(np.array(totals), schema=TOTALS, orient="row"),
        script_rows(heights, scripts),
        signature_rows(heights, [1] * len(heights), sums),
        pl.DataFrame([*chained.from_iterable(large)], schema=LARGE_ROWS, orient="row"),
        *watched_rows(watching, *(np.concatenate(parts) for parts in zip(*watched, strict=True))),
    )
    return batch_of_blocks(chain, first, last, is_finalized, True, read_rows)
