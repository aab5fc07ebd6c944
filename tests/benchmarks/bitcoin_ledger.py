"""The cost of one more block for a ledger of 10^5, 10^6 or 10^7 spends: it should not depend on their number.

A block a day of 2,000 coins born on as many of the 6,000 days before; the newest twelve are not folded, so that each
block added has another one folded, into a month that has as many cells in every ledger. Prints the median of nine.
"""

import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from ingestion.bitcoin.ledger import CoinLedger
from ingestion.bitcoin.networks import NETWORKS
from ingestion.bitcoin.rows import (
    BLOCK,
    BLOCKS_DAILY,
    COIN_CREATED,
    COIN_FLOW,
    LARGE_TRANSFERS,
    SCRIPT_FLOW,
    TRANSFER_SIGNATURES,
    Batch,
)
from ingestion.lake.tables import Lake

SPENDS = (10**5, 10**6, 10**7)
COINS = 2_000
BIRTHS = 6_000
CONFIRMATIONS = 12
BATCH_BLOCKS = 500
ADDED = 9
END = (date(2026, 6, 20) - date(1970, 1, 1)).days
"""The day of the last block before those that are added."""


def block_hash(height: int) -> str:
    return f"{height:064x}"


def batch(first: int, last: int, tip: int, is_finalized: bool) -> Batch:
    """The blocks from `first` to `last` of a chain whose block at height `tip` is of the day END."""
    heights = np.arange(first, last + 1)
    chance = np.random.default_rng(first)
    births = np.concatenate([chance.choice(BIRTHS, COINS, replace=False) + 1 for _ in heights])
    days = heights - tip + END
    spent = pl.DataFrame({"height": heights.repeat(COINS), "spend_date": days.repeat(COINS)})
    flow = spent.with_columns(birth_date=pl.col("spend_date") - births, kind=pl.lit("transfer"), coins=1)
    created = pl.DataFrame({"height": heights, "birth_date": days}).with_columns(kind=pl.lit("transfer"), coins=COINS)
    blocks = pl.DataFrame({"height": heights, "value_date": days, "first_height": heights, "last_height": heights})
    counts = {name: 1 for name in BLOCKS_DAILY if name not in (*blocks.columns, "asset", "network", "unfolded_blocks")}
    blocks = blocks.with_columns(**counts, unfolded_blocks=int(not is_finalized))
    frames = [
        _typed(frame, schema, is_finalized)
        for frame, schema in ((flow, COIN_FLOW), (created, COIN_CREATED), (blocks, BLOCKS_DAILY))
    ]
    signed = (pl.DataFrame(schema=schema) for schema in (SCRIPT_FLOW, TRANSFER_SIGNATURES, LARGE_TRANSFERS))
    frames += [_typed(frame, dict(frame.schema), is_finalized) for frame in signed]
    return Batch(first, last, block_hash(last), is_finalized, *frames)


def _typed(frame: pl.DataFrame, schema: dict, is_finalized: bool) -> pl.DataFrame:
    schema = schema if is_finalized else schema | BLOCK
    if not is_finalized and "height" not in frame.columns:
        frame = frame.with_columns(height=pl.lit(None, pl.Int64))
    hashes = pl.col("height").map_elements(block_hash, return_dtype=pl.String)
    given = {"asset": pl.lit("BTC"), "network": pl.lit("main"), "block_hash": hashes, "amount_sats": 10**6}
    frame = frame.with_columns(**{name: value for name, value in given.items() if name in schema})
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def batches(tip: int) -> Iterator[Batch]:
    """The chain up to its tip, the newest blocks one by one."""
    folded = tip - CONFIRMATIONS
    for first in range(0, folded + 1, BATCH_BLOCKS):
        yield batch(first, min(first + BATCH_BLOCKS - 1, folded), tip, is_finalized=True)
    yield batch(folded + 1, tip, tip, is_finalized=False)


def seconds_per_block(lake: Lake, spends: int) -> float:
    """Median time to open a ledger of that many spends and add one block."""
    tip = spends // COINS - 1
    CoinLedger(lake, NETWORKS["main"]).append(batches(tip), None, tip - CONFIRMATIONS)
    taken = []
    for height in range(tip + 1, tip + 1 + ADDED):
        block = batch(height, height, tip, is_finalized=False)
        started = time.perf_counter()
        ledger = CoinLedger(lake, NETWORKS["main"])
        after = ledger.last_common(lambda at: block_hash(at))
        ledger.append([block], after, height - CONFIRMATIONS)
        taken.append(time.perf_counter() - started)
        assert (ledger.record.finalized_height, ledger.record.tip_height) == (height - CONFIRMATIONS, height)
    return median(taken)


if __name__ == "__main__":
    costs = []
    for spends in SPENDS:
        with tempfile.TemporaryDirectory() as folder:
            costs.append(seconds_per_block(Lake(Path(folder)), spends))
        print(f"{spends:>10,} spends held: {costs[-1] * 1e3:6.1f} ms for one more block, {costs[-1] / costs[0]:4.2f} x")
