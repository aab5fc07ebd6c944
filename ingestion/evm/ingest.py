"""Account chains brought up to date in the lake, from a provider."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from ingestion.errors import ChainMismatch, LakeDamaged, ReorgDuringRead
from ingestion.evm import decode, log_checks, log_ranges
from ingestion.evm.block_range import BlockRange, beyond, bounds, lowest
from ingestion.evm.errors import AnswerRefused, WrongChain
from ingestion.evm.issuance import Issuance
from ingestion.evm.ledger import EventLedger, EventRecord, gaps, read, read_record
from ingestion.evm.node import FINALIZED, LATEST, Header, Node, require_header
from ingestion.evm.ranges import Range, Ranges, damaged, missing, take_whole
from ingestion.evm.reconcile import reconcile
from ingestion.evm.rows import COVERAGE, EVENTS, SUPPLY_EVENTS, Pair, Span, WatchList
from ingestion.lake.tables import Lake
from ingestion.threads import in_order

# Rows are stored when there are so many, after so many answers, or after so long: an interrupted run loses the rest.
BATCH_ROWS, BATCH_ANSWERS, BATCH_SECONDS = 100_000, 200, 10
REORGANISATIONS = 5

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class IngestResult:
    """What an update did.

    Attributes:
        network: name of the network.
        blocks: blocks read now, finalized or not.
        events: events read now.
        last_block: the last block of which the lake has anything; None before the first.
        failures: a sentence for each thing that failed.
    """

    network: str
    blocks: int
    events: int
    last_block: int | None
    failures: tuple[str, ...] = ()


def from_node(
    lake: Lake,
    node: Node,
    watch_list: WatchList,
    wanted: BlockRange | None = None,
    progress: Progress | None = None,
    ranges: Ranges | None = None,
) -> IngestResult:
    """Read the missing events of a watch list, and ask for its balances.

    Finalized blocks are read in ranges and stored as they come, so that an interrupted run resumes behind them; the
    blocks above are read one by one, by hash, and replace the older tail. Last, tokens are compared with the node's
    own totalSupply and balances at the last finalized block.

    Args:
        node: the node behind a provider.
        watch_list: the chain's tokens, contracts and addresses.
        wanted: which blocks; all up to the newest where it is None.
        progress: called with (blocks done, blocks in all, events in them).
        ranges: history that was read in ranges, which is taken in first.

    Raises:
        WrongChain: the node is of another chain.
        ChainMismatch: its chain leaves the lake's below what is finalized.
        IngestionError: as the provider and `ranges` name it; what was stored stays.
    """
    wanted = wanted or BlockRange()
    check_chain(node, watch_list)
    ledger = EventLedger(lake, watch_list.network)
    check_common(node, ledger.record)
    finalized, head = _finalized(node, ledger), require_header(node.header(LATEST), node, LATEST)
    first, last = bounds(node, wanted, finalized)
    first_blocks, failures = _first_blocks(node, ledger, watch_list, finalized, head)
    failures = [*beyond(node, wanted, head), *failures, *_before_all(watch_list, wanted, first_blocks, last)]
    issued = _issuance(node, ledger, watch_list, first_blocks, finalized, head)
    pairs = issued.readable(pair for pair in watch_list.pairs if pair[0] in first_blocks)
    refused = take_whole(node, ledger, ranges, finalized, pairs, first_blocks) if ranges else {}
    spans = ledger.gaps(pairs, first_blocks, first, last)
    blocks, events = _read_finalized(node, ledger, watch_list, issued, spans, progress)
    if wanted.first <= head.number and wanted.has_newer_than(finalized.number):
        tail_blocks, tail_events = _read_tail(node, ledger, watch_list, issued, pairs, finalized, wanted.last)
        blocks, events = blocks + tail_blocks, events + tail_events
    if ranges:
        failures += filter(None, refused.values())
        failures += missing(ledger, ranges, refused, finalized, pairs, first_blocks)
    failures += issued.sentences(watch_list)
    failures += reconcile(node, ledger, watch_list, first_blocks)
    return IngestResult(watch_list.network, blocks, events, ledger.last_block(), tuple(failures))


def read_range(
    lake: Lake, chains: Lake | None, node: Node, watch_list: WatchList, blocks: Range, progress: Progress | None = None
) -> IngestResult:
    """Read the finalized blocks of a range that neither it nor the chain's ledger has; under the range's lock.

    Args:
        lake: the range's own, where what was read stays until the chain's ledger takes it.
        chains: where the chain's ledger is, if there is any; only looked at.
        node, watch_list, progress: see `from_node`.

    Raises:
        LakeDamaged: the range's lake is, or the chain's.
        IngestionError: as `from_node` names it.
    """
    check_chain(node, watch_list)
    held = pl.DataFrame(schema=COVERAGE)
    if chains:
        record = read_record(chains, watch_list.network)
        check_common(node, record)
        held = read(chains, record, "coverage")
    try:
        return _read_range(EventLedger(lake, watch_list.network), held, node, watch_list, blocks, progress)
    except LakeDamaged:
        raise damaged(lake) from None


def _read_range(
    ledger: EventLedger,
    held: pl.DataFrame,
    node: Node,
    watch_list: WatchList,
    blocks: Range,
    progress: Progress | None,
) -> IngestResult:
    """The same into the range's ledger; `held` is the coverage of the chain's."""
    check_common(node, ledger.record)
    finalized, head = _finalized(node, ledger), require_header(node.header(LATEST), node, LATEST)
    first_blocks, failures = _first_blocks(node, ledger, watch_list, finalized, head)
    issued = _issuance(node, ledger, watch_list, first_blocks, finalized, head)
    pairs = issued.readable(pair for pair in watch_list.pairs if pair[0] in first_blocks)
    coverage = pl.concat([held, ledger.read("coverage")])
    spans = gaps(coverage, pairs, first_blocks, blocks.first, min(blocks.last, finalized.number))
    count, events = _read_finalized(node, ledger, watch_list, issued, spans, progress)
    failures += issued.sentences(watch_list)
    if blocks.last > finalized.number:
        failures.append(
            f"Blocks {max(blocks.first, finalized.number + 1):,} to {blocks.last:,} are not finalized yet: leave the"
            " newest to `flowhouse ingest evm`, or run this range again later."
        )
    return IngestResult(watch_list.network, count, events, ledger.last_block(), tuple(failures))


def check_chain(node: Node, watch_list: WatchList) -> None:
    """Raise WrongChain where the node's chain is not the one whose contracts are watched."""
    if (found := node.chain_id()) != watch_list.chain_id:
        raise WrongChain(
            f"{node.shown} serves the chain with id {found}, not {watch_list.network} ({watch_list.chain_id}): name"
            " another address, or another --network."
        )


def check_common(node: Node, record: EventRecord) -> None:
    """Raise ChainMismatch where the lake's last finalized block is not on the node's chain."""
    number = record.final_number
    if number is None:
        return
    header = node.header(number)
    if header is None or header.hash != record.final_hash:
        raise ChainMismatch(
            f"{node.shown} does not have the home's block {number:,}, which was finalized: let the node catch up, or"
            " choose another --home for another chain."
        )


def _finalized(node: Node, ledger: EventLedger) -> Header:
    """The last finalized block; the lake's stays so where another node is behind it."""
    header = require_header(node.header(FINALIZED), node, FINALIZED)
    ours = ledger.record.final_number
    return header if ours is None or ours <= header.number else require_header(node.header(ours), node, ours)


def _first_blocks(
    node: Node, ledger: EventLedger, watch_list: WatchList, finalized: Header, head: Header
) -> tuple[dict[str, int], list[str]]:
    """The first block of each contract that there is, and a sentence for each that cannot be read."""
    addresses = list(watch_list.emitters)
    found, failures = {}, []
    for address, has_code in zip(addresses, node.have_code(addresses, LATEST), strict=True):
        name = f"{watch_list.name(address)} ({address})"
        first = watch_list.emitters[address].first_block
        if first is not None and first > head.number:
            failures.append(
                f"{name} begins at block {first:,}, and the chain of {node.shown} ends at block {head.number:,}: let"
                f" the node catch up, or ask one of {watch_list.network}."
            )
            continue
        if not has_code:
            failures.append(f"{name} is not a contract on {watch_list.network}: correct its address in the seeds.")
            continue
        try:
            first = ledger.record.first_blocks.get(address) if first is None else first
            found[address] = _created(node, address, finalized.number) if first is None else first
            ledger.record.first_blocks[address] = found[address]
        except AnswerRefused as error:
            failures.append(
                f"{name} has no first_block in the seeds, and the node cannot tell ({error}): add it there, or ask an"
                " archive node."
            )
    return found, failures


def _issuance(
    node: Node,
    ledger: EventLedger,
    watch_list: WatchList,
    first_blocks: Mapping[str, int],
    finalized: Header,
    head: Header,
) -> Issuance:
    """The tokens that issue coins without a Transfer, each with the block that created it."""
    issued = Issuance(node, ledger.record.created)
    for token in watch_list.tokens:
        if SUPPLY_EVENTS[token.supply_events] and token.address in first_blocks:
            issued.find(token, first_blocks[token.address], finalized.number, head.number)
    return issued


def _before_all(watch_list: WatchList, wanted: BlockRange, first_blocks: Mapping[str, int], last: int) -> Iterator[str]:
    """A sentence where an end or a day was asked for that is before everything that is watched."""
    limit = last if wanted.day else wanted.last
    if limit is None or not first_blocks or limit >= min(first_blocks.values()):
        return
    earliest = min(first_blocks, key=lambda address: first_blocks[address])
    yield (
        f"There is nothing to read up to block {limit:,}: what is watched of {watch_list.network} begins with"
        f" {watch_list.name(earliest)} at block {first_blocks[earliest]:,}, so ask for later blocks."
    )


def _created(node: Node, address: str, last: int) -> int:
    """The block that created a contract; the one after `last` where it is newer.

    Raises:
        AnswerRefused: the node does not keep the state of old blocks.
    """
    return lowest(lambda number: number > last or node.have_code([address], number)[0], last + 1)


def _read_finalized(
    node: Node,
    ledger: EventLedger,
    watch_list: WatchList,
    issued: Issuance,
    spans: list[Span],
    progress: Progress | None,
) -> tuple[int, int]:
    """Read spans of finalized blocks into the ledger; how many blocks and events they hold."""
    width = log_ranges.Width()
    blocks = sum(span.last + 1 - span.first for span in spans)
    done = events = 0
    for span in spans:
        for piece, found in _batches(log_ranges.read(node, span, width), span):
            last = require_header(node.header(piece.last), node, piece.last)
            logs, pairs = issued.as_transfers(found, range(piece.first, piece.last + 1), piece.pairs)
            whole, rows = Span(piece.first, piece.last, pairs), decode.rows(logs, watch_list, is_final=True)
            ledger.add(whole, last.block, rows, watch_list.chain_id)
            done += piece.last + 1 - piece.first
            events += found.height
            if progress:
                progress(done, blocks, events)
    return done, events


def _batches(answers: Iterator[tuple[int, pl.DataFrame]], span: Span) -> Iterator[tuple[Span, pl.DataFrame]]:
    """Answers put together to what is worth storing."""
    first, begun = span.first, time.monotonic()
    batch: list[pl.DataFrame] = []
    for last, found in answers:
        batch.append(found)
        is_enough = sum(each.height for each in batch) >= BATCH_ROWS or len(batch) >= BATCH_ANSWERS
        is_late = time.monotonic() - begun >= BATCH_SECONDS
        if is_enough or is_late or last == span.last:
            yield Span(first, last, span.pairs), pl.concat(batch)
            first, batch, begun = last + 1, [], time.monotonic()


def _read_tail(
    node: Node,
    ledger: EventLedger,
    watch_list: WatchList,
    issued: Issuance,
    pairs: tuple[Pair, ...],
    finalized: Header,
    last: int | None,
) -> tuple[int, int]:
    """Replace the rows above the last finalized block; how many blocks and events were new.

    Raises:
        ReorgDuringRead: the chain changes all the time.
    """
    reason, held, failures = "the chain changed", set(ledger.record.tail), issued.failures
    for _ in range(REORGANISATIONS):
        issued.failures = dict(failures)  # without those of an attempt into which a reorg broke
        headers = _linked(node, finalized, last)
        if headers is None:
            continue
        try:
            rows, read, held_pairs = _of_blocks(node, ledger, watch_list, issued, pairs, headers)
        except AnswerRefused as error:
            reason = str(error)  # a block that a reorg took away is an error to ask for
            continue
        if headers and node.header(headers[-1].number) != headers[-1]:
            continue
        span = Span(finalized.number + 1, headers[-1].number, held_pairs) if headers and held_pairs else None
        ledger.replace_tail(span, [header.block for header in headers], rows, watch_list.chain_id)
        return sum(header.hash not in held for header in headers), read
    raise ReorgDuringRead(
        f"The newest blocks of {node.shown} could not be read in {REORGANISATIONS} attempts ({reason}): try again"
        " later."
    )


def _linked(node: Node, finalized: Header, last: int | None) -> list[Header] | None:
    """The headers above the last finalized block, each the parent of the next; None where a reorg broke in."""
    tip = require_header(node.header(LATEST), node, LATEST).number
    headers, parent = [], finalized.hash
    for header in node.headers(range(finalized.number + 1, min(tip, tip if last is None else last) + 1)):
        if header is None or header.parent != parent:
            return None
        headers.append(header)
        parent = header.hash
    return headers


def _of_blocks(
    node: Node,
    ledger: EventLedger,
    watch_list: WatchList,
    issued: Issuance,
    pairs: tuple[Pair, ...],
    headers: list[Header],
) -> tuple[Mapping[str, pl.DataFrame], int, tuple[Pair, ...]]:
    """The rows of blocks, those of known hashes from the lake; how many logs were read for the others; and the pairs of
    which these are all."""
    record = ledger.record
    is_as_before = sorted(map(list, pairs)) == sorted(record.tail_pairs)
    known = {header.hash for header in headers} & set(record.tail if is_as_before else [])
    asked = [header for header in headers if header.hash not in known and node.may_hold(header, pairs)]
    answers = list(in_order(lambda header: node.logs_of(header, pairs), asked, node.in_flight))
    for header, answer in zip(asked, answers, strict=True):
        log_checks.check_bloom(node, header, answer)
    found = pl.concat([pl.DataFrame(schema=decode.LOGS), *answers])
    unknown = {header.number for header in headers if header.hash not in known}
    logs, held_pairs = issued.as_transfers(found, unknown, pairs)
    new, tail = decode.rows(logs, watch_list, is_final=False), ledger.tail()
    is_known = pl.col("block_hash").is_in(list(known))
    rows = {table: pl.concat([tail[table].filter(is_known), new[table]]) for table in EVENTS}
    return rows, found.height, held_pairs
