"""A node's own index of blocks, `blocks/index`: a LevelDB, read while the node may be writing it.

It has the headers of pruned blocks too, and of those a node has not fetched yet. Only its files are read; what the node
has in memory comes with its next flush. Each header is checked against its hash, and a header never changes, nor does
the number of the last file fall: so neither the order of versions nor the checksums of LevelDB matter.

Formats: LevelDB's table_format.md and log_format.md; Core's CDiskBlockIndex, whose last 80 bytes are the header.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ingestion.bitcoin.decode import HEADER_BYTES
from ingestion.bitcoin.errors import MissingBlocks, UnreadableFile
from ingestion.bitcoin.files.data_folder import opened
from ingestion.bitcoin.hashing import sha256d

FOOTER_BYTES, TABLE_MAGIC = 48, bytes.fromhex("57fb808b247547db")
LOG_BLOCK_BYTES, LOG_HEADER_BYTES = 32_768, 7
FULL, FIRST, LAST = 1, 2, 4
BATCH_HEADER_BYTES = 12
BLOCK_KEY, BLOCK_KEY_BYTES, LAST_FILE_KEY = b"b", 33, b"l"


def headers(folder: Path) -> Iterator[bytes]:
    """The headers (80 bytes each), in no order, some more than once; none where there is no such index."""
    for key, value in _entries(folder, BLOCK_KEY):
        header = value[-HEADER_BYTES:]
        if key[:1] == BLOCK_KEY and sha256d(header) == key[1:BLOCK_KEY_BYTES]:
            yield header


def last_file(folder: Path) -> int:
    """Number of the last block file that the node has written to; 0 where there is no such index.

    A key of a table has 8 bytes more, LevelDB's version.
    """
    found = [value for key, value in _entries(folder, LAST_FILE_KEY) if key[:1] == LAST_FILE_KEY and len(key) in (1, 9)]
    return max((int.from_bytes(value, "little") for value in found if len(value) == 4), default=0)


def _entries(folder: Path, first: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the tables and logs that can be read, without what is surely before the key `first`."""
    seen: set[Path] = set()
    # The node may merge files while they are read: the merged one is new.
    while new := {path for path in folder.glob("*") if path.suffix in (".ldb", ".log")} - seen:
        seen |= new
        for path in sorted(new):
            with suppress(MissingBlocks, UnreadableFile), opened(path) as file:
                if os.fstat(file.fileno()).st_size:
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                        yield from _log_entries(data) if path.suffix == ".log" else _table_entries(data, first)


def _table_entries(data: mmap.mmap, first: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table's blocks whose last key is not before `first`."""
    if len(data) < FOOTER_BYTES or data[-len(TABLE_MAGIC) :] != TABLE_MAGIC:
        return
    footer = data[-FOOTER_BYTES:]
    _, at = _varint(footer, 0)
    _, at = _varint(footer, at)
    for last, handle in _block_entries(data, footer[at:]):
        if last >= first:
            yield from _block_entries(data, handle)


def _block_entries(data: mmap.mmap, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the block that a handle, its offset and size, points to."""
    start, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    block = data[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    key, at = b"", 0
    while at < end:
        shared, at = _varint(block, at)
        rest, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + rest]
        yield key, block[at + rest : at + rest + length]
        at += rest + length


def _log_entries(data: mmap.mmap) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values that a log puts, as far as it is written."""
    for batch in _log_records(data):
        at = BATCH_HEADER_BYTES
        while at < len(batch):
            is_put = batch[at] == 1
            size, at = _varint(batch, at + 1)
            key, at = batch[at : at + size], at + size
            if is_put:
                size, at = _varint(batch, at)
                yield key, batch[at : at + size]
                at += size


def _log_records(data: mmap.mmap) -> Iterator[bytes]:
    """The records of a log, which may be split among its blocks."""
    parts: list[bytes] = []
    for start in range(0, len(data), LOG_BLOCK_BYTES):
        block, at = data[start : start + LOG_BLOCK_BYTES], 0
        while at + LOG_HEADER_BYTES <= len(block):
            size, kind = int.from_bytes(block[at + 4 : at + 6], "little"), block[at + 6]
            at += LOG_HEADER_BYTES
            if kind in (FULL, FIRST):
                parts = []
            parts.append(block[at : at + size])
            at += size
            if kind in (FULL, LAST):
                yield b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, position after it); where it runs out, what is there of it."""
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at
