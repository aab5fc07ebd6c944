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
SCRIPT_FLOW = {
    **NETWORK,
    "spend_date": pl.Date,
    "cohort": pl.String,
    "script": pl.String,
    "amount_sats": pl.Int64,
    "coins": pl.Int64,
}
TRANSFER_SIGNATURES = {
    **NETWORK,
    "spend_date": pl.Date,
    "signature": pl.String,
    "blocks": pl.Int64,
    "transactions": pl.Int64,
    "lth_sats": pl.Int64,
    "spent_sats": pl.Int64,
    "large_transactions": pl.Int64,
    "large_lth_sats": pl.Int64,
}
LARGE_TRANSFERS = {
    **NETWORK,
    "spend_date": pl.Date,
    "block_height": pl.Int64,
    "block_at": pl.Datetime("us"),
    "txid": pl.String,
    "signature": pl.String,
    "input_scripts": pl.String,
    "output_scripts": pl.String,
    "has_only_new_scripts": pl.Boolean,
    "inputs": pl.Int64,
    "outputs": pl.Int64,
    "lth_sats": pl.Int64,
    "spent_sats": pl.Int64,
}
WATCHED_FLOW = {
    **NETWORK,
    "value_date": pl.Date,
    "address": pl.String,
    "received_sats": pl.Int64,
    "sent_sats": pl.Int64,
    "received_coins": pl.Int64,
    "sent_coins": pl.Int64,
}
ENTITY_FLOW = {**NETWORK, "value_date": pl.Date, "entity": pl.String, "in_sats": pl.Int64, "out_sats": pl.Int64}
WATCHED_SINCE = {
    **NETWORK,
    "address": pl.String,
    "entity": pl.String,
    "address_height": pl.Int64,
    "entity_height": pl.Int64,
}
BATCH_TABLES = {
    "coin_flow": COIN_FLOW,
    "coin_created": COIN_CREATED,
    "blocks_daily": BLOCKS_DAILY,
    "script_flow": SCRIPT_FLOW,
    "transfer_signatures": TRANSFER_SIGNATURES,
    "large_transfers": LARGE_TRANSFERS,
    "watched_flow": WATCHED_FLOW,
    "entity_flow": ENTITY_FLOW,
}
"""Columns of the tables that a batch has a frame of, by name."""
TABLES = BATCH_TABLES | {"watched_since": WATCHED_SINCE}
"""Columns of a chain's tables by name."""


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
        script_flow, transfer_signatures, large_transfers: frames of SCRIPT_FLOW, TRANSFER_SIGNATURES, LARGE_TRANSFERS.
            Without block bodies the last two have no row; with them each signature has one, if only of zeros, so that
            `blocks` tells on which days they are known.
        watched_flow, entity_flow: frames of WATCHED_FLOW and ENTITY_FLOW: what blocks paid to and spent of watched
            addresses, and what each transaction changed of an entity's coins. Without block bodies they have no row.
    """

    first_height: int
    last_height: int
    last_hash: str
    is_finalized: bool
    coin_flow: pl.DataFrame
    coin_created: pl.DataFrame
    blocks_daily: pl.DataFrame
    script_flow: pl.DataFrame
    transfer_signatures: pl.DataFrame
    large_transfers: pl.DataFrame
    watched_flow: pl.DataFrame
    entity_flow: pl.DataFrame
