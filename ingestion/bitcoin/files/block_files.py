"""A node's block and undo files on disk. The node may be writing them.

    blocks/blkNNNNN.dat   magic, size, block              in order of arrival
    blocks/revNNNNN.dat   magic, size, undo, checksum     in order of connection, for the blocks of blkNNNNN
    blocks/xor.dat        8 bytes, XORed over both by position in the file; absent before Bitcoin Core 28

Files may end in preallocated space, or in a record that is still being written. Whatever stands between records, such
as what a crash left, is passed over, as Core does when it reindexes. The files are only read.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from ingestion.bitcoin import decode
from ingestion.bitcoin.decode import HEADER_BYTES
from ingestion.bitcoin.errors import MissingBlocks, WrongNetwork
from ingestion.bitcoin.files import node_index
from ingestion.bitcoin.files.data_folder import (
    blocks_folder,
    file_gone,
    file_numbers,
    named_errors,
    opened,
    snapshot_base,
    xor_key,
)
from ingestion.bitcoin.files.plain_file import PlainFile
from ingestion.bitcoin.hashing import merkle_root, sha256d
from ingestion.bitcoin.networks import NETWORKS, Network
from ingestion.bitcoin.proof_of_work import is_proven

PREFIX_BYTES = 8
CHECKSUM_BYTES = 32
# Core's MAX_BLOCK_SERIALIZED_SIZE.
MAX_BLOCK_BYTES = 4_000_000
MIN_TRANSACTION_BYTES = 10
PIECE_BYTES = 1 << 20


class BlockRecord(NamedTuple):
    """Position of a block in its file, its header, and its hash as hashed."""

    offset: int
    size: int
    header: bytes
    block_hash: bytes


class BlockFiles:
    """The files of one node on one network.

    Attributes:
        network: the network.
        folder: the folder they are in.
        snapshot_base: hash, as hashed, of the block whose UTXO snapshot the node began with and has not checked yet.
    """

    def __init__(self, datadir: Path, network: Network):
        """Find the files below `datadir`, the node's data folder or the network's folder in it.

        Raises:
            NotADataFolder: there are none.
            UnreadableFile: the folder or its key cannot be read.
            DamagedFile: xor.dat is not a key.
        """
        self.network = network
        self.folder = blocks_folder(datadir, network)
        self.snapshot_base = snapshot_base(self.folder)
        self._key = xor_key(self.folder / "xor.dat")
        self._masks = [np.roll(self._key, -n).tobytes() * 11 for n in range(8)]

    @property
    def key(self) -> bytes:
        """The 8 bytes that the files are XORed with."""
        return self._key.tobytes()

    @property
    def is_pruned(self) -> bool:
        """Whether the node has removed its first blocks."""
        return 0 not in self.numbers()

    @property
    def repair(self) -> str:
        """What mends files that a node has lost; a node that prunes, or began with a snapshot, would begin anew."""
        if self.is_pruned or self.snapshot_base:
            return "begin again, in another --home, with a UTXO --snapshot of a later height"
        return "run the node with -reindex"

    def numbers(self) -> list[int]:
        """Numbers of the block files, rising.

        Raises:
            UnreadableFile: the folder cannot be read.
        """
        with named_errors(self.folder):
            return file_numbers(self.folder, "blk")

    def check_none_missing(self, numbers: list[int]) -> None:
        """Raise MissingBlocks where a file between or after the ones of these numbers must have been lost.

        A node that prunes removes the first files first, each together with its undo file; its index has the last one.
        """
        with named_errors(self.folder):
            undo = file_numbers(self.folder, "rev")
        expected = set(range(numbers[-1])) if numbers[0] == 0 and not self.snapshot_base else set()
        expected |= {number for number in [*undo, node_index.last_file(self.folder / "index")] if number > numbers[0]}
        if missing := sorted(expected - set(numbers)):
            raise MissingBlocks(
                f"{self.block_file(missing[0])} is missing (its heights are unknown): restore it, or {self.repair}."
            )

    def block_file(self, number: int) -> Path:
        """Path of the block file of that number."""
        return self.folder / f"blk{number:05}.dat"

    def undo_file(self, number: int) -> Path:
        """Path of the undo file of that number."""
        return self.folder / f"rev{number:05}.dat"

    def blocks(self, number: int, start: int = 0) -> Iterator[BlockRecord]:
        """The blocks of a file from byte `start` on; one that is still being written, or was cut, is none.

        Raises:
            WrongNetwork: the file begins with another network's block, or has not one block in all its bytes.
            MissingBlocks, UnreadableFile: see `opened`.
        """
        with opened(self.block_file(number)) as file:
            fd = file.fileno()
            length = os.fstat(fd).st_size
            beginning = os.pread(fd, PREFIX_BYTES, 0)
            self._check_beginning(number, beginning)
            record = self._record(fd, start) or self._next(fd, start)
            if record is None and start == 0:
                self._check_beginning(number, beginning, is_empty=True)
            while record:
                end = record.offset + record.size
                following = self._record(fd, end)
                # A record that another one follows, or the file's end, was written to its end.
                if following is None and end != length and not self._is_whole(fd, record):
                    record = self._next(fd, record.offset)
                    continue
                yield record
                record = following or self._next(fd, end)

    def block(self, number: int, offset: int, size: int) -> np.ndarray:
        """Plain bytes (uint8) of a block, fewer where the file ends before.

        Raises:
            MissingBlocks, UnreadableFile: see `opened`.
        """
        with opened(self.block_file(number)) as file:
            return self._read(file.fileno(), offset, size)

    def is_whole(self, number: int, offset: int, size: int) -> bool:
        """Whether all of a block's bytes are there, and are a block."""
        return is_genuine(self.block(number, offset, size), size)

    def has_undo(self, number: int) -> bool:
        """Whether there is an undo file of that number."""
        return self.undo_file(number).exists()

    def undo(self, number: int) -> np.ndarray:
        """Plain bytes (uint8) of an undo file; none where there is no such file.

        Raises:
            MissingBlocks: it went together with its block file.
            UnreadableFile: see `opened`.
        """
        if not self.has_undo(number):
            if not self.block_file(number).exists():
                raise file_gone(self.block_file(number))
            return np.empty(0, dtype=np.uint8)
        with opened(self.undo_file(number)) as file:
            return self._read(file.fileno(), 0, os.fstat(file.fileno()).st_size)

    @contextmanager
    def open_plain(self, path: Path) -> Iterator[PlainFile]:
        """A block or undo file to read piece by piece.

        Raises:
            MissingBlocks, UnreadableFile: see `opened`.
        """
        with opened(path) as file:
            yield PlainFile(file.fileno(), self._key)

    def is_set_aside(self, position: int, byte: int) -> bool:
        """Whether a plain byte at a position of a file is a zero on disk, as in space that is not written yet."""
        return byte == self._key[position % 8]

    def _record(self, fd: int, at: int) -> BlockRecord | None:
        """The record that begins at a byte, if its length can be a block's and its header has proof of work."""
        raw = os.pread(fd, PREFIX_BYTES + HEADER_BYTES, at)
        if len(raw) < PREFIX_BYTES + HEADER_BYTES:
            return None
        plain = self._unmasked(raw, at)
        if plain[:4] != self.network.magic:
            return None
        size, header = int.from_bytes(plain[4:8], "little"), plain[PREFIX_BYTES:]
        if not HEADER_BYTES < size <= MAX_BLOCK_BYTES:
            return None
        block_hash = sha256d(header)
        if not is_proven(block_hash, int.from_bytes(header[72:76], "little"), self.network.limit_bits):
            return None
        return BlockRecord(at + PREFIX_BYTES, size, header, block_hash)

    def _next(self, fd: int, at: int) -> BlockRecord | None:
        """The first record that begins at a byte or after it."""
        magic = self.network.magic
        while len(piece := self._read(fd, at, PIECE_BYTES)) >= PREFIX_BYTES + HEADER_BYTES:
            plain = piece.tobytes()
            hit = plain.find(magic)
            while hit >= 0:
                if record := self._record(fd, at + hit):
                    return record
                hit = plain.find(magic, hit + 1)
            at += len(piece) + 1 - len(magic)
        return None

    def _is_whole(self, fd: int, record: BlockRecord) -> bool:
        return is_genuine(self._read(fd, record.offset, record.size), record.size)

    def _read(self, fd: int, offset: int, size: int) -> np.ndarray:
        """`size` bytes of a file from `offset`, fewer where it ends, without XOR."""
        return PlainFile(fd, self._key).read(offset, size)

    def _unmasked(self, raw: bytes, position: int) -> bytes:
        """A block's prefix and header without XOR, as one integer: that takes a microsecond."""
        mask = self._masks[position % 8][: len(raw)]
        return (int.from_bytes(raw, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(raw), "big")

    def _check_beginning(self, number: int, raw: bytes, is_empty: bool = False) -> None:
        """Raise WrongNetwork where a file begins with another network's magic, or is full of nothing known."""
        file, magic = self.block_file(number), self._unmasked(raw, 0)[:4]
        other = next((each.name for each in NETWORKS.values() if each.magic == magic), None)
        if not any(raw) or len(raw) < PREFIX_BYTES or other == self.network.name:
            return
        if other:
            raise WrongNetwork(
                f"{file} begins (height unknown) with blocks of {other}, not of {self.network.name}:"
                f" choose --network {other}, or pass the data folder of a {self.network.name} node."
            )
        if is_empty:
            raise WrongNetwork(
                f"{file} begins with {magic.hex()}, which no known network uses: pass the data folder of a"
                f" {self.network.name} node, with its own xor.dat."
            )


class BlockReader:
    """Reads one block after the other into the same memory: each is overwritten by the next.

    The file of the last one stays open until the end of the `with`, which gives errors their names.
    """

    def __init__(self, files: BlockFiles):
        self._files = files
        self._number: int | None = None
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._opened.__exit__(*error)

    def read(self, number: int, offset: int, size: int) -> np.ndarray:
        """As `BlockFiles.block`."""
        if number != self._number:
            self._opened.close()
            self._file = self._opened.enter_context(self._files.open_plain(self._files.block_file(number)))
            self._number = number
        return self._file.read(offset, size)


def is_genuine(block: np.ndarray, size: int) -> bool:
    """Whether these bytes (uint8) are all of a block of that size: the transactions that its header commits to."""
    spans = np.zeros((size // MIN_TRANSACTION_BYTES, 4), dtype=np.int64)
    if len(block) != size or (count := decode.transactions(block, spans)) < 1:
        return False
    data = block.tobytes()
    return merkle_root([txid(data, place) for place in spans[:count].tolist()]) == data[36:68]


def txid(block: bytes | memoryview, place: Sequence[int]) -> bytes:
    """Id, as hashed, of the transaction at a place of a block, as `decode.transactions` has it: without witnesses."""
    start, inputs, outputs, end = place
    return sha256d(block[start : start + 4], block[inputs:outputs], block[end - 4 : end])
