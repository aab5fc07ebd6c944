"""The chain that a running node follows, by its headers.

The day of a block is that of the greatest header time up to it, so the birth day of a spent coin needs the headers of
all blocks before it; a caller that kept the days of the heights already read need not fetch these again.
"""

from array import array
from collections.abc import Iterator

import numpy as np
import polars as pl

from ingestion.bitcoin.chain_view import SECONDS_A_DAY
from ingestion.bitcoin.node.client import Node
from ingestion.errors import ReorgDuringRead

MAX_REORGS = 5


class NodeChain:
    """The node's chain at one moment: days of all heights, hashes of those above `after`.

    Attributes:
        network: the network.
        tip_height: height of the last block.
        day_of_height: int32 by height, days since `first_day`: the UTC day of the greatest header time up to there.
        first_day: genesis' UTC day, in days since 1970.
    """

    def __init__(
        self, node: Node, after: int | None = None, known: pl.DataFrame | None = None, after_hash: str | None = None
    ):
        """Fetch the headers above `after`, or all of them where `known` does not cover the heights up to there.

        Args:
            node: the node.
            after: height of the last block already read; None where none is.
            known: value_date, first_height, last_height of the blocks already read, a day in one row or several: the
                rows of blocks_daily from genesis on, or what `days` gave before.
            after_hash: hash of the block at `after`, to check that it is still on the node's chain.

        Raises:
            ReorgDuringRead: the block at `after` is not on the node's chain, or the chain keeps changing.
        """
        self._node = node
        self.network = node.network
        self._days, self._from = np.empty(0, dtype=np.int64), 0
        self._hashes: list[str] = []
        if known is not None and after is not None and (days := _days_known(known, after)) is not None:
            self._days, self._from = days, after
            self._hashes.append(after_hash or node.hash_at(after) or "")
        self.follow()
        if after is not None and (after > self.tip_height or after_hash not in (None, self.block_hash(after))):
            raise chain_left(node, after)

    @property
    def tip_height(self) -> int:
        return len(self._days) - 1

    @property
    def first_day(self) -> int:
        return int(self._days[0])

    @property
    def day_of_height(self) -> np.ndarray:
        return (self._days - self._days[0]).astype(np.int32)

    def block_hash(self, height: int) -> str:
        """Hash of the block at `height`, as displayed.

        Raises:
            IndexError: above the tip, or below `after`.
        """
        if height < self._from:
            raise IndexError(height)
        return self._hashes[height - self._from]

    def height_of(self, block_hash: str) -> int | None:
        """Height of the block of that hash; None where it is not on the chain or below `after`."""
        return self._from + self._hashes.index(block_hash) if block_hash in self._hashes else None

    def days(self) -> pl.DataFrame:
        """value_date, first_height, last_height of each day with a block, to be passed as `known` next time."""
        days, first, count = np.unique(self._days, return_index=True, return_counts=True)
        return pl.DataFrame(
            {
                "value_date": pl.Series(days, dtype=pl.Int32).cast(pl.Date),
                "first_height": first.astype(np.int64),
                "last_height": (first + count - 1).astype(np.int64),
            }
        )

    def follow(self) -> int:
        """Update to the node's present chain; returns the height up to which nothing changed (-1 for none).

        Raises:
            ReorgDuringRead: the block at `after` is not on it, or the chain keeps changing.
        """
        tip = -1
        for _ in range(MAX_REORGS):
            tip, _ = self._node.tip()
            fork = self._fork(tip)
            headers = list(self._linked(fork, tip))
            if len(headers) == tip - fork:
                self._replace(fork, headers)
                return fork
        raise chain_unsettled(self._node, tip)

    def _fork(self, tip: int) -> int:
        fork = min(self.tip_height, tip)
        while fork >= self._from and self._node.hash_at(fork) != self.block_hash(fork):
            fork -= 1
        if fork < self._from and self._hashes:
            raise chain_left(self._node, self._from)
        return fork

    def _linked(self, fork: int, tip: int) -> Iterator[tuple[str, int]]:
        """Hash and time of the headers above `fork`, as far as each names the one before as its parent."""
        parent = self.block_hash(fork) if fork >= 0 else "0" * 64
        for header in self._node.headers(fork + 1, tip):
            if header.parent != parent:
                return
            parent = header.block_hash
            yield parent, header.time

    def _replace(self, fork: int, headers: list[tuple[str, int]]) -> None:
        times = array("q", (seconds for _, seconds in headers))
        days = np.concatenate([self._days[: fork + 1], np.frombuffer(times, dtype=np.int64) // SECONDS_A_DAY])
        self._days = np.maximum.accumulate(days)
        self._hashes = self._hashes[: fork + 1 - self._from] + [block_hash for block_hash, _ in headers]


def _days_known(known: pl.DataFrame, after: int) -> np.ndarray | None:
    """UTC day, in days since 1970, of each height up to `after`; None where `known` lacks some."""
    spans = (
        known.filter(pl.col("first_height") <= after)
        .group_by("value_date")
        .agg(pl.min("first_height"), pl.max("last_height").clip(upper_bound=after))
        .sort("value_date")
    )
    first, last = spans["first_height"].to_numpy(), spans["last_height"].to_numpy()
    if not len(spans) or first[0] != 0 or last[-1] != after or (first[1:] != last[:-1] + 1).any():
        return None
    return np.repeat(spans["value_date"].cast(pl.Int32).to_numpy().astype(np.int64), last + 1 - first)


def chain_left(node: Node, height: int) -> ReorgDuringRead:
    """The error where a node is not on the chain that was read."""
    return ReorgDuringRead(
        f"{node.shown} is not (or no longer) on the chain read up to height {height}: let it catch up and run this"
        " again."
    )


def chain_unsettled(node: Node, height: int) -> ReorgDuringRead:
    """The error where a node's chain keeps changing."""
    return ReorgDuringRead(
        f"The chain of {node.shown} changed {MAX_REORGS} times while it was read up to height {height}: try again"
        " later."
    )
