"""History from a node's files: coin flow by day, and by block near the tip, in batches for the lake."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.batches import (
    CELLS,
    LARGE_ROWS,
    SCRIPT_CELLS,
    TOTALS,
    BlockRows,
    batch_of_blocks,
    signature_rows,
    watched_rows,
)
from ingestion.bitcoin.errors import DamagedFile
from ingestion.bitcoin.files import undo_sums
from ingestion.bitcoin.files.block_files import MAX_BLOCK_BYTES, MIN_TRANSACTION_BYTES, is_genuine, txid
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.files.undo_in_order import NotInOrder
from ingestion.bitcoin.files.undo_matching import ByteRange
from ingestion.bitcoin.rows import KINDS, Batch
from ingestion.bitcoin.watched import NOTHING, Watched
from ingestion.bitcoin.watching import NO_COINS, Search, Watching
from ingestion.bitcoin.watching import Sums as WatchedSums

# Rows collected before a batch is yielded; half a million take about 150 MB while they are concatenated.
BATCH_ROWS = 500_000
# Up to so many bytes of blocks, a day's, are checked against their headers: 5 ms for a block of 1,400 transactions. All
# of history would take an hour that way, instead of minutes.
CHECKED_BYTES = 256 << 20
# Fewer after so long, so that an interrupted run has lost no more; storing a batch takes about 0.05 s.
BATCH_SECONDS = 10


def read(
    chain: FileChain,
    after: int | None,
    finalize_until: int,
    bodies: bool = True,
    progress: Callable[[int, int, int], None] | None = None,
    workers: int | None = None,
    watched: Watched = NOTHING,
) -> Iterator[Batch]:
    """Every block of the chain above `after`, as batches in order of height.

    File by file, in threads. Memory does not grow with the chain: it is an undo file and a block per thread, and
    the rows of a batch. To resume, pass the last_height of the last stored batch, if the chain still has its
    last_hash.

    Args:
        chain: the chain in a node's files.
        after: height of the last block already read; None to begin with genesis.
        finalize_until: height of the last final block; blocks above stay by block.
        bodies: whether to read the blocks, for created coins and fees, or the undo records alone.
        progress: called with (bytes of blocks done, bytes in all, coins spent in them) after each file.
        workers: threads; the machine's cores by default.
        watched: addresses whose flows are wanted, which only the blocks tell.

    Raises:
        MissingUndo: a block has no undo record.
        MissingBlocks: see `FileChain.undo`.
        DamagedFile: an undo record or a block cannot be read, or the two disagree.
    """
    first = 0 if after is None else after + 1
    files = chain.heights_by_file(first)
    total = sum(chain.block_bytes(height) for height in range(first, chain.tip_height + 1))
    check = bodies and total <= CHECKED_BYTES
    is_done = np.zeros(chain.tip_height + 2 - first, dtype=bool)
    read_files: list[BlockRows] = []
    done = spends = 0
    begun = time.monotonic()
    workers = workers or os.cpu_count() or 1
    reading = _Reading(chain, finalize_until, bodies, check, Watching(watched if bodies else NOTHING, chain.network))
    for heights, rows in _in_threads(reading, files, workers):
        is_done[np.array(heights) - first] = True
        read_files.append(rows)
        if progress:
            done += sum(map(chain.block_bytes, heights))
            spends += int(rows.blocks["spends"].sum())
            progress(done, total, spends)
        reached = first + int(is_done.argmin()) - 1
        is_enough = (
            sum(len(each.flow) for each in read_files) >= BATCH_ROWS or time.monotonic() - begun >= BATCH_SECONDS
        )
        if reached == chain.tip_height or is_enough:
            rows = BlockRows.concat(read_files)
            for last in _ends(chain, first, reached, finalize_until):
                is_finalized = last <= finalize_until
                yield batch_of_blocks(chain, first, last, is_finalized, bodies, rows.of_heights(first, last))
                is_done = is_done[last + 1 - first :]
                first = last + 1
            read_files = [rows.of_heights(first, chain.tip_height)]
            begun = time.monotonic()


@dataclass(frozen=True)
class _Reading:
    """What is read of every file, and how; the attributes are arguments of `read`, but for `check`.

    Attributes:
        check: whether blocks are checked against their headers.
    """

    chain: FileChain
    finalize_until: int
    bodies: bool
    check: bool
    watching: Watching


def _in_threads(reading: _Reading, files: dict[int, list[int]], workers: int) -> Iterator[tuple[list[int], BlockRows]]:
    """Heights and rows of each file, in the order of `files`, a few files ahead of the reader."""
    waiting: deque[tuple[list[int], Future[BlockRows]]] = deque()
    pool, stop = ThreadPoolExecutor(workers), threading.Event()
    try:
        for number, heights in files.items():
            waiting.append((heights, pool.submit(_read_file, reading, number, heights, stop)))
            if len(waiting) > workers:
                heights, future = waiting.popleft()
                yield heights, future.result()
        for heights, future in waiting:
            yield heights, future.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _ends(chain: FileChain, first: int, reached: int, finalize_until: int) -> Iterator[int]:
    """Last heights of the batches that the blocks from `first` to `reached` make up."""
    final = min(reached, finalize_until)
    while final >= first and final not in (finalize_until, chain.tip_height) and _day_goes_on(chain, final):
        final -= 1
    if final >= first:
        yield final
    if reached > max(final, finalize_until):
        yield reached


def _day_goes_on(chain: FileChain, height: int) -> bool:
    return chain.day_of_height[height + 1] == chain.day_of_height[height]


def _read_file(reading: _Reading, number: int, heights: list[int], stop: threading.Event) -> BlockRows:
    """Rows by day or, above `finalize_until`, by block; and totals by block.

    The height of a day's rows is that of its last block in this file. Whoever sets `stop` no longer wants the file:
    a thread that goes on to its end would hold up an interrupted process.

    Raises:
        CancelledError: `stop` was set.
    """
    chain = reading.chain
    try:
        return _add_up(reading, number, heights, chain.undo_records_in_order(number, heights), stop)
    except NotInOrder:
        return _add_up(reading, number, heights, chain.undo_records(number, heights), stop)


def _add_up(
    reading: _Reading,
    number: int,
    heights: list[int],
    pieces: Iterator[tuple[np.ndarray, list[ByteRange]]],
    stop: threading.Event,
) -> BlockRows:
    chain = reading.chain
    days = chain.day_of_height[heights]
    blocks = np.zeros((len(heights), len(undo_sums.BLOCK)), dtype=np.int64)
    blocks[:, 0] = heights
    blocks[:, 3] = np.append(days[1:] != days[:-1], True) | (blocks[:, 0] >= reading.finalize_until)
    sums = _Sums(int(days[-1]) + 1, blocks, reading.watching)
    step = 1 if reading.bodies else len(blocks)
    done = 0
    with chain.block_reader() as read_block:
        for undo, records in pieces:
            end = done + len(records)
            blocks[done:end, 1:3] = records
            for first in range(done, end, step):
                if stop.is_set():
                    raise CancelledError
                _fold(chain, number, undo, sums, first, min(first + step, end))
                if reading.bodies:
                    _read_body(chain, heights[first], read_block(heights[first]), reading.check, sums, first)
            done = end
    return sums.rows()


class _Sums:
    """Sums over the blocks of a day, or of one block, and the rows that earlier ones came to.

    Attributes:
        blocks: int64 [block, undo_sums.BLOCK], the blocks of a file.
        spent_totals: int64 [block, 3], of each what `decode.fold_undo` says.
        outputs: int64 [block, kind, 4], of each what `decode.read_block` says.
    """

    def __init__(self, days: int, blocks: np.ndarray, watching: Watching):
        self.blocks = blocks
        self.spent_totals = np.zeros((len(blocks), 3), dtype=np.int64)
        self.outputs = np.zeros((len(blocks), len(KINDS), 4), dtype=np.int64)
        self.cells = np.zeros((days, len(KINDS), 2), dtype=np.int64)
        self.scripts = signatures.empty_scripts()
        self.signatures = signatures.empty_sums()
        self.spent = signatures.room_for_spent(MAX_BLOCK_BYTES // MIN_TRANSACTION_BYTES)
        self.large = signatures.room_for_large()
        self.large_rows: list[tuple[int | str, ...]] = []
        self._watching = watching
        self.watched = WatchedSums(watching)
        self.search = Search(watching)
        self.watched_spent = NO_COINS
        self._cells: list[np.ndarray] = []
        self._scripts: list[np.ndarray] = []
        self._signed: list[tuple[int, int, np.ndarray]] = []
        self._bodies = 0

    def fold(self, undo: np.ndarray, first: int, end: int, day_of_height: np.ndarray) -> tuple[int, int]:
        """Add what the blocks first to `end` spent; as `undo_sums.fold_blocks`: (status, blocks without fault)."""
        status, done, cells, scripts = undo_sums.fold_blocks(
            undo,
            self.blocks[first:end],
            day_of_height,
            self.cells,
            self.scripts,
            self.spent,
            self.spent_totals[first:end],
            self.search.keyed,
        )
        self._cells.append(cells)
        self._scripts.append(scripts)
        return status, done

    def end_body(self, n: int) -> None:
        """Keep what bodies came to as rows, where the block ends a day, and begin anew."""
        self._bodies += 1
        height, _, _, is_last = self.blocks[n].tolist()
        if is_last:
            self._signed.append((height, self._bodies, self.signatures.copy()))
            self.signatures[:] = 0
            self._bodies = 0
            self.watched.drain(height)

    def rows(self) -> BlockRows:
        """All rows, and the totals of the blocks, each of which has a coinbase besides what is spent."""
        totals = np.column_stack([self.blocks[:, 0], self.spent_totals, self.outputs.reshape(len(self.blocks), -1)])
        totals[:, 1] += 1
        heights, bodies, sums = map(list, zip(*self._signed, strict=True)) if self._signed else ([], [], [])
        return BlockRows(
            pl.DataFrame(np.concatenate(self._cells), schema=CELLS, orient="row"),
            pl.DataFrame(totals, schema=TOTALS, orient="row"),
            pl.DataFrame(np.concatenate(self._scripts), schema=SCRIPT_CELLS, orient="row"),
            signature_rows(heights, bodies, sums),
            pl.DataFrame(self.large_rows, schema=LARGE_ROWS, orient="row"),
            *watched_rows(self._watching, *self.watched.rows()),
        )


def _fold(chain: FileChain, number: int, undo: np.ndarray, sums: _Sums, first: int, end: int) -> None:
    status, done = sums.fold(undo, first, end, chain.day_of_height)
    if status != decode.OK:
        raise DamagedFile(
            f"{chain.undo_file(number)} has a record for height {sums.blocks[first + done, 0]} that"
            f" {decode.STATUS[status]}: {chain.repair}."
        )
    sums.watched_spent = sums.search.found(undo)


def _read_body(chain: FileChain, height: int, block: np.ndarray, check: bool, sums: _Sums, n: int) -> None:
    outputs = sums.outputs[n]
    transactions, inputs, listed = decode.read_block(
        block, sums.spent, outputs, sums.signatures, sums.large, sums.search.keyed
    )
    if transactions < 0:
        raise DamagedFile(
            f"{chain.block_file(height)} has a block at height {height} that cannot be read to its end: restore the"
            f" file, or {chain.repair}."
        )
    others, spends, spent_sats = sums.spent_totals[n].tolist()
    if (transactions, inputs) != (others + 1, spends):
        raise DamagedFile(
            f"{chain.block_file(height)} has {inputs} inputs in the block at height {height}, its undo record"
            f" {spends}: restore both files, or {chain.repair}."
        )
    is_too_much = int(outputs[:, decode.OUTPUT_SATS].sum()) > spent_sats + chain.network.subsidy(height)
    if is_too_much or (check and not is_genuine(block, chain.block_bytes(height))):
        raise DamagedFile(
            f"{chain.block_file(height)} has other transactions in the block at height {height} than its header says:"
            f" restore the file, or {chain.repair}."
        )
    sums.watched.add(sums.watched_spent, sums.search.found(block), height)
    block_at = int.from_bytes(block[68:72], "little")
    for row in sums.large[:listed].tolist():
        *what, start, inputs_start, outputs_end, end = row
        place = start, inputs_start, outputs_end, end
        sums.large_rows.append((height, block_at, txid(block.data, place)[::-1].hex(), *what))
    sums.end_body(n)
