"""Which blocks are wanted, and the numbers of the blocks that this means: a UTC day is searched for by block times."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ingestion.errors import UsageError
from ingestion.evm.node import Header, Node, require_header


@dataclass(frozen=True)
class BlockRange:
    """Which blocks are wanted: from `first` to `last` (None for the newest), or those of a UTC day."""

    first: int = 0
    last: int | None = None
    day: date | None = None


def bounds(node: Node, wanted: BlockRange, finalized: Header) -> tuple[int, int]:
    """First and last of the finalized blocks that are wanted.

    Raises:
        UsageError: the day is not over, or began after the last finalized block.
    """
    last = finalized.number if wanted.last is None else min(wanted.last, finalized.number)
    if wanted.day is None:
        return wanted.first, last
    start = datetime(wanted.day.year, wanted.day.month, wanted.day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    if end.timestamp() > finalized.time:
        raise UsageError(f"{wanted.day} is not finalized yet: try again later, or leave out --day.")
    return _first_at(node, start, finalized.number), _first_at(node, end, finalized.number) - 1


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
