"""Checks of logs against the headers of their blocks: what an answer has belongs there, and what it does not have is
missing from the blocks too."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from ingestion.evm import decode
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.node import CALLS_A_BATCH, Header, Node, require_header
from ingestion.evm.rows import SUPPLY_EVENTS, TRANSFER, Pair
from ingestion.transport.errors import NodeRefused

# The longest run of blocks without an event (at most a quarter of a range) that is accepted without checking its
# blooms: a truncated answer lacks logs at one end, and a busy contract's own gaps are shorter.
MAX_UNVERIFIED_GAP = 100
# Of an answer whose logs have times, so many are compared with the headers of their blocks: one more request.
SAMPLE = CALLS_A_BATCH
BLOOMS_ABSENT = (
    'set blooms = "absent" under [evm.<network>] in flowhouse.toml to have quiet blocks asked for one by one'
)
_RARE = {topic for topics in SUPPLY_EVENTS.values() for topic in topics}
"""Events that most blocks lack, which totalSupply proves complete as it does transfers."""
_PLACE = ["block_number", "block_hash", "block_time"]


def placed(node: Node, found: pl.DataFrame) -> pl.DataFrame:
    """The logs with their blocks' times, which not every node returns with a log.

    Compared with headers are the blocks of a sample of logs, or all where a time is missing.

    Raises:
        AnswerRefused: a block is not on the node's chain, has another time, or does not hold its log.
        NodeRefused: the chain does not fill its blooms.
    """
    if found.is_empty():
        return found
    has_times = not found["block_time"].null_count()
    blocks = found.select(_PLACE if has_times else _PLACE[:2]).unique().sort("block_number")
    if not blocks["block_number"].is_unique().all() or (has_times and not blocks["block_time"].is_sorted()):
        raise AnswerRefused(f"{node.shown} returned logs that do not agree on their blocks")
    nth = np.unique(np.linspace(0, found.height - 1, SAMPLE).astype(np.int64))
    sample = found.gather(found["block_number"].arg_sort().gather(nth))
    asked = sample["block_number"].unique() if has_times else blocks["block_number"]
    headers = {header.number: header for header in node.headers(asked) if header}
    ours = [(each, headers[each].hash, headers[each].time)[: blocks.width] for each in asked if each in headers]
    if sorted(ours) != blocks.filter(pl.col("block_number").is_in(asked.implode())).rows():
        raise AnswerRefused(f"{node.shown} returned logs of blocks that are not on its chain")
    for number, address, topics in sample.select("block_number", "address", "topics").iter_rows():
        _check_log(node, headers[number], [address, *topics])
    if has_times:
        return found
    rows = [(each, headers[each].time) for each in asked]
    times = pl.DataFrame(rows, schema={"block_number": pl.Int64, "block_time": pl.Int64}, orient="row")
    return found.drop("block_time").join(times, on="block_number", maintain_order="left").select(found.columns)


def check_bloom(node: Node, header: Header, found: pl.DataFrame) -> None:
    """Check that a block may have logs that an answer has of it; of many, the first.

    Raises:
        AnswerRefused: its bloom excludes one.
        NodeRefused: the chain does not fill its blooms, so missing logs would go unnoticed.
    """
    for address, topics in found.head(SAMPLE).select("address", "topics").iter_rows():
        _check_log(node, header, [address, *topics])


def _check_log(node: Node, header: Header, items: Sequence[str]) -> None:
    """The same of one log, by its address and topics."""
    if node.may_hold(header, [items]):
        return
    excluded = f"{node.shown} gives a log of block {header.number:,} that the block's bloom excludes"
    if header.bloom:
        raise AnswerRefused(f"{excluded}; if this chain fills blooms otherwise, {BLOOMS_ABSENT}")
    raise NodeRefused(
        f"{excluded}: this chain or provider does not fill blooms, so missing logs would go unnoticed; {BLOOMS_ABSENT},"
        " or use another provider."
    )


def completed(node: Node, found: pl.DataFrame, blocks: range, pairs: Sequence[Pair]) -> pl.DataFrame:
    """The logs with those of blocks that seem to have none of an event, requested by hash where a bloom allows some.

    Events other than transfers, mints and burns add up to nothing that a node could be asked for, and a transfer of
    another shape than any counts for nothing: where few blocks have them, these are requested by hash too, and that
    answer counts.

    Raises:
        AnswerRefused: two logs cannot be told apart.
        NodeRefused: a block cannot be read, or the node does not have it.
    """
    with_event: dict[Pair, list[int]] = defaultdict(list)
    shapes = found.select("address", *decode.shape(), "block_number").unique()
    events = shapes.select("address", "event", "block_number")
    for address, topic, number in events.unique().sort("block_number").iter_rows():
        with_event[address, topic].append(number)
    again = {(*pair, number) for pair in pairs for number in with_event[pair] if _is_asked_again(pair, with_event)}
    odd = shapes.filter(~decode.has_known_shape()).select(events.columns).unique()
    again |= set(odd.iter_rows() if odd.height <= CALLS_A_BATCH else ())
    doubted = _silences(with_event, blocks, pairs)
    for *pair, number in again:
        doubted[number].append((pair[0], pair[1]))
    if not doubted:
        return found
    rows = pl.DataFrame(sorted(again), schema=events.schema, orient="row")
    kept = found.with_columns(decode.event()).join(rows, on=rows.columns, how="anti", maintain_order="left")
    return decode.once(pl.concat([kept.select(found.columns), *_requested(node, dict(sorted(doubted.items())))]))


def _is_asked_again(pair: Pair, with_event: Mapping[Pair, list[int]]) -> bool:
    return pair[1] not in {TRANSFER, *_RARE} and len(with_event[pair]) <= CALLS_A_BATCH


def _silences(with_event: Mapping[Pair, list[int]], blocks: range, pairs: Iterable[Pair]) -> dict[int, list[Pair]]:
    """The events of which blocks have had none for long, by block, without the rare ones."""
    longest = min(MAX_UNVERIFIED_GAP, len(blocks) // 4)
    silent: dict[int, list[Pair]] = defaultdict(list)
    for pair in (pair for pair in pairs if pair[1] not in _RARE):
        for before, after in pairwise([blocks.start - 1, *with_event[pair], blocks.stop]):
            for number in range(before + 1, after) if after - before - 1 > longest else ():
                silent[number].append(pair)
    return silent


def _requested(node: Node, doubted: Mapping[int, list[Pair]]) -> Iterator[pl.DataFrame]:
    """The logs of blocks whose blooms allow some."""
    batch: list[tuple[Header, list[Pair]]] = []
    for number, header in zip(doubted, node.headers(doubted), strict=True):
        header = require_header(header, node, number)
        if node.may_hold(header, doubted[number]):
            batch.append((header, doubted[number]))
        if len(batch) == CALLS_A_BATCH:
            yield from _by_hash(node, batch)
            batch = []
    if batch:
        yield from _by_hash(node, batch)


def _by_hash(node: Node, blocks: list[tuple[Header, list[Pair]]]) -> list[pl.DataFrame]:
    try:
        answers = node.logs_of_many(blocks)
    except AnswerRefused as error:
        first, last = blocks[0][0].number, blocks[-1][0].number
        raise NodeRefused(
            f"Blocks {first:,} to {last:,} cannot be read by their hashes ({error}): use another provider."
        ) from None
    for (header, _), found in zip(blocks, answers, strict=True):
        check_bloom(node, header, found)
    return answers
