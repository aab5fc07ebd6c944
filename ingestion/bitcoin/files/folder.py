"""A node's own files, read while it may be running: block files, undo files, and the best chain in them.

    blocks/blkNNNNN.dat   magic, size, block              in order of arrival
    blocks/revNNNNN.dat   magic, size, undo, checksum     in order of connection, for the blocks of blkNNNNN
    blocks/xor.dat        8 bytes, XORed over both by position in the file; absent before Bitcoin Core 28

The checksum is sha256d(parent hash, undo). Files may end in space the node has set aside, or in a record it is still
writing; reading stops before either. Nothing is ever written here.
"""

import hashlib
import heapq
import os
import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ingestion.bitcoin import fold
from ingestion.bitcoin.networks import NETWORKS, Network
from ingestion.errors import IngestionError

BLOCK_FILE = re.compile(r"blk(\d{5,})\.dat")
PREFIX_BYTES = 8
CHECKSUM_BYTES = 32
SECONDS_A_DAY = 86_400
NO_PARENT, UNLINKED = -1, -2


class NotADataFolder(IngestionError):
    """There are no block files where they were looked for."""


class WrongNetwork(IngestionError):
    """The block files are those of another network than the one asked for."""


class MissingBlocks(IngestionError):
    """Blocks between genesis and the tip are not in the files."""


class MissingUndo(IngestionError):
    """A block of the chain has no undo record."""


class DamagedFile(IngestionError):
    """Bytes of a block or undo file are not what a node writes there."""


class Folder:
    """The files of one node on one network and the best chain in them, as found when it was opened.

    The chain ends at the block of most work, the first to arrive among equals, whose undo record is there: what the
    node has not connected yet is left for the next time. About 250 bytes of memory per block.

    Attributes:
        network: the network.
        tip_height: height of the last block.
        day_of_height: int32 by height, days since `first_day`: the UTC day of the greatest header time up to there.
        first_day: genesis' UTC day, in days since 1970.

    Raises:
        NotADataFolder, WrongNetwork, MissingBlocks, MissingUndo, DamagedFile: see each; nothing was read then.
    """

    def __init__(self, datadir: Path, network: Network, progress: Callable[[int, int], None] | None = None):
        """Find the files below `datadir` and read all headers.

        Args:
            datadir: the node's data folder, or the network's folder in it.
            network: the network expected there.
            progress: told (block files read, block files) after each.
        """
        self.network = network
        self._blocks = _blocks_folder(datadir, network)
        self._key = _key(self._blocks / "xor.dat")
        self._masks = [np.roll(self._key, -n).tobytes() * 11 for n in range(8)]
        self._numbers, self._offsets, self._sizes = array("i"), array("q"), array("q")
        self._hashes: list[bytes] = []
        self._parents: list[bytes] = []
        self._times, self._bits = array("q"), array("L")
        self._row: dict[bytes, int] = {}
        self._ends: dict[int, int] = {}
        files = _block_files(self._blocks)
        for done, number in enumerate(files, start=1):
            self._read_headers(number)
            if progress:
                progress(done, len(files))
        self._rows_of: dict[int, list[int]] = defaultdict(list)
        for row, number in enumerate(self._numbers):
            self._rows_of[number].append(row)
        self._heights, self._works = self._link()
        self._chain = array("q")
        self._follow(self._tip())
        times = np.maximum.accumulate(np.array([self._times[row] for row in self._chain], dtype=np.int64))
        days = times // SECONDS_A_DAY
        self.tip_height = len(self._chain) - 1
        self.first_day = int(days[0])
        self.day_of_height = (days - self.first_day).astype(np.int32)

    def block_hash(self, height: int) -> str:
        """Hash of the chain's block at `height`, as displayed.

        Raises:
            IndexError: above the tip.
        """
        return self._hashes[self._chain[height]][::-1].hex()

    def height_of(self, block_hash: str) -> int | None:
        """Height of the block of that hash (as displayed) on the chain; None where it is not on it."""
        row = self._row.get(bytes.fromhex(block_hash)[::-1])
        return self._heights[row] if row is not None and self._is_on_chain(row) else None

    def block_bytes(self, height: int) -> int:
        """Size of the block at `height`."""
        return self._sizes[self._chain[height]]

    def heights_by_file(self, first: int) -> dict[int, list[int]]:
        """The chain's heights from `first` on by number of their block file, rising; files by their lowest height."""
        heights: dict[int, list[int]] = {}
        for height in range(first, len(self._chain)):
            heights.setdefault(self._numbers[self._chain[height]], []).append(height)
        return heights

    def block(self, height: int) -> np.ndarray:
        """Plain bytes (uint8) of the chain's block at `height`."""
        return self._block(self._chain[height])

    def undo(self, number: int) -> tuple[np.ndarray, dict[int, tuple[int, int]]]:
        """An undo file, plain (uint8), with (start, end) of the record of each of its blocks on the chain, by height.

        Raises:
            DamagedFile: a checksum fits no block of the block file, and it is not the last record.
            MissingBlocks: a record belongs to a block whose ancestors are not in the files.
        """
        data = self._undo_bytes(number)
        places = self._match(number, data)
        return data, {self._heights[row]: place for row, place in places.items() if self._is_on_chain(row)}

    def undo_file(self, number: int) -> Path:
        """Path of the undo file of that number, for messages."""
        return self._blocks / f"rev{number:05}.dat"

    def block_file(self, number: int) -> Path:
        """Path of the block file of that number, for messages."""
        return self._blocks / f"blk{number:05}.dat"

    def _read_headers(self, number: int) -> None:
        for offset, size, header in self._headers(number, 0):
            block_hash = sha256d(header)
            bits = int.from_bytes(header[72:76], "little")
            # A header still being written has not the hash it will have.
            if int.from_bytes(block_hash, "little") > _target(bits):
                continue
            self._ends[number] = offset + size
            if block_hash in self._row:
                continue
            self._row[block_hash] = len(self._hashes)
            self._hashes.append(block_hash)
            self._parents.append(header[4:36])
            self._numbers.append(number)
            self._offsets.append(offset)
            self._sizes.append(size)
            self._times.append(int.from_bytes(header[68:72], "little"))
            self._bits.append(bits)

    def _headers(self, number: int, start: int) -> Iterator[tuple[int, int, bytes]]:
        """(offset, size, header) of each block from `start` on; the last may not be there to its end yet."""
        with self.block_file(number).open("rb", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            while start + PREFIX_BYTES + fold.HEADER_BYTES <= length:
                file.seek(start)
                raw = file.read(PREFIX_BYTES + fold.HEADER_BYTES)
                record = self._plain(raw, start)
                size = int.from_bytes(record[4:8], "little")
                if record[:4] != self.network.magic:
                    if start == 0 and any(raw[:PREFIX_BYTES]):
                        raise WrongNetwork(self._wrong_network(number, record[:4]))
                    return
                start += PREFIX_BYTES
                yield start, size, record[PREFIX_BYTES:]
                start += size

    def _plain(self, raw: bytes, position: int) -> bytes:
        """A block's prefix and header without XOR; as one integer, which costs a microsecond."""
        mask = self._masks[position % 8]
        return (int.from_bytes(raw, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(mask), "big")

    def _wrong_network(self, number: int, magic: bytes) -> str:
        file = self.block_file(number)
        for network in NETWORKS.values():
            if network.magic == magic:
                return (
                    f"{file} begins (height unknown) with blocks of {network.name}, not of {self.network.name}:"
                    f" ask for --network {network.name}, or name the data folder of a {self.network.name} node."
                )
        return (
            f"{file} begins with {magic.hex()}, which is no known network's mark: name the data folder of a"
            f" {self.network.name} node, with the xor.dat that belongs to it."
        )

    def _link(self) -> tuple[array, list[int]]:
        """Height (UNLINKED where there is no road to genesis) and cumulative work (-1 there) of each block read."""
        genesis = self._row.get(bytes.fromhex(self.network.genesis)[::-1])
        if genesis is None:
            raise MissingBlocks(
                f"{self.block_file(0)} does not hold the genesis block of {self.network.name} (height 0): name the"
                " data folder of a node that has not pruned its blocks."
            )
        heights = array("q", [NO_PARENT]) * len(self._hashes)
        works = [-1] * len(self._hashes)
        heights[genesis] = 0
        works[genesis] = _work(self._bits[genesis])
        for row in range(len(heights)):
            road = []
            at: int | None = row
            while at is not None and heights[at] == NO_PARENT:
                road.append(at)
                at = self._row.get(self._parents[at])
            is_linked = at is not None and heights[at] != UNLINKED
            for child in reversed(road):
                heights[child] = heights[at] + 1 if is_linked else UNLINKED
                works[child] = works[at] + _work(self._bits[child]) if is_linked else -1
                at = child
        return heights, works

    def _follow(self, row: int) -> None:
        """Make the chain the one that ends at `row`."""
        chain = array("q", [0]) * (self._heights[row] + 1)
        for height in range(self._heights[row], 0, -1):
            chain[height] = row
            row = self._row[self._parents[row]]
        chain[0] = row
        self._chain = chain

    def _is_on_chain(self, row: int) -> bool:
        height = self._heights[row]
        return 0 <= height < len(self._chain) and self._chain[height] == row

    def _tip(self) -> int:
        """The block of most work that has been connected, that is, has an undo record."""
        connected: dict[int, set[int]] = {}
        by_work = [(-work, row) for row, work in enumerate(self._works) if work >= 0]
        heapq.heapify(by_work)
        is_alone = len(by_work) == 1
        while by_work:
            _, row = heapq.heappop(by_work)
            number = self._numbers[row]
            if number not in connected:
                connected[number] = set(self._match(number, self._undo_bytes(number)))
            if row in connected[number] or (self._heights[row] == 0 and is_alone):
                return row
        raise MissingUndo(
            f"{self.undo_file(0)} has no undo record of any block from height 1 on: copy the rev files together with"
            " the blk files, or let the node connect its blocks."
        )

    def _block(self, row: int) -> np.ndarray:
        return self._read(self.block_file(self._numbers[row]), self._offsets[row], self._sizes[row])

    def _read(self, path: Path, offset: int, size: int) -> np.ndarray:
        """`size` bytes of a file from `offset`, fewer where it ends, without XOR."""
        data = np.empty(size, dtype=np.uint8)
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            filled = 0
            while got := file.readinto(memoryview(data)[filled:]):
                filled += got
        data = data[:filled]
        unmask(data, self._key, offset)
        return data

    def _undo_bytes(self, number: int) -> np.ndarray:
        path = self.undo_file(number)
        return self._read(path, 0, path.stat().st_size) if path.exists() else np.empty(0, dtype=np.uint8)

    def _match(self, number: int, data: np.ndarray) -> dict[int, tuple[int, int]]:
        """(start, end) of the record of each block that has one in an undo file's plain bytes, by row."""
        view = memoryview(data)
        rows = sorted(self._rows_of[number], key=lambda row: self._heights[row])
        siblings: dict[bytes, list[int]] = {}
        for row in rows:
            siblings.setdefault(self._parents[row], []).append(row)
        parents = [*siblings]
        records: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        expected = 0
        for start, end, is_last in _undo_records(view, self.network.magic):
            n = _parent_of(view, start, end, parents, expected)
            if n is None:
                if is_last or self._is_newer(number, view, start, end):
                    break
                raise DamagedFile(self._no_fit(number, start, rows, records))
            records[parents[n]].append((start, end))
            expected = n + 1
        places = {}
        for parent, found in records.items():
            places.update(self._assign(data, found, siblings[parent]))
        return places

    def _assign(self, data: np.ndarray, records: list[tuple[int, int]], rows: list[int]) -> dict[int, tuple[int, int]]:
        """Which record belongs to which of the blocks of one parent.

        Blocks that agree even in inputs and amounts per transaction are taken in order of arrival; once the chain is
        known, its block has the last record, for the node left the others for it.
        """
        if self._heights[rows[0]] == UNLINKED:
            file = self.block_file(self._numbers[rows[0]])
            raise MissingBlocks(
                f"{file} holds block {self._hashes[rows[0]][::-1].hex()} (height unknown), but not all blocks before"
                " it are in the files: restore the missing or damaged blk file, or run the node with -reindex."
            )
        if len(rows) == 1:
            return {rows[0]: records[0]}
        places = {}
        left = list(records)
        for row in sorted(rows, key=lambda row: not self._is_on_chain(row)):
            block, subsidy = self._block(row), self.network.subsidy(self._heights[row])
            fitting = [place for place in left if fold.belongs(block, data, *place, subsidy)]
            if fitting:
                places[row] = fitting[-1] if self._is_on_chain(row) else fitting[0]
                left.remove(places[row])
        return places

    def _is_newer(self, number: int, data: memoryview, start: int, end: int) -> bool:
        """Whether a record belongs to a block that arrived since the headers were read."""
        parents = [header[4:36] for _, _, header in self._headers(number, self._ends.get(number, 0))]
        return _parent_of(data, start, end, parents, 0) is not None

    def _no_fit(self, number: int, start: int, rows: list[int], records: dict) -> str:
        height = next(
            (self._heights[row] for row in rows if self._heights[row] > 0 and self._parents[row] not in records),
            "unknown",
        )
        return (
            f"{self.undo_file(number)} has a record at byte {start}, expected for height {height}, whose checksum fits"
            f" no block of {self.block_file(number).name}: restore both files, or run the node with -reindex."
        )


def unmask(data: np.ndarray, key: np.ndarray, offset: int) -> None:
    """Undo in place the XOR of bytes (uint8) that stand at `offset` in their file; `key` is 8 bytes."""
    if not key.any():
        return
    turned = np.roll(key, -(offset % 8))
    whole = len(data) // 8 * 8
    words = data[:whole].view(np.uint64)
    words ^= turned.view(np.uint64)[0]
    data[whole:] ^= turned[: len(data) - whole]


def sha256d(*parts: bytes) -> bytes:
    """SHA-256 twice, over `parts` after each other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return hashlib.sha256(digest.digest()).digest()


def _blocks_folder(datadir: Path, network: Network) -> Path:
    candidates = dict.fromkeys([datadir / network.folder / "blocks", datadir / "blocks"])
    for folder in candidates:
        if folder.is_dir() and _block_files(folder):
            return folder
    looked = " or ".join(str(folder / "blk00000.dat") for folder in candidates)
    raise NotADataFolder(
        f"{datadir} is not the data folder of a node, there is no {looked} (height 0): name the folder that bitcoind"
        " is given as -datadir."
    )


def _block_files(blocks: Path) -> list[int]:
    """Numbers of the block files.

    Raises:
        MissingBlocks: one is left out.
    """
    numbers = sorted(int(match[1]) for path in blocks.iterdir() if (match := BLOCK_FILE.fullmatch(path.name)))
    for expected, number in enumerate(numbers):
        if number != expected:
            raise MissingBlocks(
                f"{blocks / f'blk{expected:05}.dat'} is missing (its heights are unknown): restore it, or name the"
                " data folder of a node that has not pruned its blocks."
            )
    return numbers


def _key(path: Path) -> np.ndarray:
    if not path.exists():
        return np.zeros(8, dtype=np.uint8)
    key = path.read_bytes()
    if len(key) != 8:
        raise DamagedFile(f"{path} has {len(key)} bytes instead of 8 (needed from height 0 on): restore it.")
    return np.frombuffer(key, dtype=np.uint8)


def _target(bits: int) -> int:
    """The greatest hash that a block of these bits may have; 0 where they are no target. As Core's SetCompact."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    if bits & 0x800000 or exponent > 32:
        return 0
    return mantissa << 8 * (exponent - 3) if exponent >= 3 else mantissa >> 8 * (3 - exponent)


def _work(bits: int) -> int:
    return (1 << 256) // (_target(bits) + 1)


def _undo_records(data: memoryview, magic: bytes) -> Iterator[tuple[int, int, bool]]:
    """(start, end, is the last) of each undo record; the checksum stands at its end, should it be there already."""
    start = 0
    found = None
    while data[start : start + 4] == magic and start + PREFIX_BYTES <= len(data):
        size = int.from_bytes(data[start + 4 : start + PREFIX_BYTES], "little")
        if found:
            yield *found, False
            found = None
        end = start + PREFIX_BYTES + size
        found = start + PREFIX_BYTES, end
        start = end + CHECKSUM_BYTES
    if found:
        yield *found, True


def _parent_of(data: memoryview, start: int, end: int, parents: list[bytes], expected: int) -> int | None:
    """Index of the parent hash that an undo record's checksum fits, the nearest to `expected` tried first."""
    undo, checksum = data[start:end], data[end : end + CHECKSUM_BYTES]
    for distance in range(len(parents) + 1):
        for n in (expected + distance, expected - 1 - distance):
            if 0 <= n < len(parents) and sha256d(parents[n], undo) == checksum:
                return n
    return None
