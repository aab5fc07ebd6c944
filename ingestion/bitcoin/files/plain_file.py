"""A node's file without its XOR, read piece by piece into the same memory."""

import os

import numpy as np

# A piece is still in the second cache (512 KB of a core, or more) when it has been read.
PIECE_BYTES = 1 << 18


class PlainFile:
    """A block or undo file that is open; what `read` gives is overwritten by the next `read`."""

    def __init__(self, fd: int, key: np.ndarray):
        """Read from an open file, whose bytes are XORed with `key`, 8 bytes (uint8)."""
        self._fd = fd
        self._key = key
        self._buffer = np.empty(0, dtype=np.uint8)

    def read(self, offset: int, size: int) -> np.ndarray:
        """`size` plain bytes (uint8) from `offset`, fewer where the file ends."""
        if size > len(self._buffer):
            self._buffer = np.empty(size, dtype=np.uint8)
        data = self._buffer[:size]
        filled = 0
        while filled < size and (got := os.preadv(self._fd, [data.data[filled:]], offset + filled)):
            filled += got
        data = data[:filled]
        unmask(data, self._key, offset)
        return data

    def has(self, sought: bytes, start: int) -> bool:
        """Whether plain bytes stand anywhere from `start` on."""
        while len(piece := self.read(start, PIECE_BYTES)) >= len(sought):
            if sought in piece.tobytes():
                return True
            start += len(piece) + 1 - len(sought)
        return False


def unmask(data: np.ndarray, key: np.ndarray, offset: int) -> None:
    """Undo in place the XOR of bytes (uint8) read at `offset` of their file; `key` is 8 bytes."""
    if not key.any():
        return
    rotated = np.concatenate([key, key])[offset % 8 :][:8]
    whole = len(data) // 8 * 8
    words = data[:whole].view(np.uint64)
    words ^= rotated.view(np.uint64)[0]
    data[whole:] ^= rotated[: len(data) - whole]
