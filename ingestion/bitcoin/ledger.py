"""What the lake holds of a chain: folded days, and the newest blocks one by one, which a reorg may replace.

    <lake>/bitcoin/coin_flow/<network>-<month>.<generation>.parquet     folded, by month of the spend
    <lake>/bitcoin/{coin_created,blocks_daily}/<network>.<generation>.parquet
    <lake>/bitcoin/<table>/<network>-unfolded.<generation>.parquet      sums of the newest blocks, for the warehouse
    <lake>/bitcoin/unfolded_<table>/<network>.<generation>.parquet      the same by block, for the next reorg
    <lake>/bitcoin/<network>.json                                       which of these files count

Parts are written under new names and count once the record names them: a run that was killed leaves files that
nothing reads, and the next one removes them.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

import polars as pl

from ingestion.bitcoin.rows import BLOCK, BLOCKS_DAILY, COIN_CREATED, COIN_FLOW, Batch
from ingestion.errors import IngestionError
from ingestion.lake.tables import Lake

SOURCE = "bitcoin"
TABLES = {"coin_flow": COIN_FLOW, "coin_created": COIN_CREATED, "blocks_daily": BLOCKS_DAILY}
KEYS = {
    "coin_flow": ["asset", "network", "spend_date", "birth_date", "kind"],
    "coin_created": ["asset", "network", "birth_date", "kind"],
    "blocks_daily": ["asset", "network", "value_date"],
}


class ChainMismatch(IngestionError):
    """The node follows a chain that leaves the lake's below what is folded."""


@dataclass
class Record:
    """Which blocks the lake holds, and in which files.

    Attributes:
        generation: rises with every commit; part of the files' names.
        folded_height, folded_hash: the last folded block; None before the first.
        tip_height, tip_hash: the last block held.
        is_sample: whether the chain is the bundled sample's.
        road: how the last blocks came: files, rpc, rest or snapshot.
        parts: the parts that count, by table.
    """

    generation: int = 0
    folded_height: int | None = None
    folded_hash: str | None = None
    tip_height: int | None = None
    tip_hash: str | None = None
    is_sample: bool = False
    road: str = ""
    parts: dict[str, list[str]] = field(default_factory=dict)


def read_record(lake: Lake, network: str) -> Record:
    """What the lake says it holds of a network's chain; looks only, so it needs no lock."""
    text = lake.read_record(SOURCE, f"{network}.json")
    return Record(**json.loads(text)) if text else Record()


def blocks_daily(lake: Lake, record: Record) -> pl.DataFrame:
    """What is held of a chain's days, one or several rows each."""
    parts = [lake.read(SOURCE, "blocks_daily", BLOCKS_DAILY, part) for part in record.parts.get("blocks_daily", [])]
    return pl.concat([pl.DataFrame(schema=BLOCKS_DAILY), *parts])


def check_chain(record: Record, network: str, hash_at: Callable[[int], str | None]) -> None:
    """Raise ChainMismatch where a node's chain and the one held part below what is folded.

    Args:
        hash_at: the node's block hash at a height, None above its tip.
    """
    if record.folded_height is not None and hash_at(record.folded_height) != record.folded_hash:
        raise ChainMismatch(
            f"the node's {network} chain differs from the one held at height {record.folded_height}, which is folded:"
            " let the node catch up, or take another --home for another chain."
        )


class Ledger:
    """One network's blocks in a lake."""

    def __init__(self, lake: Lake, network: str):
        """Open it to write, under the home's lock: what an interrupted run left behind is removed."""
        self._lake = lake
        self._network = network
        self.record = read_record(lake, network)
        self.record.generation += 1  # no part that counts is ever written again under its name
        for table, schema in TABLES.items():
            if not lake.has(SOURCE, table):
                lake.write(SOURCE, table, pl.DataFrame(schema=schema))
        self._remove_unnamed()

    def last_common(self, hash_at: Callable[[int], str | None]) -> int | None:
        """Height of the last block held that is on the node's chain too; None when nothing is held.

        Args:
            hash_at: the node's block hash at a height, None above its tip.

        Raises:
            ChainMismatch: the chains part below what is folded.
        """
        record = self.record
        if record.tip_height is None:
            return None
        check_chain(record, self._network, hash_at)
        blocks = self._unfolded("blocks_daily").select("height", "block_hash").sort("height", descending=True)
        held = (height for height, block_hash in blocks.iter_rows() if hash_at(height) == block_hash)
        return next(held, record.folded_height)

    def hash_at(self, height: int | None) -> str | None:
        """Hash of a block held one by one, or of the last folded one; None for any other."""
        if height is None or height == self.record.folded_height:
            return self.record.folded_hash
        blocks = self._unfolded("blocks_daily").filter(pl.col("height") == height)
        return blocks["block_hash"].item() if blocks.height else None

    def append(
        self,
        batches: Iterable[Batch],
        after: int | None,
        fold_until: int,
        road: str = "files",
        is_sample: bool = False,
    ) -> None:
        """Take in the blocks above `after`, which replace what is held above it, and fold up to `fold_until`.

        Each batch is committed as it comes, so that an interrupted run resumes behind it.

        Raises:
            whatever reading the batches raises; what was committed stays.
        """
        is_kept = pl.col("height") <= (-1 if after is None else after)
        kept = {table: self._unfolded(table).filter(is_kept) for table in TABLES}
        self.record.road, self.record.is_sample = road, is_sample
        ripe = {table: rows.filter(pl.col("height") <= fold_until) for table, rows in kept.items()}
        unfolded = {table: rows.filter(pl.col("height") > fold_until) for table, rows in kept.items()}
        if (ripe_blocks := ripe["blocks_daily"]).height:
            last = ripe_blocks.sort("height").row(-1, named=True)
            self._fold({table: _without_blocks(table, rows) for table, rows in ripe.items()})
            self.record.folded_height, self.record.folded_hash = last["height"], last["block_hash"]
        self._commit(unfolded)
        for batch in batches:
            frames = {table: getattr(batch, table) for table in TABLES}
            if batch.is_folded:
                self._fold(frames)
                self.record.folded_height, self.record.folded_hash = batch.last_height, batch.last_hash
            else:
                unfolded = {table: pl.concat([unfolded[table], rows]) for table, rows in frames.items()}
            self._commit(unfolded)

    def reset(self) -> None:
        """Drop the whole chain, as when a user's own replaces the sample's."""
        self.record = Record(generation=self.record.generation + 1)
        self._write_record()

    def _fold(self, frames: dict[str, pl.DataFrame]) -> None:
        """Add rows to the folded parts they belong to."""
        for table, rows in frames.items():
            for name, part in self._split(table, rows):
                old = next((held for held in self._named(table) if held.rsplit(".", 1)[0] == name), None)
                if old:
                    part = pl.concat([self._lake.read(SOURCE, table, TABLES[table], old), part])
                    self._named(table).remove(old)
                self._write(table, name, _summed(table, part))

    def _split(self, table: str, rows: pl.DataFrame) -> Iterable[tuple[str, pl.DataFrame]]:
        """Rows by the part they go to: coin flow by the month of the spend, the small tables as they are."""
        if table != "coin_flow":
            return [(self._network, rows)] if rows.height else []
        months = rows.with_columns(month=pl.col("spend_date").dt.strftime("%Y-%m")).partition_by("month", as_dict=True)
        return [(f"{self._network}-{month}", part.drop("month")) for (month,), part in months.items()]

    def _commit(self, unfolded: dict[str, pl.DataFrame]) -> None:
        """Write the blocks that are not folded, and make all parts written since the last commit count."""
        for table, rows in unfolded.items():
            for name in [name for name in self._named(table) if name.startswith(f"{self._network}-unfolded.")]:
                self._named(table).remove(name)
            self._write(table, f"{self._network}-unfolded", _without_blocks(table, rows))
            self._named(f"unfolded_{table}").clear()
            self._write(f"unfolded_{table}", self._network, rows)
        blocks = unfolded["blocks_daily"].sort("height")
        if blocks.height:
            self.record.tip_height, self.record.tip_hash = blocks["height"][-1], blocks["block_hash"][-1]
        else:
            self.record.tip_height, self.record.tip_hash = self.record.folded_height, self.record.folded_hash
        self._write_record()

    def _write_record(self) -> None:
        self._lake.write_record(SOURCE, f"{self._network}.json", json.dumps(asdict(self.record), indent=1))
        self._remove_unnamed()
        self.record.generation += 1

    def _write(self, table: str, name: str, rows: pl.DataFrame) -> None:
        part = f"{name}.{self.record.generation}"
        self._lake.write(SOURCE, table, rows, part)
        self._named(table).append(part)

    def _named(self, table: str) -> list[str]:
        return self.record.parts.setdefault(table, [])

    def _unfolded(self, table: str) -> pl.DataFrame:
        schema = TABLES[table] | BLOCK
        kind = f"unfolded_{table}"
        parts = [self._lake.read(SOURCE, kind, schema, part) for part in self._named(kind)]
        return pl.concat([pl.DataFrame(schema=schema), *parts])

    def _remove_unnamed(self) -> None:
        for table in [*TABLES, *(f"unfolded_{table}" for table in TABLES)]:
            for part in self._lake.parts(SOURCE, table):
                is_ours = part.startswith((f"{self._network}.", f"{self._network}-"))
                if is_ours and part not in self._named(table):
                    self._lake.remove(SOURCE, table, part)


def _without_blocks(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows by block as sums by day."""
    return _summed(table, rows.drop("height", "block_hash"))


def _summed(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """One row per key; a sum over a null is null, since a block without a body leaves its day unknown."""
    bounds = {"first_height": pl.min("first_height"), "last_height": pl.max("last_height")}
    keys = KEYS[table]
    sums = {
        name: bounds.get(name, pl.when(pl.col(name).is_not_null().all()).then(pl.sum(name)))
        for name in TABLES[table]
        if name not in keys
    }
    columns = [pl.col(name).cast(kind) for name, kind in TABLES[table].items()]
    return rows.group_by(keys).agg(**sums).sort(keys).select(columns)
