"""An undo file's records in one pass, as a node writes them while it follows one chain: by height, nothing between.

Each piece of the file is read into the same memory, hashed and handed on while the processor has it at hand. What is
not that plain is left to `undo_matching`, which reads the whole file first.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ingestion.bitcoin import decode
from ingestion.bitcoin.files.block_files import CHECKSUM_BYTES, PREFIX_BYTES
from ingestion.bitcoin.files.block_index import BlockIndex
from ingestion.bitcoin.files.plain_file import PIECE_BYTES
from ingestion.bitcoin.files.undo_matching import ByteRange, Matches
from ingestion.bitcoin.hashing import sha256d


class NotInOrder(Exception):
    """The file has something else than the blocks' records in their order, which only `undo_matching` sorts out."""


class Piece(NamedTuple):
    """Bytes (uint8) from `offset` of a file, and where the records of the next blocks stand in them."""

    offset: int
    data: np.ndarray
    records: list[ByteRange]


def pieces(index: BlockIndex, number: int, rows: Sequence[int]) -> Iterator[Piece]:
    """Pieces of an undo file with the next blocks' records in each; a piece is overwritten by the next one.

    Args:
        index: the blocks.
        number: of the undo file.
        rows: of the chain's blocks whose records the file has, by height.

    Raises:
        NotInOrder: `undo_matching.match` may find something else; what was handed on does not count.
        MissingBlocks, UnreadableFile: see `data_folder.opened`.
    """
    files = index.files
    if not files.has_undo(number):
        raise NotInOrder
    with files.open_plain(files.undo_file(number)) as file:
        at = done = 0
        size = PIECE_BYTES
        while done < len(rows):
            data = file.read(at, size)
            found = _records_of(index, data, rows[done:])
            if found:
                yield Piece(at, data, found)
                done += len(found)
                at += found[-1][1] + CHECKSUM_BYTES
                size = PIECE_BYTES
            elif len(data) < size:
                raise NotInOrder
            else:
                size *= 2
        if file.has(files.network.magic, at):
            raise NotInOrder


def match(index: BlockIndex, number: int) -> Matches:
    """What an undo file has, as `undo_matching.match` finds it, where each block of the file has its record.

    Raises:
        NotInOrder, MissingBlocks, UnreadableFile: see `pieces`.
    """
    rows = [row for row in index.rows_of(number) if index.heights[row]]
    if any(index.heights[row] < 0 or index.has_sibling(row) for row in rows):
        raise NotInOrder
    found = [
        (offset + start, offset + end) for offset, _, records in pieces(index, number, rows) for start, end in records
    ]
    return Matches(dict(zip(rows, found, strict=True)), None)


def _records_of(index: BlockIndex, data: np.ndarray, rows: Sequence[int]) -> list[ByteRange]:
    """The records of the first of these blocks, as far as they are whole."""
    view, magic = data.data, index.files.network.magic
    found: list[ByteRange] = []
    at = 0
    for row in rows:
        begun, start = at, at + PREFIX_BYTES
        end = start + int.from_bytes(view[at + 4 : start], "little")
        at = end + CHECKSUM_BYTES
        if at > len(view):
            break
        if view[begun : begun + 4] != magic:
            raise NotInOrder
        if sha256d(index.parents[row], view[start:end]) != view[end:at] or not _is_own(index, row, data, start, end):
            raise NotInOrder
        found.append((start, end))
    return found


def _is_own(index: BlockIndex, row: int, data: np.ndarray, start: int, end: int) -> bool:
    """Whether the record of a block's parent is the block's own, and not a sibling's."""
    if not index.has_sibling(row):
        return True
    return decode.belongs(index.block(row), data, start, end, index.files.network.subsidy(index.heights[row]))
