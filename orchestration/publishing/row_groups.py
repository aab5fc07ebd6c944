"""Parquet files that grow: row groups that stay are copied as they are, and new ones come behind them.

A footer is a struct in Thrift's compact protocol (the format's parquet.thrift names its fields). Here it stays what it
is, fields by number, so that all that is not an offset is written again as it was read.
"""

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"PAR1"
PIECE = 1 << 24
"""Bytes that are copied at a time."""

NUM_ROWS, ROW_GROUPS = 3, 4
COLUMNS, GROUP_ROWS, GROUP_OFFSET = 1, 3, 5
META = 3
DATA_PAGE, DICTIONARY_PAGE, BLOOM_FILTER, BLOOM_LENGTH = 9, 11, 14, 15
KNOWN_OF_COLUMN = {2, META}
"""Fields of a column chunk: the others have offsets of indices, which nothing here moves."""

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12

Struct = dict[int, tuple[int, Any]]
"""Fields by number: each its type, and its value. A list is the type of its elements, and these."""


class Unknown(Exception):
    """A file that is no Parquet file, or has what this does not move."""


def rows(file: Path) -> list[int]:
    """The number of rows of each row group of a file.

    Raises:
        Unknown: it is no Parquet file.
    """
    with file.open("rb") as opened:
        footer, _ = _footer(opened)
        return [group[GROUP_ROWS][1] for group in _groups(footer)]


def extend(earlier: Path, count: int, rest: Path, file: Path) -> None:
    """Write a file of the first row groups of an earlier one, and behind them those of another.

    The rest has to be written as the earlier file was: of the same columns, by the same version of DuckDB. Then the
    file is, byte for byte, the one that DuckDB would write of all the rows, where it begins its row groups at the same
    rows.

    Args:
        earlier: whose first row groups stay.
        count: how many of them, at least one.
        rest: whose row groups come behind them.
        file: the file to write.

    Raises:
        Unknown: one of the files has what this does not move; nothing whole is written.
    """
    with earlier.open("rb") as one, rest.open("rb") as other, file.open("wb") as out:
        (before, start), (footer, other_start) = _footer(one), _footer(other)
        kept, new = _groups(before)[:count], _groups(footer)
        begin = _pages_end(_groups(before), count, start)
        _copy(one, 0, begin, out)
        _copy(other, len(MAGIC), _pages_end(new, len(new), other_start), out)
        filters = [(one, column) for column in _column_metas(kept)] + [(other, column) for column in _column_metas(new)]
        _shift(new, begin - len(MAGIC))
        for source, column in filters:
            if BLOOM_FILTER in column:
                at, length = column[BLOOM_FILTER][1], column[BLOOM_LENGTH][1]
                column[BLOOM_FILTER] = (I64, out.tell())
                _copy(source, at, at + length, out)
        groups = kept + new
        footer[ROW_GROUPS] = (LIST, (STRUCT, groups))
        footer[NUM_ROWS] = (I64, sum(group[GROUP_ROWS][1] for group in groups))
        written = _written(STRUCT, footer)
        out.write(written + struct.pack("<I", len(written)) + MAGIC)


def _footer(file: BinaryIO) -> tuple[Struct, int]:
    """A file's footer, and where it begins."""
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    end = file.read(8)
    if end[4:] != MAGIC or size < 12:
        raise Unknown(f"{file.name} is no Parquet file.")
    (length,) = struct.unpack("<I", end[:4])
    start = file.seek(size - 8 - length)
    return _read(BytesIO(file.read(length)), STRUCT), start


def _groups(footer: Struct) -> list[Struct]:
    return footer[ROW_GROUPS][1][1]


def _column_metas(groups: list[Struct]) -> Iterator[Struct]:
    for group in groups:
        for column in group[COLUMNS][1][1]:
            if not column.keys() <= KNOWN_OF_COLUMN:
                raise Unknown("a column has an index.")
            yield column[META][1]


def _pages_end(groups: list[Struct], count: int, footer_start: int) -> int:
    """Where the pages of the first row groups end: at the next one's, or at the filters, which are behind all pages."""
    if count < len(groups):
        return groups[count][GROUP_OFFSET][1]
    return min([column[BLOOM_FILTER][1] for column in _column_metas(groups) if BLOOM_FILTER in column] + [footer_start])


def _shift(groups: list[Struct], bytes_before: int) -> None:
    for group in groups:
        group[GROUP_OFFSET] = (I64, group[GROUP_OFFSET][1] + bytes_before)
    for column in _column_metas(groups):
        for field in {DATA_PAGE, DICTIONARY_PAGE} & column.keys():
            column[field] = (I64, column[field][1] + bytes_before)


def _copy(source: BinaryIO, begin: int, end: int, out: BinaryIO) -> None:
    source.seek(begin)
    for start in range(begin, end, PIECE):
        out.write(source.read(min(PIECE, end - start)))


def _read(data: BytesIO, kind: int) -> Any:
    """A value of Thrift's compact protocol."""
    if kind in (I16, I32, I64):
        number = _read_varint(data)
        return (number >> 1) ^ -(number & 1)
    if kind == BINARY:
        return data.read(_read_varint(data))
    if kind == LIST:
        (head,) = data.read(1)
        element, count = head & 15, head >> 4 if head >> 4 < 15 else _read_varint(data)
        if element in (TRUE, FALSE):
            raise Unknown("a footer has a list of truth values.")
        return element, [_read(data, element) for _ in range(count)]
    if kind == STRUCT:
        return _read_struct(data)
    if kind in (TRUE, FALSE):
        return b""  # of a field the type is the value
    if kind in (BYTE, DOUBLE):
        return data.read(1 if kind == BYTE else 8)
    raise Unknown(f"a footer has a value of type {kind}.")


def _read_struct(data: BytesIO) -> Struct:
    fields, number = {}, 0
    while head := data.read(1)[0]:
        number = number + (head >> 4) if head >> 4 else _read(data, I16)
        fields[number] = (head & 15, _read(data, head & 15))
    return fields


def _read_varint(data: BytesIO) -> int:
    number = shift = 0
    while (byte := data.read(1)[0]) > 127:
        number |= (byte & 127) << shift
        shift += 7
    return number | byte << shift


def _written(kind: int, value: Any) -> bytes:
    """The bytes that `_read` reads as this value."""
    if kind in (I16, I32, I64):
        return _varint(value << 1 if value >= 0 else (-value << 1) - 1)
    if kind == BINARY:
        return _varint(len(value)) + value
    if kind == LIST:
        element, values = value
        head = (
            bytes([len(values) << 4 | element]) if len(values) < 15 else bytes([0xF0 | element]) + _varint(len(values))
        )
        return head + b"".join(_written(element, each) for each in values)
    if kind == STRUCT:
        return _written_struct(value)
    return value


def _written_struct(fields: Struct) -> bytes:
    parts, before = [], 0
    for number, (kind, value) in fields.items():
        step = number - before
        parts.append(bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _written(I16, number))
        parts.append(_written(kind, value))
        before = number
    return b"".join(parts) + b"\0"


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)
