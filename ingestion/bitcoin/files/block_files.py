"""A node's block and undo files on disk. The node may be writing them.

    blocks/blkNNNNN.dat   magic, size, block              in order of arrival
    blocks/revNNNNN.dat   magic, size, undo, checksum     in order of connection, for the blocks of blkNNNNN
    blocks/xor.dat        8 bytes, XORed over both by position in the file; absent before Bitcoin Core 28

Files may end in preallocated space, or in a record that is still being written; reading stops before either. The
files are only read.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingestion.bitcoin.decode import HEADER_BYTES
from ingestion.bitcoin.errors import WrongNetwork
from ingestion.bitcoin.files.data_folder import block_file_numbers, blocks_folder, xor_key
from ingestion.bitcoin.networks import NETWORKS, Network

PREFIX_BYTES = 8
CHECKSUM_BYTES = 32


class BlockRecord(NamedTuple):
    """Position of a block in its file, and its header; the block's end may not be written yet."""

    offset: int
    size: int
    header: bytes


class UndoRecord(NamedTuple):
    """Position of an undo record in its file; a checksum follows it, unless the last record is still being written."""

    start: int
    end: int
    is_last: bool


class BlockFiles:
    """The files of one node on one network."""

    def __init__(self, datadir: Path, network: Network):
        """Find the files below `datadir`, the node's data folder or the network's folder in it.

        Raises:
            NotADataFolder: there are none.
            DamagedFile: xor.dat is not a key.
        """
        self.network = network
        self._folder = blocks_folder(datadir, network)
        self._key = xor_key(self._folder / "xor.dat")
        self._masks = [np.roll(self._key, -n).tobytes() * 11 for n in range(8)]

    def numbers(self) -> list[int]:
        """Numbers of the block files.

        Raises:
            MissingBlocks: a number is missing.
        """
        return block_file_numbers(self._folder)

    def block_file(self, number: int) -> Path:
        """Path of the block file of that number."""
        return self._folder / f"blk{number:05}.dat"

    def undo_file(self, number: int) -> Path:
        """Path of the undo file of that number."""
        return self._folder / f"rev{number:05}.dat"

    def blocks(self, number: int, start: int = 0) -> Iterator[BlockRecord]:
        """The blocks of a file from byte `start` on.

        Raises:
            WrongNetwork: the file begins with another network's block.
        """
        with self.block_file(number).open("rb", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            while start + PREFIX_BYTES + HEADER_BYTES <= length:
                file.seek(start)
                raw = file.read(PREFIX_BYTES + HEADER_BYTES)
                record = self._unmasked(raw, start)
                size = int.from_bytes(record[4:8], "little")
                if record[:4] != self.network.magic:
                    if start == 0 and any(raw[:PREFIX_BYTES]):
                        raise WrongNetwork(self._wrong_network(number, record[:4]))
                    return
                start += PREFIX_BYTES
                yield BlockRecord(start, size, record[PREFIX_BYTES:])
                start += size

    def block(self, number: int, offset: int, size: int) -> np.ndarray:
        """Plain bytes (uint8) of a block."""
        return self._read(self.block_file(number), offset, size)

    def undo(self, number: int) -> np.ndarray:
        """Plain bytes (uint8) of an undo file; none where there is no such file."""
        path = self.undo_file(number)
        return self._read(path, 0, path.stat().st_size) if path.exists() else np.empty(0, dtype=np.uint8)

    def _read(self, path: Path, offset: int, size: int) -> np.ndarray:
        """`size` bytes of a file from `offset`, fewer where it ends, without XOR."""
        data = np.empty(size, dtype=np.uint8)
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            filled = 0
            while got := file.readinto(data.data[filled:]):
                filled += got
        data = data[:filled]
        unmask(data, self._key, offset)
        return data

    def _unmasked(self, raw: bytes, position: int) -> bytes:
        """A block's prefix and header without XOR, as one integer: that takes a microsecond."""
        mask = self._masks[position % 8]
        return (int.from_bytes(raw, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(mask), "big")

    def _wrong_network(self, number: int, magic: bytes) -> str:
        file = self.block_file(number)
        for network in NETWORKS.values():
            if network.magic == magic:
                return (
                    f"{file} begins (height unknown) with blocks of {network.name}, not of {self.network.name}:"
                    f" choose --network {network.name}, or pass the data folder of a {self.network.name} node."
                )
        return (
            f"{file} begins with {magic.hex()}, which no known network uses: pass the data folder of a"
            f" {self.network.name} node, with its own xor.dat."
        )


def undo_records(data: memoryview, magic: bytes) -> Iterator[UndoRecord]:
    """The records of an undo file's plain bytes."""
    start = 0
    found = None
    while data[start : start + 4] == magic and start + PREFIX_BYTES <= len(data):
        size = int.from_bytes(data[start + 4 : start + PREFIX_BYTES], "little")
        if found:
            yield UndoRecord(*found, is_last=False)
        end = start + PREFIX_BYTES + size
        found = start + PREFIX_BYTES, end
        start = end + CHECKSUM_BYTES
    if found:
        yield UndoRecord(*found, is_last=True)


def unmask(data: np.ndarray, key: np.ndarray, offset: int) -> None:
    """Undo in place the XOR of bytes (uint8) read at `offset` of their file; `key` is 8 bytes."""
    if not key.any():
        return
    rotated = np.roll(key, -(offset % 8))
    whole = len(data) // 8 * 8
    words = data[:whole].view(np.uint64)
    words ^= rotated.view(np.uint64)[0]
    data[whole:] ^= rotated[: len(data) - whole]
