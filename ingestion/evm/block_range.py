"""Which blocks are wanted, and the numbers of the blocks that this means: a UTC day is searched for by block times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ingestion.errors import UsageError
from ingestion.evm.node import Header, Node, require_header


@dataclass(frozen=True)
class BlockRange:
    """Which blocks are wanted: from `first` to `last` (None for the newest), or those of a UTC day.

    Raises:
        UsageError: the last is below the first, or a day has other blocks than its own.
    """

    first: int = 0
    last: int | None = None
    day: date | None = None

    def __post_init__(self) -> None:
        if self.day and (self.first or self.last is not None):
            raise UsageError("A day has its own blocks: give --day, or --from-block and --to-block.")
        if self.last is not None and self.last < self.first:
            raise UsageError(
                f"Block {self.last:,} is before block {self.first:,}: give a --to-block that is not below --from-block."
            )

    def has_newer_than(self, number: int) -> bool:
        """Whether blocks above a number are wanted."""
        return self.day is None and (self.last is None or self.last > number)


def bounds(node: Node, wanted: BlockRange, finalized: Header) -> tuple[int, int]:
    """First and last of the finalized blocks that are wanted.

    Raises:
        UsageError: the day is not over, began after the last finalized block, or has no block.
    """
    last = finalized.number if wanted.last is None else min(wanted.last, finalized.number)
    if wanted.day is None:
        return wanted.first, last
    start = datetime(wanted.day.year, wanted.day.month, wanted.day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    if end.timestamp() > finalized.time:
        raise UsageError(f"{wanted.day} is not finalized yet: try again later, or leave out --day.")
    first, last = _first_at(node, start, finalized.number), _first_at(node, end, finalized.number) - 1
    if last < first:
        raise UsageError(f"The chain of {node.shown} has no block on {wanted.day}: ask for a later day.")
    return first, last


def beyond(node: Node, wanted: BlockRange, head: Header) -> Iterator[str]:
    """A sentence where blocks are wanted that the chain does not have yet."""
    if wanted.first > head.number:
        what = f"Nothing was read from block {wanted.first:,} on"
    elif wanted.last is not None and wanted.last > head.number:
        what = f"Blocks up to {wanted.last:,} were asked for and read up to {head.number:,}"
    else:
        return
    yield f"{what}, where the chain of {node.shown} ends at block {head.number:,}: try again when it has more."


def _first_at(node: Node, moment: datetime, last: int) -> int:
    """The first block at or after a moment that one up to `last` is after."""
    return lowest(lambda number: require_header(node.header(number), node, number).time >= moment.timestamp(), last)


def lowest(is_there: Callable[[int], bool], last: int) -> int:
    """The lowest number for which something is so that stays so, as it is at `last`."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        if is_there(middle):
            high = middle
        else:
            low = middle + 1
    return low
