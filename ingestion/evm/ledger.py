"""What the lake holds of account chains: events of finalized blocks by month, and those of the newest, which a reorg
may replace.

    <lake>/evm/{transfers,liquidations,vault_changes}/<network>-<month>.<generation>.parquet    finalized
    <lake>/evm/{transfers,liquidations,vault_changes}/<network>-tail.<generation>.parquet       the newest blocks
    <lake>/evm/{balances,supplies,coverage}/<network>.<generation>.parquet
    <lake>/evm/<network>.json                                               which of these files count
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import polars as pl

from ingestion.evm.rows import COVERAGE, EMITTERS, EVENTS, LOG_KEY, STATES, Block, Pair, Span
from ingestion.lake import parts
from ingestion.lake.tables import Lake

SOURCE = "evm"
TABLES = {**EVENTS, **STATES}
# A month's part takes in new rows up to this many, so that adding some costs the same whatever the month holds.
PART_ROWS = 250_000
_TAIL = "-tail"
_STATE_KEYS = {"balances": ["address", "token", "value_date"], "supplies": ["token", "value_date"]}


@dataclass
class EventRecord(parts.Record):
    """What the lake holds of a chain, and in which parts.

    Attributes:
        chain_id: the chain's own number; None before the first commit.
        final_number, final_hash: the last finalized block; None before the first.
        tail: hashes of the newest blocks, whose events are kept block by block.
        tail_pairs: contract and topic of their events.
        first_blocks: first block of contracts that a node was asked for.
        created: the finalized block that created the contract of each token that issues without a Transfer.
    """

    chain_id: int | None = None
    final_number: int | None = None
    final_hash: str | None = None
    tail: list[str] = field(default_factory=list)
    tail_pairs: list[list[str]] = field(default_factory=list)
    first_blocks: dict[str, int] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)


def read_record(lake: Lake, network: str) -> EventRecord:
    """What the lake says it holds of a network; only looks, so it needs no lock."""
    return parts.read_record(lake, SOURCE, network, EventRecord) or EventRecord()


def read(lake: Lake, record: EventRecord, table: str) -> pl.DataFrame:
    """The rows of a table; meant for the small ones."""
    return parts.read(lake, SOURCE, record, table, TABLES[table])


def last_block(lake: Lake, record: EventRecord) -> int | None:
    """The last block of which the lake has anything; None before the first."""
    covered: list[int] = read(lake, record, "coverage")["to_block"].to_list()
    return max(covered, default=None)


def networks(lake: Lake) -> list[str]:
    """The networks that the lake has a record of."""
    return [name.removesuffix(".json") for name in lake.records(SOURCE)]


def create_tables(lake: Lake) -> None:
    """Create missing tables; under the home's lock."""
    lake.create(SOURCE, TABLES)


def gaps(
    coverage: pl.DataFrame, pairs: Iterable[Pair], first_blocks: Mapping[str, int], first: int, last: int
) -> list[Span]:
    """What is still to be read of the blocks from `first` to `last`, lowest blocks first.

    Args:
        coverage: what has been read, as COVERAGE; what is not finalized counts for nothing.
        pairs: contracts and topics.
        first_blocks: the first block of each contract.
    """
    covered = coverage.filter("is_final")
    missing = {pair: list(_missing(covered, pair, max(first, first_blocks[pair[0]]), last)) for pair in pairs}
    edges = sorted({edge for spans in missing.values() for start, end in spans for edge in (start, end + 1)})
    spans = [
        Span(start, end - 1, tuple(pair for pair, gaps in missing.items() if any(a <= start <= b for a, b in gaps)))
        for start, end in pairwise(edges)
    ]
    return [span for span in spans if span.pairs]


class EventLedger(parts.Ledger[EventRecord]):
    """One network's rows in a lake."""

    def __init__(self, lake: Lake, network: str):
        """Open for writing, under the chain's lock: what an interrupted run left behind is removed."""
        create_tables(lake)
        super().__init__(lake, SOURCE, network, TABLES, read_record(lake, network))
        self.network = network

    def scan(self, table: str) -> pl.LazyFrame:
        """The finalized rows of a table, read only as far as a query needs."""
        parts = [self.scan_part(table, part) for part in self._finalized(table)]
        return pl.concat([pl.LazyFrame(schema=TABLES[table]), *parts])

    def gaps(self, pairs: Iterable[Pair], first_blocks: Mapping[str, int], first: int, last: int) -> list[Span]:
        """What is still to be read; see the function of this name."""
        return gaps(self.read("coverage"), pairs, first_blocks, first, last)

    def add(self, span: Span, last: Block, rows: Mapping[str, pl.DataFrame], chain_id: int) -> None:
        """Add the events of finalized blocks that were a gap.

        Args:
            span: blocks and events that were read.
            last: the span's last block.
            rows: frames of EVENTS.
            chain_id: the chain's number.
        """
        self.record.chain_id = chain_id
        for table, frame in rows.items():
            for (month,), part in frame.group_by(pl.col("value_date").dt.strftime("%Y-%m")):
                self.merge(table, f"-{month}", part, arrange=partial(_sorted, table), max_rows=PART_ROWS)
        self._finalize(last.number, last.hash)
        self._cover(_coverage(self.network, chain_id, span, last, is_final=True))
        self.commit()

    def take(self, other: "EventLedger") -> None:
        """Add the finalized events of another ledger of this chain, but for those that are here, in one commit.

        Raises:
            LakeDamaged: a part of the other is not as it was written; nothing was taken.
        """
        other.check_parts()
        taken = other.read("coverage").filter("is_final")
        if taken.is_empty():
            return
        last = taken.sort("to_block").row(-1, named=True)
        for table in EVENTS:
            here = self._keys_between(table, min(taken["from_block"].to_list()), last["to_block"])
            for part in other._finalized(table):
                rows = other.scan_part(table, part).collect().join(here, on=here.columns, how="anti")
                if rows.height:
                    self.merge(table, other.suffix(part), rows, partial(_sorted, table), PART_ROWS)
        self.record.chain_id = other.record.chain_id
        self._finalize(last["to_block"], last["to_block_hash"])
        self._cover(taken)
        self.commit()

    def last_block(self) -> int | None:
        """See the function of this name."""
        return last_block(self._lake, self.record)

    def tail(self) -> dict[str, pl.DataFrame]:
        """The rows of blocks that were not finalized when they were read."""
        return {table: self.read(table, _TAIL) for table in EVENTS}

    def replace_tail(
        self, span: Span | None, blocks: list[Block], rows: Mapping[str, pl.DataFrame], chain_id: int
    ) -> None:
        """Replace the rows of the blocks that are not finalized.

        Args:
            span: the blocks and events that were read; None where all blocks are finalized.
            blocks: those of the span.
            rows: all their events, frames of EVENTS.
            chain_id: the chain's number.
        """
        self.record.tail = [block.hash for block in blocks]
        self.record.tail_pairs = [list(pair) for pair in span.pairs] if span else []
        for table, frame in rows.items():
            self.replace(table, _TAIL, _sorted(table, frame))
        finalized = self.read("coverage").filter("is_final")
        newest = [_coverage(self.network, chain_id, span, blocks[-1], is_final=False)] if span else []
        self.replace("coverage", "", pl.concat([finalized, *newest]))
        self.commit()

    def add_states(self, states: Mapping[str, pl.DataFrame]) -> None:
        """Add balances and supplies; the newest of a day stays."""
        for table, frame in states.items():
            rows = pl.concat([self.read(table), frame]).sort("block_number", maintain_order=True)
            rows = rows.unique(_STATE_KEYS[table], keep="last", maintain_order=True).sort(_STATE_KEYS[table])
            self.replace(table, "", rows)
        self.commit()

    def refuse(self, token: str) -> None:
        """Drop a token's transfers and their coverage."""
        for part in self.names("transfers"):
            rows = self._read_part("transfers", part)
            kept = rows.filter(pl.col("token") != token)
            if kept.height < rows.height:
                self.rewrite("transfers", part, kept)
        self.record.tail_pairs = []  # so that the newest blocks are read again with the token's rows
        self.replace("coverage", "", self.read("coverage").filter(pl.col("contract") != token))
        self.commit()

    def _finalized(self, table: str) -> list[str]:
        """Names of a table's parts, but for the newest blocks'."""
        return [part for part in self.names(table) if self.suffix(part) != _TAIL]

    def _finalize(self, number: int, digest: str) -> None:
        """Note a finalized block, above which the tail begins."""
        if self.record.final_number is None or number > self.record.final_number:
            self.record.final_number, self.record.final_hash = number, digest
        self._cut_tail(number)

    def _cover(self, rows: pl.DataFrame) -> None:
        """Add rows to the coverage of finalized blocks."""
        covered = self.read("coverage")
        finalized = [covered.filter("is_final"), rows]
        self.replace("coverage", "", pl.concat([_joined(pl.concat(finalized)), covered.filter(~pl.col("is_final"))]))

    def _keys_between(self, table: str, first: int, last: int) -> pl.DataFrame:
        """What tells apart the finalized rows of a table in these blocks, of which some may have been read."""
        keys = [*LOG_KEY, "leg"] if table == "vault_changes" else LOG_KEY
        covered = self.read("coverage").filter("is_final", pl.col("from_block") <= last, pl.col("to_block") >= first)
        rows = self.scan(table) if covered.height else pl.LazyFrame(schema=TABLES[table])
        return rows.filter(pl.col("block_number").is_between(first, last)).select(keys).collect()

    def _cut_tail(self, last: int) -> None:
        """Drop the rows that were not finalized of the blocks up to `last`, which are now."""
        for table, rows in self.tail().items():
            kept = rows.filter(pl.col("block_number") > last)
            if kept.height < rows.height:
                self.replace(table, _TAIL, kept)
        from_block = pl.when("is_final").then("from_block").otherwise(pl.max_horizontal("from_block", last + 1))
        covered = self.read("coverage").with_columns(from_block.alias("from_block"))
        self.replace("coverage", "", covered.filter(pl.col("from_block") <= pl.col("to_block")))


def _sorted(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of a part: a filter on days or contracts then reads few row groups."""
    leg = ["leg"] if table == "vault_changes" else []
    # Where the logs of each transaction are numbered anew, they stay as they came.
    return rows.sort(["value_date", EMITTERS[table], "block_number", "log_index", *leg], maintain_order=True)


def _missing(covered: pl.DataFrame, pair: Pair, first: int, last: int) -> Iterable[tuple[int, int]]:
    """The blocks from `first` to `last` that no row of `covered` covers, as (first, last)."""
    of_pair = covered.filter(pl.col("contract") == pair[0], pl.col("topic") == pair[1]).sort("from_block")
    for start, end in of_pair.select("from_block", "to_block").iter_rows():
        if first < start and first <= last:
            yield first, min(start - 1, last)
        first = max(first, end + 1)
    if first <= last:
        yield first, last


def _coverage(network: str, chain_id: int, span: Span, last: Block, is_final: bool) -> pl.DataFrame:
    rows = [
        (network, chain_id, contract, topic, span.first, span.last, last.hash, last.date, is_final)
        for contract, topic in span.pairs
    ]
    return pl.DataFrame(rows, schema=COVERAGE, orient="row")


def _joined(covered: pl.DataFrame) -> pl.DataFrame:
    """Rows of the same contract and topic whose blocks meet, as one."""
    pair = ["contract", "topic"]
    rows = covered.sort(*pair, "from_block")
    is_apart = pl.col("from_block") > pl.col("to_block").cum_max().shift(1).over(pair) + 1
    groups = rows.with_columns(is_apart.fill_null(True).cum_sum().alias("group"))
    return (
        groups.group_by("group", maintain_order=True)
        .agg(
            pl.col("network", "chain_id", *pair).first(),
            pl.col("from_block").min(),
            pl.col("to_block").max(),
            pl.col("to_block_hash", "to_value_date").sort_by("to_block").last(),
            pl.col("is_final").first(),
        )
        .select(*COVERAGE)
    )
