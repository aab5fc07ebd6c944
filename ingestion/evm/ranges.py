"""History read in ranges of blocks, by processes or machines that work at the same time, and taken from there.

    <folder of the chain>/<first>-<last>/evm/…      a range: a lake that holds the events of these blocks alone

A range has a record, parts and garbage of its own, so that its writer shares nothing with the chain's ledger, with
another range or with a range on another machine, whose folder may be copied here. The chain's ledger takes what is read
to the end.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from ingestion.errors import LakeDamaged, UsageError
from ingestion.evm.ledger import EventLedger, gaps
from ingestion.evm.node import Header, Node
from ingestion.evm.rows import Pair, Span
from ingestion.lake.tables import Lake

_NAME = re.compile(r"(\d{1,15})-(\d{1,15})")


@dataclass(frozen=True, order=True)
class Range:
    """The blocks from `first` to `last`, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "Range":
        """The range that a text like 18000000-18999999 means.

        Raises:
            UsageError: it means none.
        """
        found = _NAME.fullmatch(text)
        if not found or int(found[1]) > int(found[2]):
            raise UsageError(f"'{text}' is no range of blocks: give the first and the last, like 18000000-18999999.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def planned(end: int, blocks: int) -> tuple[Range, ...]:
    """The ranges of so many blocks that hold those below `end`; a later `end` leaves all but the last as they are."""
    return tuple(Range(start, min(start + blocks, end) - 1) for start in range(0, end, blocks))


@dataclass(frozen=True)
class Ranges:
    """The ranges of one chain that are on this machine.

    Attributes:
        folder: theirs; need not be there.
        lock: holds a range, whose writer holds it too; raises `busy` where another process does.
        busy: what `lock` raises.
        planned: the ranges that the chain's history is to be read in, whether they are there or not.
    """

    folder: Path
    lock: Callable[[Range], AbstractContextManager[None]]
    busy: type[Exception]
    planned: tuple[Range, ...] = ()

    def lake(self, blocks: Range) -> Lake:
        """Where the rows of a range are, or would be."""
        return Lake(self.folder / str(blocks))

    def held(self) -> list[Range]:
        """The ranges that are there, lowest blocks first; also one that a killed process was dropping."""
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        names = {path.name.removeprefix(".").removesuffix(".dropped") for path in paths if path.is_dir()}
        return sorted(Range.parse(name) for name in names if _NAME.fullmatch(name))


Refusals = dict[Range, str | None]
"""Why ranges that are there were not taken; None where their writer is at work."""


def take_whole(
    node: Node,
    ledger: EventLedger,
    ranges: Ranges,
    finalized: Header,
    pairs: Collection[Pair],
    first_blocks: Mapping[str, int],
) -> Refusals:
    """Take the ranges that are read to the end into the chain's ledger, and drop them; under the chain's lock.

    Args:
        node: whose chain each of them must be of, so that they touch.
        finalized: the last finalized block.
        pairs: the events that a range must have of its blocks.
        first_blocks: the first block of each contract.
    """
    refused: Refusals = {}
    for blocks in ranges.held():
        lake = ranges.lake(blocks)
        left = partial(_gaps, blocks=blocks, finalized=finalized, pairs=pairs, first_blocks=first_blocks)
        try:
            with ranges.lock(blocks):
                found = _checked(node, ledger, lake, finalized, left)
                if isinstance(found, EventLedger):
                    ledger.take(found)
                    lake.drop()
                elif found:
                    refused[blocks] = found
        except ranges.busy:
            refused[blocks] = None
    return refused


def _checked(
    node: Node, ledger: EventLedger, lake: Lake, finalized: Header, left: Callable[[pl.DataFrame], list[Span]]
) -> EventLedger | str | None:
    """A range as it may be taken; why it may not, or None where it is not read to the end.

    Args:
        left: what is still to be read of it, beyond a coverage.
    """
    held = ledger.read("coverage")
    try:
        found = EventLedger(lake, ledger.network)
        covered = found.read("coverage")
        if left(pl.concat([held, covered])):
            return None
        found.check_parts()
    except LakeDamaged:
        return str(damaged(lake))
    if (stranger := _stranger(node, covered, finalized)) is None:
        return found
    return (
        f"{_shown(lake)} has block {stranger:,}, which is none of {node.shown}'s finalized blocks: let the node catch"
        " up, or remove that folder and read these blocks again."
    )


def damaged(lake: Lake) -> LakeDamaged:
    """What to say where a range is not as it was written: the chain's own record has nothing to do with it."""
    return LakeDamaged(f"{_shown(lake)} is damaged: remove that folder and read these blocks again.")


def _shown(lake: Lake) -> str:
    """A range's folder below the home."""
    return "/".join(lake.root.parts[-3:]) if lake.root else lake.name


def _stranger(node: Node, covered: pl.DataFrame, finalized: Header) -> int | None:
    """An end of what a range covers that is no finalized block of the node's chain; None where all are."""
    ends = covered.select("to_block", "to_block_hash").unique().sort("to_block")
    for (number, digest), header in zip(ends.iter_rows(), node.headers(ends["to_block"]), strict=True):
        if header is None or header.hash != digest or number > finalized.number:
            return number
    return None


def missing(
    ledger: EventLedger,
    ranges: Ranges,
    refused: Refusals,
    finalized: Header,
    pairs: Collection[Pair],
    first_blocks: Mapping[str, int],
) -> Iterator[str]:
    """A sentence where ranges are not read to the end that are planned or were begun, and nobody is at work at them."""
    coverage = ledger.read("coverage")
    left = [
        blocks
        for blocks in sorted({*ranges.planned, *ranges.held()} - refused.keys())
        if _gaps(coverage, blocks, finalized, pairs, first_blocks)
    ]
    if left:
        yield (
            f"{len(left):,} ranges of {ledger.network}'s history are not read to the end, the first of them {left[0]}:"
            f" run `flowhouse ingest evm --network {ledger.network} --blocks {left[0]}`, or its partition in Dagster."
        )


def _gaps(
    coverage: pl.DataFrame,
    blocks: Range,
    finalized: Header,
    pairs: Collection[Pair],
    first_blocks: Mapping[str, int],
) -> list[Span]:
    """What is still to be read of a range; the newest blocks are left to the increment."""
    return gaps(coverage, pairs, first_blocks, blocks.first, min(blocks.last, finalized.number))
