"""The rows that a chain adds to the lake, over any transport."""

from dataclasses import dataclass

import polars as pl

KINDS = ("coinbase", "transfer")
BLOCK = {"height": pl.Int64, "block_hash": pl.String}
NETWORK = {"asset": pl.String, "network": pl.String}
COIN_FLOW = {
    **NETWORK,
    "spend_date": pl.Date,
    "birth_date": pl.Date,
    "kind": pl.String,
    "amount_sats": pl.Int64,
    "coins": pl.Int64,
}
COIN_CREATED = {**NETWORK, "birth_date": pl.Date, "kind": pl.String, "amount_sats": pl.Int64, "coins": pl.Int64}
BLOCKS_DAILY = {
    **NETWORK,
    "value_date": pl.Date,
    "blocks": pl.Int64,
    "transactions": pl.Int64,
    "spends": pl.Int64,
    "outputs": pl.Int64,
    "fees_sats": pl.Int64,
    "subsidy_sats": pl.Int64,
    "unclaimed_sats": pl.Int64,
    "unspendable_sats": pl.Int64,
    "coinbase_sats": pl.Int64,
    "unfolded_blocks": pl.Int64,
    "first_height": pl.Int64,
    "last_height": pl.Int64,
}


@dataclass(frozen=True)
class Batch:
    """The rows of consecutive blocks; batches follow each other by height without gap.

    Attributes:
        first_height, last_height: the blocks; a finalized batch ends with a day, with the last final block, or
            where its time was over.
        last_hash: hash of the last block, as displayed.
        is_finalized: rows are sums by day; otherwise by block, with BLOCK's columns last.
        coin_flow, coin_created, blocks_daily: frames of COIN_FLOW, COIN_CREATED, BLOCKS_DAILY. Without block bodies
            coin_created has no row, and outputs, fees_sats, unclaimed_sats, unspendable_sats, coinbase_sats are null.
    """

    first_height: int
    last_height: int
    last_hash: str
    is_finalized: bool
    coin_flow: pl.DataFrame
    coin_created: pl.DataFrame
    blocks_daily: pl.DataFrame
