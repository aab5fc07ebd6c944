"""Logs of a span of blocks from a provider that may refuse, limit, truncate or omit: requested in ranges that halve and
grow back. A gap without logs is checked against the blooms of its blocks."""

import threading
from collections.abc import Iterator
from itertools import pairwise

import polars as pl

from ingestion.evm.errors import AnswerRefused
from ingestion.evm.node import Node, require_header
from ingestion.evm.rows import Pair, Span
from ingestion.threads import in_order
from ingestion.transport.errors import NodeRefused

FIRST_WIDTH, WIDEST = 100, 10_000
# An answer with this many logs is 7 MB; the range is not widened then.
MANY_LOGS = 10_000
# Successful ranges before a width that was refused is tried again: providers' limits change, and so does the chain.
REGROW_AFTER = 16
# The longest run of blocks without a log (at most a quarter of a range) that is accepted without checking its blooms:
# a truncated answer lacks logs at one end, and a busy contract's own gaps are shorter.
MAX_UNVERIFIED_GAP = 100


class Width:
    """How many blocks to request at once. May be used from several threads."""

    def __init__(self, width: int = FIRST_WIDTH):
        self.now = width
        self._ceiling = WIDEST
        self._successes = 0
        self._lock = threading.Lock()

    def record_success(self, width: int, logs: int) -> None:
        """A range of `width` blocks returned `logs` logs: the next may be wider."""
        with self._lock:
            self._successes += 1
            if self._successes >= REGROW_AFTER:
                self._successes, self._ceiling = 0, min(2 * self._ceiling, WIDEST)
            if width >= self.now and logs < MANY_LOGS:
                self.now = min(2 * self.now, self._ceiling)

    def record_refusal(self, width: int) -> None:
        """A range of `width` blocks was refused: the next ones are at most half as wide, for a while."""
        with self._lock:
            self._successes = 0
            self.now = self._ceiling = max(1, min(self.now, width // 2))


def read(node: Node, span: Span, width: Width) -> Iterator[tuple[int, pl.DataFrame]]:
    """The logs of a span with their blocks' times, as (last block, decode.LOGS), lowest blocks first.

    Several ranges are requested at once. Memory is that of these ranges, however long the span.

    Raises:
        NodeUnreachable, NodeRefused: see `Provider.ask`; NodeRefused also where the provider refuses a single block.
    """

    def found(piece: tuple[int, int]) -> tuple[int, pl.DataFrame]:
        return piece[1], pl.concat(_read(node, *piece, span.pairs, width))

    yield from in_order(found, _pieces(span.first, span.last, width), node.in_flight)


def _pieces(first: int, last: int, width: Width) -> Iterator[tuple[int, int]]:
    """Ranges up to `last`, each as wide as `width` allows when it is requested."""
    while first <= last:
        end = min(first + width.now - 1, last)
        yield first, end
        first = end + 1


def _read(node: Node, first: int, last: int, pairs: tuple[Pair, ...], width: Width) -> Iterator[pl.DataFrame]:
    blocks = last + 1 - first
    try:
        found = _timed(node, node.logs(first, last, pairs))
    except AnswerRefused as error:
        if blocks == 1:
            yield _of_block(node, first, pairs, error)
            return
        width.record_refusal(blocks)
        for piece in _pieces(first, last, width):
            yield from _read(node, *piece, pairs, width)
        return
    width.record_success(blocks, found.height)
    yield found
    for gap in _gaps(found, first, last):
        yield from _verified(node, gap, pairs)


def _of_block(node: Node, number: int, pairs: tuple[Pair, ...], reason: AnswerRefused) -> pl.DataFrame:
    """The logs of a block by its hash, where it is refused as a range."""
    try:
        return node.logs_of(require_header(node.header(number), node, number), pairs)
    except AnswerRefused as error:
        raise NodeRefused(
            f"Block {number:,} cannot be read, neither as a range ({reason}) nor by its hash ({error}): use another"
            " provider."
        ) from None


def _gaps(found: pl.DataFrame, first: int, last: int) -> Iterator[range]:
    """Runs of blocks without a log that are long enough to need checking."""
    longest = min(MAX_UNVERIFIED_GAP, (last + 1 - first) // 4)
    with_logs = [first - 1, *found["block_number"].unique().sort(), last + 1]
    for before, after in pairwise(with_logs):
        if after - before - 1 > longest:
            yield range(before + 1, after)


def _verified(node: Node, gap: range, pairs: tuple[Pair, ...]) -> Iterator[pl.DataFrame]:
    """The logs of blocks that seem to have none, requested by hash where a block's bloom allows some."""
    for number, header in zip(gap, node.headers(gap), strict=True):
        if require_header(header, node, number).may_hold(pairs):
            yield _of_block(node, number, pairs, AnswerRefused("no log was returned, but its bloom allows some"))


def _timed(node: Node, found: pl.DataFrame) -> pl.DataFrame:
    """The logs with their blocks' times, which not every node returns with a log.

    Raises:
        AnswerRefused: a log's block is not on the node's chain.
    """
    if not found["block_time"].null_count():
        return found
    blocks = found.select("block_number", "block_hash").unique().sort("block_number")
    headers = [header for header in node.headers(blocks["block_number"]) if header]
    if [header.hash for header in headers] != blocks["block_hash"].to_list():
        raise AnswerRefused(f"{node.shown} returned logs of blocks that are not on its chain")
    times = blocks.with_columns(pl.Series("block_time", [header.time for header in headers], dtype=pl.Int64))
    return found.drop("block_time").join(times, on=["block_number", "block_hash"]).select(found.columns)
