"""From spent coins and totals of blocks to rows of the lake, for every transport of a UTXO chain."""

import polars as pl

from ingestion.bitcoin.chain_view import ChainView
from ingestion.bitcoin.rows import BLOCK, BLOCKS_DAILY, COIN_CREATED, COIN_FLOW, KINDS, Batch
from ingestion.lake.tables import Schema

_OUTPUTS = [
    f"{kind}_{what}" for kind in KINDS for what in ("outputs", "output_sats", "unspendable", "unspendable_sats")
]
TOTALS = ["height", "transactions", "spends", "spent_sats", *_OUTPUTS]
CELLS = ["height", "birth_day", "kind", "amount_sats", "coins"]
_SUMMED = [name for name in BLOCKS_DAILY if name.endswith("_sats") or name in ("transactions", "spends", "outputs")]


def batch_of_blocks(
    chain: ChainView,
    first: int,
    last: int,
    is_finalized: bool,
    bodies: bool,
    flow: pl.DataFrame,
    blocks: pl.DataFrame,
) -> Batch:
    """The batch of consecutive blocks.

    Args:
        chain: the chain they are on.
        first, last: their heights.
        is_finalized: whether to sum them by day; else rows stay by block.
        bodies: whether the blocks' own outputs were read.
        flow: columns CELLS, int64: coins spent; birth days count from the chain's first day, a kind is its number.
        blocks: columns TOTALS, int64, a row per block.
    """
    keys = [] if is_finalized else ["height"]
    days = pl.DataFrame(
        {"height": range(first, last + 1), "day": chain.day_of_height[first : last + 1]},
        schema={"height": pl.Int64, "day": pl.Int64},
    )
    flow = flow.join(days, on="height")
    blocks = _with_subsidy(chain, blocks, bodies).join(days, on="height")
    by_block = {} if is_finalized else BLOCK
    frames = [
        to_schema(chain, _coin_flow(flow, keys), COIN_FLOW | by_block),
        to_schema(chain, _coin_created(blocks if bodies else blocks.clear(), keys), COIN_CREATED | by_block),
        to_schema(chain, _blocks_daily(blocks, keys, is_finalized), BLOCKS_DAILY | by_block),
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
    return (
        flow.group_by(*keys, "day", "birth_day", "kind")
        .agg(pl.sum("amount_sats", "coins"))
        .sort(*keys, "day", "birth_day", "kind")
        .rename({"day": "spend_date", "birth_day": "birth_date"})
        .with_columns(kind=pl.col("kind").replace_strict(dict(enumerate(KINDS)), return_dtype=pl.String))
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
