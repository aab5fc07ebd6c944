"""Which undo record belongs to which block.

A record does not name its block. Its checksum is sha256d(parent hash, undo), so it names the parent; among siblings
the amounts decide. What stands between records and is none, such as what a crash left, is passed over.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ingestion.bitcoin import decode
from ingestion.bitcoin.errors import DamagedFile, MissingBlocks
from ingestion.bitcoin.files.block_files import CHECKSUM_BYTES, PIECE_BYTES, PREFIX_BYTES
from ingestion.bitcoin.files.block_index import ABOVE_GAP, UNLINKED, BlockIndex
from ingestion.bitcoin.hashing import sha256d

ByteRange = tuple[int, int]
"""Start and end of a record in its file, without checksum."""


class Matches(NamedTuple):
    """What an undo file has.

    Attributes:
        records: the record of each block that has one, by row.
        misfit: where a record begins that was written to its end, and whose checksum fits no block; None without one.
    """

    records: dict[int, ByteRange]
    misfit: int | None


def match(index: BlockIndex, number: int, data: np.ndarray, is_on_chain: Callable[[int], bool]) -> Matches:
    """The record of each block that has one in an undo file.

    Args:
        index: the blocks.
        number: of the undo file.
        data: its plain bytes (uint8).
        is_on_chain: whether the block of a row is known to be on the best chain.

    Raises:
        MissingBlocks: the files lack the block of a record, or ancestors of it.
    """
    siblings: dict[bytes, list[int]] = {}
    for row in index.rows_of(number):
        siblings.setdefault(index.parents[row], []).append(row)
    parents = [*siblings]
    records: dict[bytes, list[ByteRange]] = defaultdict(list)
    misfits: list[ByteRange] = []
    view, magic = data.data, index.files.network.magic
    expected = 0
    at = _find(data, magic, 0)
    while at is not None:
        start = at + PREFIX_BYTES
        end = start + int.from_bytes(view[at + 4 : start], "little")
        n = _parent_of(view, start, end, parents, expected)
        if n is None:
            if not _is_anothers(index, number, view, start, end):
                misfits.append((start, end))
            at = _find(data, magic, at + 1)
            continue
        records[parents[n]].append((start, end))
        expected = n + 1
        at = _find(data, magic, end + CHECKSUM_BYTES)
    matched: dict[int, ByteRange] = {}
    for parent, found in records.items():
        matched.update(_assign(index, data, found, siblings[parent], is_on_chain))
    return Matches(matched, _written_to_its_end(index, data, misfits))


def no_fit(index: BlockIndex, number: int, matches: Matches) -> DamagedFile:
    """The error of a block without a record, in a file with a record that fits no block."""
    heights_without = (
        index.heights[row] for row in index.rows_of(number) if index.heights[row] > 0 and row not in matches.records
    )
    files = index.files
    return DamagedFile(
        f"{files.undo_file(number)} has a record at byte {matches.misfit}, expected for height"
        f" {next(heights_without, 'unknown')}, whose checksum fits no block of"
        f" {files.block_file(number).name}: restore both files, or {files.repair}."
    )


def _find(data: np.ndarray, magic: bytes, at: int) -> int | None:
    """Where the magic stands next, at a byte or after it."""
    if data[at : at + len(magic)].tobytes() == magic:
        return at
    while at < len(data):
        piece = data[at : at + PIECE_BYTES].tobytes()
        if (hit := piece.find(magic)) >= 0:
            return at + hit
        at += max(len(piece) + 1 - len(magic), 1)
    return None


def _is_anothers(index: BlockIndex, number: int, data: memoryview, start: int, end: int) -> bool:
    """Whether a record is one of a block that is not in the block file, or was not when the index was made.

    Raises:
        MissingBlocks: the block is nowhere.
    """
    if end + CHECKSUM_BYTES > len(data):
        return False
    if _parent_of(data, start, end, index.newer_parents(number), 0) is not None:
        return True
    near = [index.hashes[row] for each in (number, number - 1) for row in index.rows_of(each)]
    n = _parent_of(data, start, end, near, len(near))
    if n is None:
        return False
    if not index.has_child(near[n]):
        height = index.heights[index.row(near[n]) or 0]
        raise MissingBlocks(
            f"{index.files.undo_file(number)} has the coins spent by the block at height {height + 1}, and"
            f" {index.files.block_file(number).name} does not have that block: restore it, or {index.files.repair}."
        )
    return True


def _written_to_its_end(index: BlockIndex, data: np.ndarray, misfits: list[ByteRange]) -> int | None:
    """Where the first record begins of those that fit no block and are not still being written.

    Space is set aside with zeros before a record is written, its checksum last.
    """
    for start, end in misfits:
        last = end + CHECKSUM_BYTES - 1
        if last < len(data) and not index.files.is_set_aside(last, int(data[last])):
            return start
    return None


def _assign(
    index: BlockIndex, data: np.ndarray, records: list[ByteRange], rows: list[int], is_on_chain: Callable[[int], bool]
) -> dict[int, ByteRange]:
    """Which record belongs to which of the blocks of one parent.

    Blocks that agree even in inputs and amounts per transaction are matched in order of arrival. Once the chain is
    known, its block has the last record: the node connected it after the others.
    """
    if index.heights[rows[0]] == UNLINKED:
        file = index.files.block_file(index.numbers[rows[0]])
        raise MissingBlocks(
            f"{file} has block {index.hashes[rows[0]][::-1].hex()} (height unknown), but not all blocks before"
            f" it are in the files: restore the missing or damaged blk file, or {index.files.repair}."
        )
    if index.heights[rows[0]] == ABOVE_GAP:
        return {}
    if not index.has_sibling(rows[0]):
        return {rows[0]: records[0]}
    matched: dict[int, ByteRange] = {}
    left = list(records)
    for row in sorted(rows, key=lambda row: not is_on_chain(row)):
        block, subsidy = index.block(row), index.files.network.subsidy(index.heights[row])
        fitting = [record for record in left if decode.belongs(block, data, *record, subsidy)]
        if fitting:
            matched[row] = fitting[-1] if is_on_chain(row) else fitting[0]
            left.remove(matched[row])
    return matched


def _parent_of(data: memoryview, start: int, end: int, parents: list[bytes], expected: int) -> int | None:
    """Index of the parent hash that an undo record's checksum fits, the nearest to `expected` tried first."""
    if end + CHECKSUM_BYTES > len(data):
        return None
    undo, checksum = data[start:end], data[end : end + CHECKSUM_BYTES]
    return next((n for n in _around(expected, len(parents)) if sha256d(parents[n], undo) == checksum), None)


def _around(middle: int, count: int) -> Iterator[int]:
    """The numbers below `count`, the nearest to `middle` first."""
    for distance in range(count + 1):
        for n in (middle + distance, middle - 1 - distance):
            if 0 <= n < count:
                yield n
