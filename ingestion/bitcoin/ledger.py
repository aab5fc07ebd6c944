"""What the lake holds of a UTXO chain: finalized days, and the newest blocks one by one, which a reorg may replace.

    <lake>/bitcoin/coin_flow/<asset>-<network>-<month>.<generation>.parquet            finalized, by month
    <lake>/bitcoin/{watched,entity}_flow/<asset>-<network>-<month>.<generation>.parquet
    <lake>/bitcoin/<another table>/<asset>-<network>.<generation>.parquet              finalized
    <lake>/bitcoin/<table>/<asset>-<network>-unfolded.<generation>.parquet             sums of the pending blocks
    <lake>/bitcoin/unfolded_<table>/<asset>-<network>.<generation>.parquet             the same by block
    <lake>/bitcoin/watched_since/<asset>-<network>.<generation>.parquet                whose flows those are
    <lake>/bitcoin/<asset>-<network>.json                                              which of these files count

The warehouse reads all but `unfolded_<table>`, which the next reorg reads. Homes from before assets were named keep the
names of their parts, `<network>-<month>...`; their record is renamed. A home that read blocks before there were
signatures of transfers, or before an address was watched, goes on without those of the days it holds.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import polars as pl

from ingestion.bitcoin.errors import NodeBehind
from ingestion.bitcoin.networks import Network
from ingestion.bitcoin.rows import BATCH_TABLES, BLOCK, BLOCKS_DAILY, TABLES, Batch
from ingestion.bitcoin.watched import NOTHING, Watched, watched_since
from ingestion.errors import ChainMismatch
from ingestion.lake import parts
from ingestion.lake.tables import Lake

SOURCE = "bitcoin"
KEYS = {
    "coin_flow": ["asset", "network", "spend_date", "birth_date", "kind"],
    "coin_created": ["asset", "network", "birth_date", "kind"],
    "blocks_daily": ["asset", "network", "value_date"],
    "script_flow": ["asset", "network", "spend_date", "cohort", "script"],
    "transfer_signatures": ["asset", "network", "spend_date", "signature"],
    "large_transfers": [
        *("asset", "network", "spend_date", "block_height", "block_at", "txid"),
        *("signature", "input_scripts", "output_scripts", "has_only_new_scripts"),
    ],
    "watched_flow": ["asset", "network", "value_date", "address"],
    "entity_flow": ["asset", "network", "value_date", "entity"],
    "watched_since": ["asset", "network", "address", "entity"],
}
_SINCE = "watched_since"
_BY_MONTH = {"coin_flow": "spend_date", "watched_flow": "value_date", "entity_flow": "value_date"}
"""Tables in a part a month, each with the column that says which."""
PENDING = "-unfolded"
_BY_BLOCK = {table: f"unfolded_{table}" for table in BATCH_TABLES}
_SCHEMAS = TABLES | {by_block: TABLES[table] | BLOCK for table, by_block in _BY_BLOCK.items()}
# Homes from before assets were named have only networks of this one, and call three fields otherwise.
_FORMER_ASSET, _FORMER_NETWORKS = "BTC", ("main", "signet", "testnet4", "regtest")
_FORMER_FIELDS = {"folded_height": "finalized_height", "folded_hash": "finalized_hash", "road": "transport"}


@dataclass
class CoinRecord(parts.Record):
    """Which blocks the lake holds, and in which parts.

    Attributes:
        finalized_height, finalized_hash: the last finalized block; None before the first.
        tip_height, tip_hash: the last block.
        transport: how the last blocks came: files, rpc, rest or snapshot.
    """

    finalized_height: int | None = None
    finalized_hash: str | None = None
    tip_height: int | None = None
    tip_hash: str | None = None
    transport: str = ""

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        return super().of({_FORMER_FIELDS.get(name, name): value for name, value in fields.items()})


def read_record(lake: Lake, network: Network) -> CoinRecord:
    """What the lake says it holds of a network's chain; only looks, so it needs no lock."""
    former_key = _former_key(network)
    # The former record first: a writer may rename it between the two looks.
    former = parts.read_record(lake, SOURCE, former_key, CoinRecord) if former_key else None
    return parts.read_record(lake, SOURCE, _key(network), CoinRecord) or former or CoinRecord()


def blocks_daily(lake: Lake, record: CoinRecord) -> pl.DataFrame:
    """The days of a chain, one or several rows each."""
    return parts.read(lake, SOURCE, record, "blocks_daily", BLOCKS_DAILY)


def create_tables(lake: Lake) -> None:
    """Create missing tables, and give records of former homes their names; under the home's lock."""
    lake.create(SOURCE, TABLES)
    for network in _FORMER_NETWORKS:
        lake.rename_record(SOURCE, f"{network}.json", f"{_FORMER_ASSET.lower()}-{network}.json")


def check_chain(record: CoinRecord, network: str, hash_at: Callable[[int], str | None]) -> None:
    """Check that a node's chain has what the lake has finalized.

    Args:
        hash_at: the node's block hash at a height, None above its tip.

    Raises:
        NodeBehind: it ends before.
        ChainMismatch: it leaves the lake's chain before.
    """
    if record.finalized_height is None:
        return
    found = hash_at(record.finalized_height)
    if found is None:
        raise NodeBehind(
            f"the node's {network} chain ends before height {record.finalized_height}, which the home holds as final:"
            " let the node catch up."
        )
    if found != record.finalized_hash:
        raise ChainMismatch(
            f"the node's {network} chain differs from the home's at height {record.finalized_height}, which is final:"
            " let the node catch up, or choose another --home for another chain."
        )


class CoinLedger(parts.Ledger[CoinRecord]):
    """One network's blocks in a lake."""

    def __init__(self, lake: Lake, network: Network):
        """Open for writing, under the chain's lock: what an interrupted run left behind is removed."""
        create_tables(lake)
        super().__init__(
            lake, SOURCE, _key(network), _SCHEMAS, read_record(lake, network), former_key=_former_key(network)
        )
        self._network = network

    def last_common(self, hash_at: Callable[[int], str | None]) -> int | None:
        """Height of the lake's last block that is on the node's chain too; None while the lake has none.

        Args:
            hash_at: the node's block hash at a height, None above its tip.

        Raises:
            ChainMismatch, NodeBehind: see `check_chain`.
        """
        if self.record.tip_height is None:
            return None
        check_chain(self.record, self._network.name, hash_at)
        blocks = self._pending("blocks_daily").select("height", "block_hash").sort("height", descending=True)
        common = (height for height, block_hash in blocks.iter_rows() if hash_at(height) == block_hash)
        return next(common, self.record.finalized_height)

    def hash_at(self, height: int | None) -> str | None:
        """Hash of a pending block, or of the last finalized one; None for any other."""
        if height is None or height == self.record.finalized_height:
            return self.record.finalized_hash
        blocks = self._pending("blocks_daily").filter(pl.col("height") == height)
        return blocks["block_hash"].item() if blocks.height else None

    def append(
        self,
        batches: Iterable[Batch],
        after: int | None,
        finalize_until: int,
        transport: str = "files",
        watched: Watched = NOTHING,
    ) -> int:
        """Add the blocks above `after`, in place of those the lake has there, and finalize up to `finalize_until`.

        Each batch is committed as it comes, so that an interrupted run resumes behind it. With the first it counts
        which addresses were watched: while no block is read, nobody misses one.

        Returns:
            how many coins the batches spent.

        Raises:
            whatever reading the batches raises; what was committed stays.
        """
        self.record.transport = transport
        kept = {
            table: self._pending(table).filter(pl.col("height") <= (-1 if after is None else after))
            for table in BATCH_TABLES
        }
        to_finalize = {table: rows.filter(pl.col("height") <= finalize_until) for table, rows in kept.items()}
        pending = {table: rows.filter(pl.col("height") > finalize_until) for table, rows in kept.items()}
        if (blocks := to_finalize["blocks_daily"]).height:
            last = blocks.sort("height").row(-1, named=True)
            sums = {table: _sums_by_day(table, rows) for table, rows in to_finalize.items()}
            self._finalize(sums, last["height"], last["block_hash"])
        self._commit_with(pending)
        spends = 0
        for number, batch in enumerate(batches):
            if number == 0:
                self._watch(watched, 0 if after is None else after + 1)
            spends += sum(batch.blocks_daily["spends"])
            frames = {table: getattr(batch, table) for table in BATCH_TABLES}
            if batch.is_finalized:
                self._finalize(frames, batch.last_height, batch.last_hash)
            else:
                pending = {table: pl.concat([pending[table], rows]) for table, rows in frames.items()}
            self._commit_with(pending)
        return spends

    def _watch(self, watched: Watched, first_height: int) -> None:
        before = self.read(_SINCE)
        since = watched_since(watched, self._network, first_height, before)
        if not (since.equals(before) and self.names(_SINCE)):
            self.replace(_SINCE, "", since)

    def _finalize(self, frames: dict[str, pl.DataFrame], last_height: int, last_hash: str) -> None:
        """Add sums by day to the parts they belong to."""
        for table, rows in frames.items():
            for suffix, part in _by_part(table, rows):
                self.merge(table, suffix, part, arrange=partial(_finalized_sums, table))
        self.record.finalized_height, self.record.finalized_hash = last_height, last_hash

    def _commit_with(self, pending: dict[str, pl.DataFrame]) -> None:
        """Write the pending blocks, and make all parts written since the last commit count."""
        for table, rows in pending.items():
            self.replace(table, PENDING, _sums_by_day(table, rows))
            self.replace(_BY_BLOCK[table], "", rows)
        blocks = pending["blocks_daily"].sort("height")
        if blocks.height:
            self.record.tip_height, self.record.tip_hash = blocks["height"][-1], blocks["block_hash"][-1]
        else:
            self.record.tip_height, self.record.tip_hash = self.record.finalized_height, self.record.finalized_hash
        self.commit()

    def _pending(self, table: str) -> pl.DataFrame:
        """The rows of a table by block, of the blocks that are not finalized."""
        return self.read(_BY_BLOCK[table])


def _key(network: Network) -> str:
    return f"{network.asset.lower()}-{network.name}"


def _former_key(network: Network) -> str | None:
    return network.name if network.asset == _FORMER_ASSET else None


def _by_part(table: str, rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows by the suffix of their part: some tables by month, the others in one."""
    if day := _BY_MONTH.get(table):
        for (month,), part in rows.group_by(pl.col(day).dt.strftime("%Y-%m"), maintain_order=True):
            yield f"-{month}", part
    elif rows.height:
        yield "", rows


def _sums_by_day(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows by block as sums by day."""
    return _sums(table, rows.drop("height", "block_hash"))


def _finalized_sums(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Sums by day of finalized blocks: none of them counts as pending, whatever they counted as when they were read."""
    sums = _sums(table, rows)
    return sums.with_columns(unfolded_blocks=pl.lit(0, pl.Int64)) if "unfolded_blocks" in sums.columns else sums


def _sums(table: str, rows: pl.DataFrame) -> pl.DataFrame:
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
