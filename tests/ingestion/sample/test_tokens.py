"""The sample's account chain: the same every time, and its crash is where it says, counted here log by log."""

import polars as pl
import pytest

from ingestion.evm.rows import LIQUIDATION_CALL, TRANSFER, ZERO_ADDRESS
from ingestion.lake.tables import Lake
from ingestion.sample import load
from ingestion.sample import tokens as sample


@pytest.fixture(scope="module")
def made():
    return sample.chain()


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    load.read_event_chain(lake)
    return lake


def table(lake: Lake, name: str) -> pl.DataFrame:
    return pl.read_parquet(lake.root / "evm" / name / "*.parquet")


def test_the_chain_is_the_same_every_time(made):
    assert sample.chain().blocks[-1].hash == made.blocks[-1].hash


def test_nobody_ever_owes_a_coin(made):
    for token in sample.WATCHED.tokens:
        held = made.balances(token.address, 0)
        for block in made.blocks:
            for log in block.logs:
                if log.address == token.address:
                    sender, receiver = ("0x" + topic[-40:] for topic in log.topics[1:])
                    held[sender] = held.get(sender, 0) - log.words[0]
                    held[receiver] = held.get(receiver, 0) + log.words[0]
            assert all(units >= 0 for address, units in held.items() if address != ZERO_ADDRESS)


def test_the_lake_holds_every_transfer_and_they_add_up(made, lake):
    rows = table(lake, "transfers")
    told = [log for block in made.blocks for log in block.logs if log.topics[0] == TRANSFER]
    assert rows.height == len(told) > 300
    assert rows["amount_units"].sum() == sum(log.words[0] for log in told)
    assert rows.filter("is_final").height < rows.height
    assert table(lake, "supplies")["is_reconciled"].to_list() == [True, True]


def test_coins_are_minted_burned_and_sent_to_every_kind_of_entity(lake):
    rows = table(lake, "transfers").filter(pl.col("token") == sample.BITCOIN.address, pl.col("amount_units") > 0)
    entities = {sample.EXCHANGE, sample.COLD_WALLET, sample.CUSTODIAN, sample.VAULT.address, ZERO_ADDRESS}
    assert entities <= set(rows["to_address"])
    assert {ZERO_ADDRESS, sample.EXCHANGE, sample.VAULT.address} <= set(rows["from_address"])


def test_the_crash_is_on_its_day_and_on_no_other(made, lake):
    (liquidation,) = table(lake, "liquidations").rows(named=True)
    (told,) = [log for block in made.blocks for log in block.logs if log.topics[0] == LIQUIDATION_CALL]
    assert (liquidation["value_date"], liquidation["user_address"]) == (sample.CRASH, sample.BORROWER)
    assert (liquidation["debt_units"], liquidation["collateral_units"]) == told.words[:2]
    changes = table(lake, "vault_changes")
    assert changes["value_date"].unique().to_list() == [sample.CRASH]
    assert changes.filter(pl.col("kind") == "internal_balance")["delta_units"].sum() == 0
    taken = changes.filter(pl.col("kind") == "swap", pl.col("token") == sample.BITCOIN.address)["delta_units"].item()
    assert taken < 0
    assert -taken == made.balances(sample.BITCOIN.address, 251)[sample.THIEF]


def test_it_is_read_once(lake):
    before = {path: path.read_bytes() for path in sorted(lake.root.glob("*/*/*.parquet"))}
    load.read_event_chain(lake)
    assert {path: path.read_bytes() for path in sorted(lake.root.glob("*/*/*.parquet"))} == before
