"""Headers from a node's own index of blocks, `blocks/index`: a LevelDB, read while the node may be writing it.

The index has the headers of pruned blocks too, and of those a node has not fetched yet. Only its files are read; what
the node has in memory comes with its next flush. Each header is checked against its hash, and a header never changes:
so neither the order of versions nor the checksums of LevelDB matter.

Formats: LevelDB's table_format.md and log_format.md; Core's CDiskBlockIndex, whose last 80 bytes are the header.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ingestion.bitcoin.decode import HEADER_BYTES
from ingestion.bitcoin.errors import MissingBlocks
from ingestion.bitcoin.files.data_folder import opened
from ingestion.bitcoin.hashing import sha256d

FOOTER_BYTES, TABLE_MAGIC = 48, bytes.fromhex("57fb808b247547db")
LOG_BLOCK_BYTES, LOG_HEADER_BYTES = 32_768, 7
FULL, FIRST, LAST = 1, 2, 4
BATCH_HEADER_BYTES = 12
BLOCK_KEY, BLOCK_KEY_BYTES = b"b", 33


def read(folder: Path) -> Iterator[bytes]:
    """The headers (80 bytes each), in no order, some more than once; none where there is no such index."""
    seen: set[Path] = set()
    # The node may merge files while they are read: the merged one is new.
    while new := {path for path in folder.glob("*") if path.suffix in (".ldb", ".log")} - seen:
        seen |= new
        for path in sorted(new):
            with suppress(MissingBlocks), opened(path) as file:
                yield from _headers(path, file.read())


def _headers(path: Path, data: bytes) -> Iterator[bytes]:
    for key, value in _log_entries(data) if path.suffix == ".log" else _table_entries(data):
        header = value[-HEADER_BYTES:]
        if key[:1] == BLOCK_KEY and sha256d(header) == key[1:BLOCK_KEY_BYTES]:
            yield header


def _table_entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table."""
    if len(data) < FOOTER_BYTES or not data.endswith(TABLE_MAGIC):
        return
    _, at = _varint(data, len(data) - FOOTER_BYTES)
    _, at = _varint(data, at)
    for _, handle in _block_entries(data, at):
        yield from _block_entries(handle, 0, data)


def _block_entries(handle: bytes, at: int, data: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the block that a handle, offset and size, points to in `data`, or in its own bytes."""
    data = handle if data is None else data
    start, at = _varint(handle, at)
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


def _log_entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
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


def _log_records(data: bytes) -> Iterator[bytes]:
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
