"""A chain from a node's files to the marts, and what a user sees of it."""

import shutil
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ingestion.sample import holders as sample
from orchestration.home import Home
from orchestration.publishing import published

SATS = Decimal(100_000_000)


def day_of(block):
    return datetime.fromtimestamp(block.time, UTC).date()


@pytest.fixture(scope="module")
def made():
    return sample.chain()


@pytest.fixture(scope="module")
def datadir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    sample.write(folder)
    return folder


def test_the_default_build_shows_the_sell_off_coin_by_coin(sample_home, rows, made):
    sold = defaultdict(int)
    for block in made.blocks:
        for coin in (coin for coins in block.spent for coin in coins):
            if day_of(block) - day_of(made.blocks[coin.height]) >= timedelta(days=155):
                sold[day_of(block)] += coin.amount
    shown = rows(
        published.latest(Home(sample_home)),
        "select value_date, spent_native from marts.onchain_lth_flows_daily"
        " where network = 'regtest' and definition_id = 'age_155d_step' and spent_native > 0",
    )
    assert dict(shown) == {day: amount / SATS for day, amount in sold.items()}


def test_published_supply_stands_beside_the_simulated_one_and_never_mixes(sample_home, rows):
    networks = "select distinct asset, network, series from marts.onchain_holder_supply_daily order by all"
    assert rows(published.latest(Home(sample_home)), networks) == [
        ("BTC", "main", "published_utxo"),
        ("BTC", "regtest", "derived"),
        ("SIMBTC", "anvil", "derived"),
        ("SIMUSD", "anvil", "derived"),
    ]


def test_the_simulated_supply_is_what_is_unspent(sample_home, rows, made):
    unspent = sum(coin.amount for coin in made.unspent.values()) / SATS
    newest = "select supply_native from marts.onchain_holder_supply_daily where network = 'regtest'"
    found = rows(published.latest(Home(sample_home)), f"{newest} order by value_date desc limit 1")
    assert found == [(unspent,)]


def test_a_node_is_read_and_read_on(flowhouse, tmp_path, datadir):
    command = ("ingest", "bitcoin", "--datadir", datadir, "--network", "regtest", "--home", tmp_path / "home")
    first = flowhouse(*command)
    assert first.exit_code == 0, first.output
    assert "bitcoin regtest: 1,601 blocks read, height 1,600" in first.output
    again = flowhouse(*command)
    assert "bitcoin regtest: 0 blocks read, height 1,600" in again.output


def test_a_users_own_chain_leaves_the_sample_behind(sample_home, flowhouse, tmp_path, datadir):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    result = flowhouse("ingest", "bitcoin", "--datadir", datadir, "--network", "regtest", "--home", home)
    assert result.exit_code == 0
    assert "its rows are left out from now on" in result.output
    assert "1,601 blocks read" in result.output
    refused = flowhouse("build", "--sample", "--home", home)
    assert refused.exit_code == 2
    assert "give the sample a home of its own" in refused.output


@pytest.mark.parametrize("where", [("--datadir", "/nowhere"), ("--rest", "http://127.0.0.1:1")])
def test_the_sample_stays_where_there_is_no_node(sample_home, flowhouse, tmp_path, where):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    result = flowhouse("ingest", "bitcoin", *where, "--network", "regtest", "--home", home)
    assert result.exit_code == 1
    assert "left out" not in result.output
    assert Home(home).is_sample


def test_a_folder_of_another_network_is_refused_in_a_sentence(flowhouse, tmp_path, datadir):
    blocks = datadir / "regtest"
    result = flowhouse("ingest", "bitcoin", "--datadir", blocks, "--network", "signet", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "blk00000.dat" in result.output


def test_a_folder_that_is_none_is_refused_in_a_sentence(flowhouse, tmp_path):
    result = flowhouse("ingest", "bitcoin", "--datadir", tmp_path, "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "is not a node's data folder" in result.output
