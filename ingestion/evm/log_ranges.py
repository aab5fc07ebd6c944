"""Logs of a span of blocks from a provider that may refuse, limit, truncate or omit: requested in ranges that halve and
grow back, and checked against the headers of their blocks."""

import threading
from collections.abc import Iterator

import polars as pl

from ingestion.evm import log_checks
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
        found = log_checks.placed(node, node.logs(first, last, pairs))
        found = log_checks.completed(node, found, range(first, last + 1), pairs)
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


def _of_block(node: Node, number: int, pairs: tuple[Pair, ...], reason: AnswerRefused) -> pl.DataFrame:
    """The logs of a block by its hash, where it is refused as a range."""
    try:
        header = require_header(node.header(number), node, number)
        found = node.logs_of(header, pairs)
        log_checks.check_bloom(node, header, found)
    except AnswerRefused as error:
        raise NodeRefused(
            f"Block {number:,} cannot be read, neither as a range ({reason}) nor by its hash ({error}): use another"
            " provider."
        ) from None
    return found
