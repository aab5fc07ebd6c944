"""Every block in a node's files and how they link: parents, heights, work."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from struct import Struct
from typing import NamedTuple

import numpy as np

from ingestion.bitcoin.errors import MissingBlocks
from ingestion.bitcoin.files import node_index
from ingestion.bitcoin.files.block_files import BlockFiles, BlockRecord
from ingestion.bitcoin.files.kept_headers import KeptHeaders
from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.proof_of_work import work

# Parent, time and bits of a header.
_LINKS = Struct("<4x32s32xII4x")
UNKNOWN, UNLINKED, ABOVE_GAP = -1, -2, -3
NOWHERE = -1


class Place(NamedTuple):
    """Where a block stands: number of its file, first byte in it, bytes."""

    number: int
    offset: int
    size: int


class Header(NamedTuple):
    """What links a block: its hash and its parent's, as hashed, its time, and the bits of its work (0: unknown)."""

    block_hash: bytes
    parent: bytes
    time: int
    bits: int = 0


class BlockIndex:
    """The blocks that the files had when it was made, numbered by row in order of arrival.

    About 250 bytes of memory per block. Where the files lack blocks, as those of a node that prunes or that began with
    a UTXO snapshot, the headers between come from the node's own index.

    Attributes:
        files: the files.
        numbers, offsets, sizes: where each block is: number of its file, first byte in it, bytes. The number is NOWHERE
            for a block of which only the header is there.
        hashes, parents: of each block, as hashed (not as displayed).
        times: seconds since 1970, from each header.
        heights: of each block; UNLINKED where an ancestor is missing, ABOVE_GAP where it is missing since the node
            began with a UTXO snapshot and has not read the blocks before it yet.
        works: cumulative work up to each block; -1 where an ancestor is missing.
    """

    def __init__(
        self,
        files: BlockFiles,
        progress: Callable[[int, int], None] | None = None,
        kept: KeptHeaders | None = None,
        ask_headers: Callable[[], Iterable[Header]] | None = None,
    ):
        """Read all headers.

        Args:
            progress: called with (block files read, block files) after each.
            kept: headers of former runs.
            ask_headers: the headers of the node's chain, from the node itself, for where the files do not have them.

        Raises:
            WrongNetwork: a file is of another network.
            MissingBlocks: a file is missing, or the genesis block.
            UnreadableFile: a file cannot be read.
        """
        self.files = files
        self.numbers, self.offsets, self.sizes = array("i"), array("q"), array("q")
        self.hashes: list[bytes] = []
        self.parents: list[bytes] = []
        self.times, self._bits = array("q"), array("L")
        self._row: dict[bytes, int] = {}
        self._copies: dict[int, list[Place]] = {}
        self._ends: dict[int, int] = {}
        numbers = files.numbers()
        files.check_none_missing(numbers)
        for done, number in enumerate(numbers, start=1):
            for record in kept.blocks(files, number) if kept else files.blocks(number):
                self._add_block(number, record)
            if progress:
                progress(done, len(numbers))
        self._rows_of: dict[int, list[int]] = defaultdict(list)
        for row, number in enumerate(self.numbers):
            self._rows_of[number].append(row)
        for row, places in self._copies.items():
            for number in {place.number for place in places} - {self.numbers[row]}:
                self._rows_of[number].append(row)
        self._connect(ask_headers)
        seen: set[bytes] = set()
        self._forked = {parent for parent in self.parents if parent in seen or seen.add(parent)}

    def row(self, block_hash: bytes) -> int | None:
        """Row of the block of that hash."""
        return self._row.get(block_hash)

    def rows_of(self, number: int) -> list[int]:
        """Rows of a file's blocks, by height."""
        return sorted(self._rows_of[number], key=self.heights.__getitem__)

    def places(self, row: int) -> list[Place]:
        """Where a block stands, of which there may be copies; nowhere where only its header is there."""
        if self.numbers[row] == NOWHERE:
            return []
        return [Place(self.numbers[row], self.offsets[row], self.sizes[row]), *self._copies.get(row, [])]

    def rows_with_copies(self) -> list[int]:
        """Rows of the blocks that stand in several places."""
        return list(self._copies)

    def use(self, row: int, place: Place) -> None:
        """Read a block that stands in several places from this one."""
        others = [each for each in self.places(row) if each != place]
        self.numbers[row], self.offsets[row], self.sizes[row] = place
        self._copies[row] = others

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

    def has_child(self, block_hash: bytes) -> bool:
        """Whether the files have a block on top of the one of that hash."""
        children = (row for row, parent in enumerate(self.parents) if parent == block_hash)
        return any(self.numbers[row] != NOWHERE for row in children)

    def has_sibling(self, row: int) -> bool:
        """Whether another block has the same parent."""
        return self.parents[row] in self._forked

    def newer_parents(self, number: int) -> list[bytes]:
        """Parents of the blocks that arrived in a file since it was read."""
        return [block.header[4:36] for block in self.files.blocks(number, self._ends.get(number, 0))]

    def _add_block(self, number: int, record: BlockRecord) -> None:
        place = Place(number, record.offset, record.size)
        self._ends[number] = record.offset + record.size
        known = self._row.get(record.block_hash)
        if known is None:
            self._add(_parsed(record.header, record.block_hash), place)
        else:
            self._copies.setdefault(known, []).append(place)

    def _add(self, header: Header, place: Place) -> None:
        self._row[header.block_hash] = len(self.hashes)
        self.hashes.append(header.block_hash)
        self.parents.append(header.parent)
        self.numbers.append(place.number)
        self.offsets.append(place.offset)
        self.sizes.append(place.size)
        self.times.append(header.time)
        self._bits.append(header.bits)

    def _connect(self, ask_headers: Callable[[], Iterable[Header]] | None) -> None:
        """Link the blocks; where one lacks an ancestor, with the headers between them that the node has."""
        genesis = bytes.fromhex(self.files.network.genesis)[::-1]
        self.heights, self.works = self._link(genesis)
        in_index = (_parsed(raw, sha256d(raw)) for raw in node_index.headers(self.files.folder / "index"))
        for headers in (in_index, ask_headers() if ask_headers else ()):
            if genesis in self._row and UNLINKED not in self.heights and ABOVE_GAP not in self.heights:
                break
            for header in headers:
                if header.block_hash not in self._row:
                    self._add(header, Place(NOWHERE, 0, 0))
            self.heights, self.works = self._link(genesis)
        if genesis not in self._row:
            raise MissingBlocks(
                f"{self.files.block_file(0)} does not hold the genesis block of {self.files.network.name} (height 0):"
                " pass the data folder of a node that has not pruned its blocks, or the whole folder of one that has,"
                " with blocks/index, or its address beside it, and begin with --snapshot."
            )

    def _link(self, genesis: bytes) -> "tuple[array[int], list[int]]":
        """Heights and works."""
        heights = array("q", [UNKNOWN]) * len(self.hashes)
        works = [-1] * len(self.hashes)
        if (first := self._row.get(genesis)) is not None:
            heights[first] = 0
            works[first] = work(self._bits[first])
        for row in range(len(heights)):
            unlinked: list[int] = []
            ancestor: int | None = row
            while ancestor is not None and heights[ancestor] == UNKNOWN:
                unlinked.append(ancestor)
                ancestor = self._row.get(self.parents[ancestor])
            if ancestor is not None:
                height, total = heights[ancestor], works[ancestor]
            else:
                is_above_snapshot = self.parents[unlinked[-1]] == self.files.snapshot_base
                height, total = ABOVE_GAP if is_above_snapshot else UNLINKED, -1
            for child in reversed(unlinked):
                if height >= 0:
                    height, total = height + 1, total + work(self._bits[child])
                heights[child], works[child] = height, total
        return heights, works


def _parsed(header: bytes, block_hash: bytes) -> Header:
    parent, time, bits = _LINKS.unpack(header)
    return Header(block_hash, parent, time, bits)
