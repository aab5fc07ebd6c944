"""A chain that begins with a snapshot, all the way to the marts, next to the same chain read from its first block."""

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from test_snapshot import written

from ingestion.sample import holders as sample
from orchestration.home import Home
from orchestration.publishing import published

BASE = 1_470
"""The second of the four blocks of a day of the sell-off, so that some of the day's flows are before it."""
TIP = 1_600
START = date(2025, 10, 7)
DAY = timedelta(days=1)
KEYS = {
    "onchain_coin_flow": ["spend_date", "birth_date", "kind"],
    "onchain_coin_created": ["birth_date", "kind"],
    "onchain_blocks_daily": ["value_date"],
    "onchain_holder_supply_daily": ["value_date", "definition_id"],
    "onchain_lth_flows_daily": ["value_date", "definition_id"],
    "onchain_age_bands_daily": ["value_date", "age_band"],
    "onchain_value_daily": ["value_date"],
    "onchain_cost_basis": ["value_date", "price_bucket_usd"],
}
KNOWN_FROM = {
    "onchain_lth_flows_daily": {
        "matured_native": START + DAY,
        "spent_native": START + DAY,
        "net_change_native": START + DAY,
        "net_change_30d_native": START + 30 * DAY,
        "spent_usd": START + DAY,
        "realized_profit_usd": START + DAY,
        "realized_loss_usd": START + DAY,
        "sopr": START + DAY,
    },
    "onchain_value_daily": {
        "sopr": START + DAY,
        "coin_days_destroyed": START + DAY,
        "dormancy_days": START + DAY,
        "liveliness": date.max,
    },
}
"""The first day on which a column is known; earlier ones need days from before the snapshot."""
BLOCK_BY_BLOCK = ("onchain_coin_flow", "onchain_coin_created", "onchain_blocks_daily")
"""Marts with only a part of the snapshot's day."""


class Started(NamedTuple):
    """A published home, and the output of the command that made it."""

    home: Path
    said: str


@pytest.fixture(scope="module")
def started(flowhouse, sample_home, tmp_path_factory) -> Started:
    """A home that begins with a snapshot of the sample's chain, with the sample's closes as a user's own."""
    folder = tmp_path_factory.mktemp("snapshot")
    home = folder / "home"
    sample.write(folder / "node")
    at_base = sample.chain().fork(BASE)
    (folder / "utxo.dat").write_bytes(written(at_base.tip.hash, at_base.unspent))
    closes = mart(sample_home, "market_prices_daily").filter(asset="BTC").select("price_date", "close_usd")
    closes.rename({"price_date": "date", "close_usd": "close"}).write_csv(folder / "closes.csv")
    own = ("ingest", "prices", "--file", folder / "closes.csv", "--name", "mine", "--home", home)
    start = ("ingest", "bitcoin", "--datadir", folder / "node", "--network", "regtest", "--home", home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWHOUSE_CONFIRMATIONS", "12")
        for command in (own, (*start, "--snapshot", folder / "utxo.dat"), ("build", "--home", home)):
            result = flowhouse(*command)
            assert result.exit_code == 0, result.output
            if "--snapshot" in command:
                said = result.output
    return Started(home, said)


def mart(home: Path, name: str) -> pl.DataFrame:
    with duckdb.connect(str(published.latest(Home(home)) / "warehouse.duckdb"), read_only=True) as con:
        return con.sql(f"select * from marts.{name}").pl()


def simulated(home: Path, name: str) -> pl.DataFrame:
    """A mart's rows of the sample's chain from the snapshot's day on, in order of their key, the day first."""
    first = START + DAY if name in BLOCK_BY_BLOCK else START
    return mart(home, name).filter(pl.col("network") == "regtest", pl.col(KEYS[name][0]) >= first).sort(KEYS[name])


def test_the_command_reads_on_behind_the_snapshot(started):
    assert f"bitcoin regtest: {TIP - BASE:,} blocks read, height {TIP:,}" in started.said


@pytest.mark.parametrize("name", KEYS)
def test_it_says_the_same_as_the_whole_chain(started, sample_home, name):
    expected = simulated(sample_home, name)
    day = pl.col(KEYS[name][0])
    for column, first in KNOWN_FROM.get(name, {}).items():
        expected = expected.with_columns(pl.when(day >= first).then(column).alias(column))
    assert expected[KEYS[name][0]].n_unique() > 1
    assert_frame_equal(simulated(started.home, name), expected, rel_tol=1e-9, abs_tol=1e-12)


def test_its_first_days_are_unknown_where_the_whole_chain_knows_them(sample_home):
    for name, columns in KNOWN_FROM.items():
        rows = simulated(sample_home, name)
        for column, first in columns.items():
            if column.endswith("_usd") or column == "sopr":
                continue  # what was sold on that day has no price in the sample
            assert rows.filter(pl.col("value_date") < first)[column].count(), (name, column)
