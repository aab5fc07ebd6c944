"""Which undo record belongs to which block.

A record does not name its block. Its checksum is sha256d(parent hash, undo), so it names the parent; among siblings
the amounts decide.
"""

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from ingestion.bitcoin import decode
from ingestion.bitcoin.errors import DamagedFile, MissingBlocks
from ingestion.bitcoin.files.block_files import CHECKSUM_BYTES, undo_records
from ingestion.bitcoin.files.block_index import UNLINKED, BlockIndex
from ingestion.bitcoin.hashing import sha256d

ByteRange = tuple[int, int]
"""Start and end of a record in its file, without checksum."""


def match(index: BlockIndex, number: int, data: np.ndarray, is_on_chain: Callable[[int], bool]) -> dict[int, ByteRange]:
    """The record of each block that has one in an undo file, by row.

    Args:
        index: the blocks.
        number: of the undo file.
        data: its plain bytes (uint8).
        is_on_chain: whether the block of a row is known to be on the best chain.

    Raises:
        DamagedFile: a checksum fits no block of the block file, and it is not the last record.
        MissingBlocks: the files lack ancestors of a record's block.
    """
    view = data.data
    siblings: dict[bytes, list[int]] = {}
    for row in index.rows_of(number):
        siblings.setdefault(index.parents[row], []).append(row)
    parents = [*siblings]
    records: dict[bytes, list[ByteRange]] = defaultdict(list)
    expected = 0
    for start, end, is_last in undo_records(view, index.files.network.magic):
        n = _parent_of(view, start, end, parents, expected)
        if n is None:
            if is_last or _parent_of(view, start, end, index.newer_parents(number), 0) is not None:
                break
            raise DamagedFile(_no_fit(index, number, start, records))
        records[parents[n]].append((start, end))
        expected = n + 1
    matched: dict[int, ByteRange] = {}
    for parent, found in records.items():
        matched.update(_assign(index, data, found, siblings[parent], is_on_chain))
    return matched


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
            " it are in the files: restore the missing or damaged blk file, or run the node with -reindex."
        )
    if len(rows) == 1:
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
    undo, checksum = data[start:end], data[end : end + CHECKSUM_BYTES]
    for distance in range(len(parents) + 1):
        for n in (expected + distance, expected - 1 - distance):
            if 0 <= n < len(parents) and sha256d(parents[n], undo) == checksum:
                return n
    return None


def _no_fit(index: BlockIndex, number: int, start: int, records: dict[bytes, list[ByteRange]]) -> str:
    heights_without = (
        index.heights[row]
        for row in index.rows_of(number)
        if index.heights[row] > 0 and index.parents[row] not in records
    )
    files = index.files
    return (
        f"{files.undo_file(number)} has a record at byte {start}, expected for height"
        f" {next(heights_without, 'unknown')}, whose checksum fits no block of"
        f" {files.block_file(number).name}: restore both files, or run the node with -reindex."
    )
