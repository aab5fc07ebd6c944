"""From spent coins and totals of blocks to rows of the lake, for every transport of a UTXO chain."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import polars as pl

from ingestion.bitcoin.chain_view import ChainView
from ingestion.bitcoin.rows import (
    BLOCK,
    BLOCKS_DAILY,
    COIN_CREATED,
    COIN_FLOW,
    ENTITY_FLOW,
    KINDS,
    LARGE_TRANSFERS,
    NETWORK,
    SCRIPT_FLOW,
    TRANSFER_SIGNATURES,
    WATCHED_FLOW,
    Batch,
)
from ingestion.bitcoin.signatures import COHORTS, SCRIPTS, SIGNATURES, SUMS
from ingestion.bitcoin.watching import Watching
from ingestion.lake.tables import Schema

_OUTPUTS = [
    f"{kind}_{what}" for kind in KINDS for what in ("outputs", "output_sats", "unspendable", "unspendable_sats")
]
TOTALS = ["height", "transactions", "spends", "spent_sats", *_OUTPUTS]
CELLS = ["height", "birth_day", "kind", "amount_sats", "coins"]
SCRIPT_CELLS = ["height", "cohort", "script", "amount_sats", "coins"]
SIGNATURE_SUMS = ["height", "blocks", "signature", *SUMS]
LARGE_ROWS = {
    "height": pl.Int64,
    "block_at": pl.Int64,
    "txid": pl.String,
    "signature": pl.Int64,
    "inputs": pl.Int64,
    "outputs": pl.Int64,
    "spent_sats": pl.Int64,
    "lth_sats": pl.Int64,
    "input_scripts": pl.Int64,
    "output_scripts": pl.Int64,
}
ADDRESS_ROWS, ENTITY_ROWS = (
    {"height": pl.Int64} | {name: kind for name, kind in table.items() if name not in (*NETWORK, "value_date")}
    for table in (WATCHED_FLOW, ENTITY_FLOW)
)
_SUMMED = [name for name in BLOCKS_DAILY if name.endswith("_sats") or name in ("transactions", "spends", "outputs")]


@dataclass(frozen=True)
class BlockRows:
    """What was read of blocks, int64 but for ids of transactions; kinds, scripts and signatures are their numbers.

    Attributes:
        flow: columns CELLS: coins spent; birth days count from the chain's first day.
        blocks: columns TOTALS, a row per block.
        scripts: columns SCRIPT_CELLS: coins spent by cohort and type of their script.
        signatures: columns SIGNATURE_SUMS, a row per signature.
        large: columns LARGE_ROWS, a row per large transaction; `block_at` in seconds, scripts are bits.
        addresses, entities: columns ADDRESS_ROWS and ENTITY_ROWS, of what is watched.
    """

    flow: pl.DataFrame
    blocks: pl.DataFrame
    scripts: pl.DataFrame
    signatures: pl.DataFrame
    large: pl.DataFrame
    addresses: pl.DataFrame
    entities: pl.DataFrame

    @property
    def frames(self) -> list[pl.DataFrame]:
        """The frames in the order of the attributes."""
        return [getattr(self, each.name) for each in fields(self)]

    @classmethod
    def concat(cls, parts: Iterable[Self]) -> Self:
        """The rows of all parts, in their order."""
        return cls(*(pl.concat(frames) for frames in zip(*(part.frames for part in parts), strict=True)))

    def of_heights(self, first: int, last: int) -> Self:
        """The rows of the blocks from `first` to `last`."""
        is_within = pl.col("height").is_between(first, last)
        return type(self)(*(frame.filter(is_within) for frame in self.frames))


def script_rows(heights: list[int], cells: list[np.ndarray]) -> pl.DataFrame:
    """Cells [cohort, script, (amount, coins)] of each height, as rows of SCRIPT_CELLS; those without coins are none."""
    stacked = np.array(cells, dtype=np.int64).reshape(-1, len(COHORTS), len(SCRIPTS), 2)
    at, cohort, script = np.nonzero(stacked[..., 1])
    rows = np.column_stack([np.array(heights, dtype=np.int64)[at], cohort, script, stacked[at, cohort, script]])
    return pl.DataFrame(rows, schema=dict.fromkeys(SCRIPT_CELLS, pl.Int64), orient="row")


def signature_rows(heights: list[int], blocks: list[int], sums: list[np.ndarray]) -> pl.DataFrame:
    """Sums [signature, SUMS] of each height and its number of blocks, as rows of SIGNATURE_SUMS."""
    stacked = np.array(sums, dtype=np.int64).reshape(-1, len(SUMS))
    numbers = np.tile(np.arange(len(SIGNATURES)), len(heights))
    keys = [np.repeat(np.array(each, dtype=np.int64), len(SIGNATURES)) for each in (heights, blocks)]
    rows = np.column_stack([*keys, numbers, stacked])
    return pl.DataFrame(rows, schema=dict.fromkeys(SIGNATURE_SUMS, pl.Int64), orient="row")


def watched_rows(watching: Watching, addresses: np.ndarray, entities: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`WatchedRows` as rows of ADDRESS_ROWS and of ENTITY_ROWS."""
    return (
        _named(addresses, watching.addresses, ADDRESS_ROWS),
        _named(entities, watching.entities, ENTITY_ROWS),
    )


def _named(rows: np.ndarray, names: list[str], schema: Schema) -> pl.DataFrame:
    numbers = pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.Int64), orient="row")
    name = [*schema][1]
    return numbers.with_columns(pl.Series(name, [names[n] for n in rows[:, 1]], dtype=pl.String))


def batch_of_blocks(
    chain: ChainView, first: int, last: int, is_finalized: bool, bodies: bool, read: BlockRows
) -> Batch:
    """The batch of consecutive blocks.

    Args:
        chain: the chain they are on.
        first, last: their heights.
        is_finalized: whether to sum them by day; else rows stay by block.
        bodies: whether the blocks' own outputs were read.
        read: their rows.
    """
    keys = [] if is_finalized else ["height"]
    flow, blocks, scripts, signatures, large, addresses, entities = (
        rows.with_columns(day=pl.Series(chain.day_of_height[rows["height"].to_numpy()], dtype=pl.Int64))
        for rows in read.frames
    )
    blocks = _with_subsidy(chain, blocks, bodies)
    by_block = {} if is_finalized else BLOCK
    frames = [
        to_schema(chain, _coin_flow(flow, keys), COIN_FLOW | by_block),
        to_schema(chain, _coin_created(blocks if bodies else blocks.clear(), keys), COIN_CREATED | by_block),
        to_schema(chain, _blocks_daily(blocks, keys, is_finalized), BLOCKS_DAILY | by_block),
        to_schema(chain, _script_flow(scripts, keys), SCRIPT_FLOW | by_block),
        to_schema(chain, _transfer_signatures(signatures, keys), TRANSFER_SIGNATURES | by_block),
        to_schema(chain, _large_transfers(large), LARGE_TRANSFERS | by_block),
        to_schema(chain, _watched(addresses, "address", keys), WATCHED_FLOW | by_block),
        to_schema(chain, _watched(entities, "entity", keys), ENTITY_FLOW | by_block),
    ]
    return Batch(first, last, chain.block_hash(last), is_finalized, *frames)


def _with_subsidy(chain: ChainView, blocks: pl.DataFrame, bodies: bool) -> pl.DataFrame:
    """Blocks with their subsidy; coinbases that can never be spent count as unspendable outputs."""
    heights = blocks["height"].to_list()
    blocks = blocks.with_columns(
        subsidy_sats=pl.Series(map(chain.network.subsidy, heights), dtype=pl.Int64),
        is_unspendable=pl.Series(map(chain.network.is_unspendable, heights), dtype=pl.Boolean),
    )
    if not bodies:
        return blocks.with_columns(pl.lit(None, pl.Int64).alias(name) for name in _OUTPUTS)
    return blocks.with_columns(
        coinbase_unspendable=pl.when("is_unspendable").then("coinbase_outputs").otherwise("coinbase_unspendable"),
        coinbase_unspendable_sats=pl.when("is_unspendable")
        .then("coinbase_output_sats")
        .otherwise("coinbase_unspendable_sats"),
    )


def _coin_flow(flow: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Coins spent by day or block, birth day and kind, sorted, as files have them where a day's blocks are in one.

    A column of numbers is sorted in a tenth of the time that grouping by three columns takes.
    """
    day = flow[keys[0] if keys else "day"].to_numpy()
    birth_day, kind = flow["birth_day"].to_numpy(), flow["kind"].to_numpy()
    key = (day * (int(birth_day.max(initial=0)) + 1) + birth_day) * len(KINDS) + kind
    if (key[1:] <= key[:-1]).any():
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        sums = [np.add.reduceat(flow[name].to_numpy()[order], first) for name in ("amount_sats", "coins")]
        flow = flow[order[first]].with_columns(amount_sats=sums[0], coins=sums[1])
    return flow.select(
        *keys,
        "amount_sats",
        "coins",
        spend_date="day",
        birth_date="birth_day",
        kind=pl.Series("kind", KINDS).gather(flow["kind"]),
    )


def _coin_created(blocks: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    created = [
        blocks.select(
            *keys,
            birth_date="day",
            kind=pl.lit(kind),
            amount_sats=pl.col(f"{kind}_output_sats") - pl.col(f"{kind}_unspendable_sats"),
            coins=pl.col(f"{kind}_outputs") - pl.col(f"{kind}_unspendable"),
        )
        for kind in KINDS
    ]
    return (
        pl.concat(created)
        .group_by(*keys, "birth_date", "kind")
        .agg(pl.sum("amount_sats", "coins"))
        .filter(pl.col("coins") > 0)
        .sort(*keys, "birth_date", "kind")
    )


def _blocks_daily(blocks: pl.DataFrame, keys: list[str], is_finalized: bool) -> pl.DataFrame:
    fees = pl.col("spent_sats") - pl.col("transfer_output_sats")
    return (
        blocks.select(
            *keys,
            "transactions",
            "spends",
            "subsidy_sats",
            value_date="day",
            at="height",
            outputs=pl.col("coinbase_outputs") + pl.col("transfer_outputs"),
            fees_sats=fees,
            unclaimed_sats=pl.col("subsidy_sats") + fees - pl.col("coinbase_output_sats"),
            unspendable_sats=pl.col("coinbase_unspendable_sats") + pl.col("transfer_unspendable_sats"),
            coinbase_sats="coinbase_output_sats",
        )
        .group_by(*keys, "value_date")
        .agg(
            blocks=pl.len(),
            unfolded_blocks=pl.len() if not is_finalized else pl.lit(0),
            first_height=pl.min("at"),
            last_height=pl.max("at"),
            **{name: pl.when(pl.col(name).is_not_null().all()).then(pl.sum(name)) for name in _SUMMED},
        )
        .sort(*keys, "value_date")
    )


def _script_flow(scripts: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return (
        scripts.group_by(*keys, spend_date="day", cohort=_name("cohort", COHORTS), script=_name("script", SCRIPTS))
        .agg(pl.sum("amount_sats", "coins"))
        .sort(*keys, "spend_date", "cohort", "script")
    )


def _transfer_signatures(signatures: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return (
        signatures.group_by(*keys, spend_date="day", signature=_name("signature", SIGNATURES))
        .agg(pl.sum("blocks", *SUMS))
        .sort(*keys, "spend_date", "signature")
    )


def _large_transfers(large: pl.DataFrame) -> pl.DataFrame:
    return large.with_columns(
        _name("signature", SIGNATURES),
        *(_script_names(name) for name in ("input_scripts", "output_scripts")),
        has_only_new_scripts=(pl.col("input_scripts") & pl.col("output_scripts") == 0) & (pl.col("outputs") > 0),
        spend_date="day",
        block_height="height",
        block_at=pl.from_epoch("block_at", time_unit="s"),
    ).sort("block_height", "txid")


def _watched(rows: pl.DataFrame, name: str, keys: list[str]) -> pl.DataFrame:
    key = [*keys, "value_date", name]
    return rows.rename({"day": "value_date"}).group_by(key).agg(pl.sum("^.*_(sats|coins)$")).sort(key)


def _name(column: str, names: tuple[str, ...]) -> pl.Expr:
    """The names of numbers."""
    return pl.col(column).replace_strict(dict(enumerate(names)), return_dtype=pl.String).alias(column)


def _script_names(column: str) -> pl.Expr:
    """The names of the script types whose bits are set: `p2pkh` or `p2pkh+p2sh`."""
    bits = (pl.when(pl.col(column) // (1 << n) % 2 == 1).then(pl.lit(name)) for n, name in enumerate(SCRIPTS))
    return pl.concat_str(*bits, separator="+", ignore_nulls=True).alias(column)


def to_schema(chain: ChainView, rows: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Rows in `schema`: asset and network are added, days of the chain become dates, and heights get their block's hash
    where the schema has one."""
    dates = [name for name, dtype in schema.items() if dtype == pl.Date]
    rows = rows.with_columns(
        *[(pl.col(name) + chain.first_day).cast(pl.Int32).cast(pl.Date) for name in dates],
        asset=pl.lit(chain.network.asset),
        network=pl.lit(chain.network.name),
    )
    if "block_hash" in schema:
        hashes = [chain.block_hash(height) for height in rows["height"]]
        rows = rows.with_columns(block_hash=pl.Series(hashes, dtype=pl.String))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
