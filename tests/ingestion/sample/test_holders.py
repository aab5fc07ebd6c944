"""The sample's chain: the same every time, and its sell-off is where it says, counted here coin by coin."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from ingestion.lake.tables import Lake
from ingestion.sample import holders as sample
from ingestion.sample import load


@pytest.fixture(scope="module")
def made():
    return sample.chain()


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    load.read_coin_chain(lake)
    return lake


def day_of(block):
    return datetime.fromtimestamp(block.time, UTC).date()


def test_the_chain_is_the_same_every_time(made):
    assert sample.chain().tip.hash == made.tip.hash


def test_there_are_four_blocks_a_day(made):
    days = [day_of(block) for block in made.blocks[1:]]
    assert days == sorted(days)
    assert len(days) == 4 * len(set(days)) == 1_600


def test_old_coins_are_sold_in_the_sell_off_and_at_no_other_time(made):
    sold = defaultdict(int)
    for block in made.blocks:
        for coin in (coin for coins in block.spent for coin in coins):
            if day_of(block) - day_of(made.blocks[coin.height]) >= timedelta(days=155):
                sold[day_of(block)] += coin.amount
    first, last = sample.SELL_OFF
    assert sorted(sold) == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert sum(sold.values()) > 300_000_000_000


def test_the_lake_holds_every_coin_the_chain_spent(made, lake):
    flows = pl.read_parquet(lake.root / "bitcoin" / "coin_flow" / "*.parquet")
    spent = [coin for block in made.blocks for coins in block.spent for coin in coins]
    assert flows["coins"].sum() == len(spent)
    assert flows["amount_sats"].sum() == sum(coin.amount for coin in spent)
    assert flows["network"].unique().to_list() == ["regtest"]
    created = pl.read_parquet(lake.root / "bitcoin" / "coin_created" / "*.parquet")
    unspent = sum(coin.amount for coin in made.unspent.values())
    assert created["amount_sats"].sum() - flows["amount_sats"].sum() == unspent


def test_it_is_read_once(lake):
    before = {path: path.read_bytes() for path in sorted(lake.root.glob("*/*/*.parquet"))}
    load.read_coin_chain(lake)
    assert {path: path.read_bytes() for path in sorted(lake.root.glob("*/*/*.parquet"))} == before
