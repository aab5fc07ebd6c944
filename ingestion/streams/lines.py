"""The lines of a segment: what a stream said in one hour, and how its connection stood.

A segment is JSON, one line each. The first line opens it and says of which hour and which assets it is. A line with
`text` is a message as it came; one with `before` is a message of the hour before, repeated so that a segment can be
read by itself; one with `mark` says how the connection stood:

    opened      the segment begins; `assets` were asked for, `hour` is its start
    resumed     another process goes on with it
    connected   the stream answered; nothing was asked for yet
    continues   the connection of the hour before goes on
    alive       it answered a ping
    until       it still stood at the end of the hour
    lost        it did not stand any more, or never did; `detail` says why
    stopped     the collector ended, as it was told

All times are those of this machine, in ms since 1970.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

HOUR_MS = 3_600_000
MAX_BYTES = 256 * 1024**2
"""Of a segment, uncompressed: 250 contracts of Binance that push an order in each second of an hour."""

Mark = Literal["opened", "resumed", "connected", "continues", "alive", "until", "lost", "stopped"]
ALIVE: frozenset[Mark | None] = frozenset({None, "connected", "continues", "alive", "until"})
"""Marks that only a standing connection leaves; None is that of a message."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line; of `text`, `before` and `mark` it has exactly one."""

    at: int
    text: str | None = None
    before: str | None = None
    mark: Mark | None = None
    detail: str = ""
    hour: int = 0
    assets: tuple[str, ...] = ()


_LINES = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()


def hour_of(at: int) -> int:
    """The start of the hour that a time lies in."""
    return at - at % HOUR_MS


def written(line: Line) -> bytes:
    """A line as it is stored."""
    return _ENCODER.encode(line) + b"\n"


def whole(lines: Iterable[bytes]) -> Iterator[Line]:
    """The lines up to the first that is not whole, which is where a kill or a loss of power has cut the file."""
    for each in lines:
        try:
            line = _LINES.decode(each)
        except (msgspec.MsgspecError, ValueError):
            return
        if not each.endswith(b"\n"):
            return
        yield line


def packed(lines: Iterable[Line]) -> bytes:
    """A segment as it is archived; equal lines make equal bytes."""
    packer = zlib.compressobj(wbits=31)  # gzip's format, without a time
    return b"".join((*(packer.compress(written(line)) for line in lines), packer.flush()))


def unpacked(content: bytes) -> list[Line]:
    """The lines of an archived segment.

    Raises:
        ValueError: it is no segment, or longer than any can be.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"not gzip ({error})") from None
    if not unpacker.eof:
        raise ValueError(f"cut short, or longer than {MAX_BYTES:,} bytes")
    raw = text.splitlines(keepends=True)
    lines = [*whole(raw)]
    if len(lines) < len(raw) or not lines or lines[0].mark != "opened" or lines[0].hour % HOUR_MS:
        raise ValueError("not the lines of a segment")
    return lines
