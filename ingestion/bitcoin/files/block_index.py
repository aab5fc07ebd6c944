"""Every block in a node's files and how they link: parents, heights, work."""

from array import array
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from ingestion.bitcoin.errors import MissingBlocks
from ingestion.bitcoin.files.block_files import BlockFiles
from ingestion.bitcoin.hashing import sha256d

UNKNOWN, UNLINKED = -1, -2


class BlockIndex:
    """The blocks that the files had when it was made, numbered by row in order of arrival.

    About 250 bytes of memory per block.

    Attributes:
        files: the files.
        numbers, offsets, sizes: where each block is: number of its file, first byte in it, bytes.
        hashes, parents: of each block, as hashed (not as displayed).
        times: seconds since 1970, from each header.
        heights: of each block; UNLINKED where an ancestor is missing.
        works: cumulative work up to each block; -1 where an ancestor is missing.
    """

    def __init__(self, files: BlockFiles, progress: Callable[[int, int], None] | None = None):
        """Read all headers.

        Args:
            progress: called with (block files read, block files) after each.

        Raises:
            WrongNetwork: a file is of another network.
            MissingBlocks: a file is missing, or the genesis block.
        """
        self.files = files
        self.numbers, self.offsets, self.sizes = array("i"), array("q"), array("q")
        self.hashes: list[bytes] = []
        self.parents: list[bytes] = []
        self.times, self._bits = array("q"), array("L")
        self._row: dict[bytes, int] = {}
        self._ends: dict[int, int] = {}
        numbers = files.numbers()
        for done, number in enumerate(numbers, start=1):
            self._read_headers(number)
            if progress:
                progress(done, len(numbers))
        self._rows_of: dict[int, list[int]] = defaultdict(list)
        for row, number in enumerate(self.numbers):
            self._rows_of[number].append(row)
        self.heights, self.works = self._link()

    def row(self, block_hash: bytes) -> int | None:
        """Row of the block of that hash."""
        return self._row.get(block_hash)

    def rows_of(self, number: int) -> list[int]:
        """Rows of a file's blocks, by height."""
        return sorted(self._rows_of[number], key=self.heights.__getitem__)

    def block(self, row: int) -> np.ndarray:
        """Plain bytes (uint8) of a block."""
        return self.files.block(self.numbers[row], self.offsets[row], self.sizes[row])

    def ancestry(self, row: int) -> "array[int]":
        """Rows from genesis to `row`, by height."""
        rows = array("q", [0]) * (self.heights[row] + 1)
        for height in range(self.heights[row], 0, -1):
            rows[height] = row
            row = self._row[self.parents[row]]
        rows[0] = row
        return rows

    def newer_parents(self, number: int) -> list[bytes]:
        """Parents of the blocks that arrived in a file since it was read."""
        return [block.header[4:36] for block in self.files.blocks(number, self._ends.get(number, 0))]

    def _read_headers(self, number: int) -> None:
        for offset, size, header in self.files.blocks(number):
            block_hash = sha256d(header)
            bits = int.from_bytes(header[72:76], "little")
            # A header that is still being written does not have its final hash.
            if int.from_bytes(block_hash, "little") > _target(bits):
                continue
            self._ends[number] = offset + size
            if block_hash in self._row:
                continue
            self._row[block_hash] = len(self.hashes)
            self.hashes.append(block_hash)
            self.parents.append(header[4:36])
            self.numbers.append(number)
            self.offsets.append(offset)
            self.sizes.append(size)
            self.times.append(int.from_bytes(header[68:72], "little"))
            self._bits.append(bits)

    def _link(self) -> "tuple[array[int], list[int]]":
        """Heights and works."""
        network = self.files.network
        genesis = self._row.get(bytes.fromhex(network.genesis)[::-1])
        if genesis is None:
            raise MissingBlocks(
                f"{self.files.block_file(0)} does not hold the genesis block of {network.name} (height 0): pass the"
                " data folder of a node that has not pruned its blocks."
            )
        heights = array("q", [UNKNOWN]) * len(self.hashes)
        works = [-1] * len(self.hashes)
        heights[genesis] = 0
        works[genesis] = _work(self._bits[genesis])
        for row in range(len(heights)):
            unlinked: list[int] = []
            ancestor: int | None = row
            while ancestor is not None and heights[ancestor] == UNKNOWN:
                unlinked.append(ancestor)
                ancestor = self._row.get(self.parents[ancestor])
            height, work = UNLINKED, -1
            if ancestor is not None and heights[ancestor] != UNLINKED:
                height, work = heights[ancestor], works[ancestor]
            for child in reversed(unlinked):
                if height != UNLINKED:
                    height, work = height + 1, work + _work(self._bits[child])
                heights[child], works[child] = height, work
        return heights, works


def _target(bits: int) -> int:
    """The greatest hash that a block of these bits may have; 0 where they are not a target. As Core's SetCompact."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    if bits & 0x800000 or exponent > 32:
        return 0
    return mantissa << 8 * (exponent - 3) if exponent >= 3 else mantissa >> 8 * (3 - exponent)


def _work(bits: int) -> int:
    return (1 << 256) // (_target(bits) + 1)
