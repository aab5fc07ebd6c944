"""The best chain in a node's own files, read while the node may be running."""

import heapq
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ingestion.bitcoin.chain_view import SECONDS_A_DAY
from ingestion.bitcoin.errors import MissingUndo
from ingestion.bitcoin.files import undo_matching
from ingestion.bitcoin.files.block_files import BlockFiles
from ingestion.bitcoin.files.block_index import BlockIndex
from ingestion.bitcoin.networks import Network


class FileChain:
    """The files of one node on one network and the best chain in them when it was opened; a `ChainView`.

    The chain ends at the block of most work that has an undo record, the first to arrive among equals: blocks that the
    node has not connected yet are left for the next run.

    Attributes:
        network: the network.
        tip_height: height of the last block.
        day_of_height: int32 by height, days since `first_day`: the UTC day of the greatest header time up to there.
        first_day: genesis' UTC day, in days since 1970.

    Raises:
        NotADataFolder, WrongNetwork, MissingBlocks, MissingUndo, DamagedFile: see each.
    """

    def __init__(self, datadir: Path, network: Network, progress: Callable[[int, int], None] | None = None):
        """Find the files below `datadir` and read all headers.

        Args:
            datadir: the node's data folder, or the network's folder in it.
            network: the network expected there.
            progress: called with (block files read, block files) after each.
        """
        self.network = network
        self._files = BlockFiles(datadir, network)
        self._index = BlockIndex(self._files, progress)
        self._chain = array("q")
        self._chain = self._index.ancestry(self._tip())
        times = np.maximum.accumulate(np.array([self._index.times[row] for row in self._chain], dtype=np.int64))
        days = times // SECONDS_A_DAY
        self.tip_height = len(self._chain) - 1
        self.first_day = int(days[0])
        self.day_of_height = (days - self.first_day).astype(np.int32)

    def block_hash(self, height: int) -> str:
        """Hash of the chain's block at `height`, as displayed.

        Raises:
            IndexError: above the tip.
        """
        return self._index.hashes[self._chain[height]][::-1].hex()

    def height_of(self, block_hash: str) -> int | None:
        """Height of the block of that hash (as displayed) on the chain; None where it is not on it."""
        row = self._index.row(bytes.fromhex(block_hash)[::-1])
        return self._index.heights[row] if row is not None and self._is_on_chain(row) else None

    def block_bytes(self, height: int) -> int:
        """Size of the block at `height`."""
        return self._index.sizes[self._chain[height]]

    def heights_by_file(self, first: int) -> dict[int, list[int]]:
        """The chain's heights from `first` on by number of their block file, rising; files by their lowest height."""
        heights: dict[int, list[int]] = {}
        for height in range(first, len(self._chain)):
            heights.setdefault(self._index.numbers[self._chain[height]], []).append(height)
        return heights

    def block(self, height: int) -> np.ndarray:
        """Plain bytes (uint8) of the chain's block at `height`."""
        return self._index.block(self._chain[height])

    def undo(self, number: int) -> tuple[np.ndarray, dict[int, undo_matching.ByteRange]]:
        """An undo file's plain bytes (uint8), and the record of each of its blocks on the chain, by height.

        Raises:
            DamagedFile, MissingBlocks: as `undo_matching.match` names them.
        """
        data = self._files.undo(number)
        records = undo_matching.match(self._index, number, data, self._is_on_chain)
        return data, {self._index.heights[row]: record for row, record in records.items() if self._is_on_chain(row)}

    def undo_file(self, number: int) -> Path:
        """Path of the undo file of that number, for messages."""
        return self._files.undo_file(number)

    def block_file(self, number: int) -> Path:
        """Path of the block file of that number, for messages."""
        return self._files.block_file(number)

    def _is_on_chain(self, row: int) -> bool:
        height = self._index.heights[row]
        return 0 <= height < len(self._chain) and self._chain[height] == row

    def _tip(self) -> int:
        """The block of most work that has been connected, that is, has an undo record."""
        index = self._index
        connected: dict[int, set[int]] = {}
        by_work = [(-work, row) for row, work in enumerate(index.works) if work >= 0]
        heapq.heapify(by_work)
        is_alone = len(by_work) == 1
        while by_work:
            _, row = heapq.heappop(by_work)
            number = index.numbers[row]
            if number not in connected:
                connected[number] = set(undo_matching.match(index, number, self._files.undo(number), self._is_on_chain))
            if row in connected[number] or (index.heights[row] == 0 and is_alone):
                return row
        raise MissingUndo(
            f"{self.undo_file(0)} has no undo record of any block from height 1 on: copy the rev files together with"
            " the blk files, or let the node connect its blocks."
        )
