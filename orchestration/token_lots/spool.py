"""Holders that are put off, in a file: what they had, then their transfers of each later piece of days."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orchestration.token_lots.matching import Holders, Piece, Share


class Spool:
    """A share of the holders from some day on; its file has no name, so that nothing of it outlives the process.

    Args:
        folder: of the file; the system's own if there is none.
        share: of all holders.
        holders: what they had before that day.
    """

    def __init__(self, folder: Path | None, share: Share, holders: Holders):
        self.share = share
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- closed once it is read
        self._pieces = 0
        self._write(*holders)

    def add(self, piece: Piece) -> None:
        """Put the share's transfers of the next days behind the others."""
        mine = piece.of(self.share)
        self._write(np.array([piece.begin, piece.end]), mine.moves, mine.ends)
        self._pieces += 1

    def read(self) -> tuple[Holders, Iterator[Piece]]:
        """What the holders had, and then their transfers."""
        self._file.seek(0)
        # Copies, for arrays that come from a file cannot grow.
        return Holders(*map(np.copy, self._read(3))), self._read_pieces()

    def _read_pieces(self) -> Iterator[Piece]:
        with self._file:
            for _ in range(self._pieces):
                (begin, end), moves, ends = self._read(3)
                yield Piece(int(begin), int(end), moves, ends)

    def _write(self, *arrays: np.ndarray) -> None:
        for each in arrays:
            np.save(self._file, each, allow_pickle=False)

    def _read(self, count: int) -> list[np.ndarray]:
        return [np.load(self._file, allow_pickle=False) for _ in range(count)]
