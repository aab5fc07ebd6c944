"""What the lake holds of account chains: events of finalized blocks by month, and those of the newest, which a reorg
may replace.

    <lake>/evm/{transfers,liquidations,vault_changes}/<network>-<month>.<generation>.parquet    finalized
    <lake>/evm/{transfers,liquidations,vault_changes}/<network>-tail.<generation>.parquet       the newest blocks
    <lake>/evm/{balances,supplies,coverage}/<network>.<generation>.parquet
    <lake>/evm/<network>.json                                               which of these files count

Parts are written under new names and count once the record names them: a run that was killed leaves files that
nothing reads, and the next one removes them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise

import polars as pl

from ingestion.evm.rows import COVERAGE, EMITTERS, EVENTS, STATES, Block, Pair, Span
from ingestion.lake.tables import Lake

SOURCE = "evm"
TABLES = {**EVENTS, **STATES}
# A month's part takes in new rows up to this many, so that adding some costs the same whatever the month holds.
PART_ROWS = 250_000
_STATE_KEYS = {"balances": ["address", "token", "value_date"], "supplies": ["token", "value_date"]}


@dataclass
class Record:
    """What the lake holds of a chain, and in which files.

    Attributes:
        generation: rises with every part written; in the files' names.
        chain_id: the chain's own number; None before the first commit.
        final_number, final_hash: the last block held that is finalized; None before the first.
        tail: hashes of the newest blocks, whose events are held block by block.
        tail_pairs: contract and topic of the events held of them.
        first_blocks: first block of contracts that a node was asked for.
        is_sample: whether the chain is the bundled sample's.
        parts: the parts that count with their rows, by table.
    """

    generation: int = 0
    chain_id: int | None = None
    final_number: int | None = None
    final_hash: str | None = None
    tail: list[str] = field(default_factory=list)
    tail_pairs: list[list[str]] = field(default_factory=list)
    first_blocks: dict[str, int] = field(default_factory=dict)
    is_sample: bool = False
    parts: dict[str, dict[str, int]] = field(default_factory=dict)


def read_record(lake: Lake, network: str) -> Record:
    """What the lake says it holds of a network; looks only, so it needs no lock."""
    text = lake.read_record(SOURCE, f"{network}.json")
    return Record(**json.loads(text)) if text else Record()


def read(lake: Lake, record: Record, table: str) -> pl.DataFrame:
    """The rows of a table; meant for the small ones."""
    parts = [lake.read(SOURCE, table, TABLES[table], part) for part in record.parts.get(table, {})]
    return pl.concat([pl.DataFrame(schema=TABLES[table]), *parts])


def networks(lake: Lake) -> list[str]:
    """The networks that the lake has a record of."""
    return [name.removesuffix(".json") for name in lake.records(SOURCE)]


def collect_garbage(lake: Lake) -> None:
    """Have the tables there, and nothing in them that an interrupted run left behind; under the home's lock."""
    records = [read_record(lake, network) for network in networks(lake)]
    for table, schema in TABLES.items():
        if not lake.has(SOURCE, table):
            lake.write(SOURCE, table, pl.DataFrame(schema=schema))
        named = {part for record in records for part in record.parts.get(table, {})}
        for part in lake.parts(SOURCE, table):
            if part not in named:
                lake.remove(SOURCE, table, part)


class Ledger:
    """One network's rows in a lake."""

    def __init__(self, lake: Lake, network: str):
        """Open it to write, under the home's lock: what an interrupted run left behind is removed."""
        self._lake = lake
        self._network = network
        collect_garbage(lake)
        self.record = read_record(lake, network)

    def read(self, table: str) -> pl.DataFrame:
        """The rows of a table; meant for the small ones."""
        return read(self._lake, self.record, table)

    def scan(self, table: str) -> pl.LazyFrame:
        """The finalized rows of a table, to be read no further than asked for."""
        parts = [self._lake.scan(SOURCE, table, part) for part in self._named(table) if not self._is(part, "-tail")]
        return pl.concat([pl.LazyFrame(schema=TABLES[table]), *parts])

    def gaps(self, pairs: Iterable[Pair], first_blocks: Mapping[str, int], first: int, last: int) -> list[Span]:
        """What is to be read from `first` to `last` that is not held yet, lowest blocks first.

        Args:
            pairs: contracts and topics.
            first_blocks: the first block of each contract.
        """
        held = self.read("coverage").filter("is_final")
        missing = {pair: list(_missing(held, pair, max(first, first_blocks[pair[0]]), last)) for pair in pairs}
        edges = sorted({edge for spans in missing.values() for start, end in spans for edge in (start, end + 1)})
        spans = [
            Span(start, end - 1, tuple(pair for pair, gaps in missing.items() if any(a <= start <= b for a, b in gaps)))
            for start, end in pairwise(edges)
        ]
        return [span for span in spans if span.pairs]

    def add(self, span: Span, last: Block, rows: Mapping[str, pl.DataFrame], chain_id: int) -> None:
        """Take in the events of finalized blocks, which were not held.

        Args:
            span: blocks and events that were read.
            last: the span's last block.
            rows: frames of EVENTS.
            chain_id: the chain's number.
        """
        self.record.chain_id = chain_id
        for table, frame in rows.items():
            for (month,), part in frame.group_by(pl.col("value_date").dt.strftime("%Y-%m")):
                self._merge(table, f"{self._network}-{month}", part)
        if self.record.final_number is None or last.number > self.record.final_number:
            self.record.final_number, self.record.final_hash = last.number, last.hash
        self._cut_tail(span.last)
        covered = self.read("coverage")
        finalized = [covered.filter("is_final"), _coverage(self._network, chain_id, span, last, is_final=True)]
        self._replace("coverage", pl.concat([_joined(pl.concat(finalized)), covered.filter(~pl.col("is_final"))]))
        self._commit()

    def last_block(self) -> int | None:
        """The last block of which anything is held; None before the first."""
        return self.read("coverage")["to_block"].max()

    def tail(self) -> dict[str, pl.DataFrame]:
        """The rows of blocks that were not finalized when they were read."""
        return {table: self._tail(table) for table in EVENTS}

    def replace_tail(
        self, span: Span | None, blocks: list[Block], rows: Mapping[str, pl.DataFrame], chain_id: int
    ) -> None:
        """Replace what is held of the blocks that are not finalized.

        Args:
            span: the blocks and events that were read; None where all blocks are finalized.
            blocks: those of the span.
            rows: all their events, frames of EVENTS.
            chain_id: the chain's number.
        """
        record = self.record
        record.tail = [block.hash for block in blocks]
        record.tail_pairs = [list(pair) for pair in span.pairs] if span else []
        for table, frame in rows.items():
            self._replace(table, frame.sort(_order(table)), "-tail")
        held = self.read("coverage").filter("is_final")
        newest = [_coverage(self._network, chain_id, span, blocks[-1], is_final=False)] if span else []
        self._replace("coverage", pl.concat([held, *newest]))
        self._commit()

    def add_states(self, states: Mapping[str, pl.DataFrame]) -> None:
        """Take in balances and supplies; the newest of a day stays."""
        for table, frame in states.items():
            rows = pl.concat([self.read(table), frame]).sort("block_number", maintain_order=True)
            rows = rows.unique(_STATE_KEYS[table], keep="last", maintain_order=True).sort(_STATE_KEYS[table])
            self._replace(table, rows)
        self._commit()

    def refuse(self, token: str) -> None:
        """Drop a token's transfers and what says that they are held."""
        for part in list(self._named("transfers")):
            rows = self._lake.read(SOURCE, "transfers", TABLES["transfers"], part)
            kept = rows.filter(pl.col("token") != token)
            if kept.height < rows.height:
                del self._named("transfers")[part]
                self._write("transfers", part.rsplit(".", 1)[0], kept)
        self.record.tail_pairs = []  # so that the newest blocks are read again with the token's rows
        self._replace("coverage", self.read("coverage").filter(pl.col("contract") != token))
        self._commit()

    def reset(self) -> None:
        """Drop the whole chain, as when a user's own replaces the sample's."""
        self.record = Record(generation=self.record.generation)
        self._write_record()
        collect_garbage(self._lake)

    def _tail(self, table: str) -> pl.DataFrame:
        named = [part for part in self._named(table) if self._is(part, "-tail")]
        parts = [self._lake.read(SOURCE, table, TABLES[table], part) for part in named]
        return pl.concat([pl.DataFrame(schema=TABLES[table]), *parts])

    def _cut_tail(self, last: int) -> None:
        """Drop what is held as not finalized of the blocks up to `last`, which have come to be."""
        for table in EVENTS:
            rows = self._tail(table)
            kept = rows.filter(pl.col("block_number") > last)
            if kept.height < rows.height:
                self._replace(table, kept, "-tail")
        from_block = pl.when("is_final").then("from_block").otherwise(pl.max_horizontal("from_block", last + 1))
        covered = self.read("coverage").with_columns(from_block.alias("from_block"))
        self._replace("coverage", covered.filter(pl.col("from_block") <= pl.col("to_block")))

    def _merge(self, table: str, name: str, rows: pl.DataFrame) -> None:
        """Add rows to a part of that name with room for them, else begin another."""
        named = self._named(table)
        room = PART_ROWS - rows.height
        old = next((part for part, held in named.items() if part.rsplit(".", 1)[0] == name and held <= room), None)
        if old:
            rows = pl.concat([self._lake.read(SOURCE, table, TABLES[table], old), rows])
            del named[old]
        self._write(table, name, rows.sort(_order(table)))

    def _replace(self, table: str, rows: pl.DataFrame, suffix: str = "") -> None:
        for part in [part for part in self._named(table) if self._is(part, suffix)]:
            del self._named(table)[part]
        self._write(table, f"{self._network}{suffix}", rows)

    def _write(self, table: str, name: str, rows: pl.DataFrame) -> None:
        self.record.generation += 1  # no part that counts is ever written again under its name
        part = f"{name}.{self.record.generation}"
        self._lake.write(SOURCE, table, rows, part)
        self._named(table)[part] = rows.height

    def _named(self, table: str) -> dict[str, int]:
        return self.record.parts.setdefault(table, {})

    def _is(self, part: str, suffix: str) -> bool:
        return part.rsplit(".", 1)[0] == f"{self._network}{suffix}"

    def _commit(self) -> None:
        """Make all parts written since the last commit count, and remove those that no longer do."""
        self._write_record()
        collect_garbage(self._lake)

    def _write_record(self) -> None:
        self._lake.write_record(SOURCE, f"{self._network}.json", json.dumps(asdict(self.record), indent=1))


def _order(table: str) -> list[str]:
    """How a part is sorted: a filter on days or contracts then reads few row groups."""
    leg = ["leg"] if table == "vault_changes" else []
    return ["value_date", EMITTERS[table], "block_number", "log_index", *leg]


def _missing(held: pl.DataFrame, pair: Pair, first: int, last: int) -> Iterable[tuple[int, int]]:
    """The blocks from `first` to `last` that no row of `held` covers, as (first, last)."""
    of_pair = held.filter(pl.col("contract") == pair[0], pl.col("topic") == pair[1]).sort("from_block")
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
