"""Where the chain in a node's files ends: at the last block that the node has connected, so that it has undo."""

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable

from ingestion.bitcoin.errors import MissingUndo
from ingestion.bitcoin.files.block_index import NOWHERE, BlockIndex
from ingestion.bitcoin.files.undo_matching import Matches, no_fit

HashAt = Callable[[int], str | None]
"""A node's block hash at a height, as displayed; None above its tip."""


def find(index: BlockIndex, match: Callable[[int], Matches], hash_at: HashAt | None) -> tuple[int, str | None]:
    """The last block of the chain, and a sentence where the files go on behind it.

    Args:
        match: what the undo file of a number has.
        hash_at: where the node is asked which blocks are valid; otherwise the most work counts.

    Raises:
        MissingUndo: no block has an undo record, or the undo file of the next block is missing.
        DamagedFile: the record of the next block may be the one that fits none.
    """
    end, rows = _by_work(index) if hash_at is None else _followed(index, hash_at)
    if index.heights[end] == 0:  # genesis alone, which has no undo
        return end, None
    for row in rows:
        if any(row in match(place.number).records for place in index.places(row)):
            return row, _left_over(index, match, row) if row == end else _beyond(index, match, row, end)
    raise _nothing_connected(index)


def _nothing_connected(index: BlockIndex) -> MissingUndo:
    return MissingUndo(
        f"{index.files.undo_file(0)} has no undo record of any block from height 1 on: copy the rev files together with"
        " the blk files, or let the node connect its blocks."
    )


def _by_work(index: BlockIndex) -> tuple[int, Iterable[int]]:
    """The block of most work in the files, and all of them from there down."""
    rows = [(-work, row) for row, work in enumerate(index.works) if work >= 0 and index.numbers[row] != NOWHERE]
    if not rows:
        raise _nothing_connected(index)
    heapq.heapify(rows)
    return rows[0][1], (heapq.heappop(rows)[1] for _ in range(len(rows)))


def _followed(index: BlockIndex, hash_at: HashAt) -> tuple[int, Iterable[int]]:
    """The last block in the files that the node itself follows, and those before it from there down."""
    rows = index.ancestry(_by_work(index)[0])
    fork = bisect_left(rows, True, key=lambda row: hash_at(index.heights[row]) != index.hashes[row][::-1].hex())
    row = rows[max(fork - 1, 0)]
    while block_hash := hash_at(index.heights[row] + 1):
        following = index.row(bytes.fromhex(block_hash)[::-1])
        if following is None:
            break
        row = following
    return row, reversed(index.ancestry(row))


def _left_over(index: BlockIndex, match: Callable[[int], Matches], tip: int) -> str | None:
    """A sentence where the last undo file has a record that fits no block, as of a block whose own bytes are lost."""
    number = max(place.number for place in index.places(tip))
    if (misfit := match(number).misfit) is None:
        return None
    return (
        f"The files end at height {index.heights[tip]:,}, and {index.files.undo_file(number)} has a record at byte"
        f" {misfit} that fits no block: where the node has more blocks, restore both files, or {index.files.repair}."
    )


def _beyond(index: BlockIndex, match: Callable[[int], Matches], tip: int, end: int) -> str | None:
    """A sentence where the chain that ends at `tip` goes on to `end`; errors as `find` has them."""
    chain, beyond = index.ancestry(tip), index.ancestry(end)
    fork = bisect_left(range(min(len(chain), len(beyond))), True, key=lambda height: chain[height] != beyond[height])
    following = [place.number for place in index.places(beyond[fork])]
    for number in following:
        if match(number).misfit is not None:
            raise no_fit(index, number, match(number))
    if following and not any(map(index.files.has_undo, following)):
        raise MissingUndo(
            f"{index.files.undo_file(following[0])} is missing, with the coins spent by the block at height {fork}:"
            " copy the rev files together with the blk files, or run this again once the node has connected the block."
        )
    if fork < len(chain):
        return (
            f"A branch that leaves the chain at height {fork:,} has more work and no undo record: it is read once the"
            " node has connected it, and never where the node found it invalid."
        )
    return (
        f"The files go on to height {len(beyond) - 1:,}, but have no undo record of the block at height {fork:,}: it is"
        " read once the node has connected it."
    )
