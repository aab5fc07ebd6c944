"""The same chain over every transport: files, a running node, a snapshot, and one after the other."""

import random
from contextlib import closing

import polars as pl
import pytest
from holders import grow
from stand_in import HALF, Core, by_rpc, know
from test_ledger import folder, held, same
from test_snapshot import written

from ingestion.bitcoin import ingest
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.ledger import read_record
from ingestion.bitcoin.networks import NETWORKS, check_network
from ingestion.bitcoin.node import reader
from ingestion.errors import UsageError
from ingestion.lake.tables import Lake
from ingestion.sample.regtest import Chain
from ingestion.transport.errors import NodeUnreachable

START = 1_600_000_000
CONFIRMATIONS = 10


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, 149, random.Random(11))
    return know(chain)


@pytest.fixture
def by_files(tmp_path, chain) -> dict[str, pl.DataFrame]:
    folder(tmp_path / "all", chain)
    lake = Lake(tmp_path / "by_files")
    ingest.from_files(lake, FileChain(tmp_path / "all", NETWORKS["regtest"]), CONFIRMATIONS)
    return held(lake)


def test_history_from_files_and_the_rest_from_a_node(tmp_path, chain, by_files):
    lake = Lake(tmp_path / "lake")
    folder(tmp_path / "some", Chain(chain.blocks[:101]))
    assert ingest.from_files(lake, FileChain(tmp_path / "some", NETWORKS["regtest"]), CONFIRMATIONS).blocks == 101
    core = Core(chain)
    result = ingest.from_node(lake, by_rpc(core), CONFIRMATIONS)
    core.close()
    assert (result.blocks, result.tip_height) == (50, 150)
    assert same(held(lake), by_files)


def test_a_node_alone(tmp_path, chain, by_files):
    lake = Lake(tmp_path / "lake")
    core = Core(chain)
    assert ingest.from_node(lake, by_rpc(core), CONFIRMATIONS).blocks == 151
    assert ingest.from_node(lake, by_rpc(core), CONFIRMATIONS).blocks == 0
    core.close()
    assert same(held(lake), by_files)


@pytest.mark.parametrize(("confirmations", "held_at_least"), [(1_000, 79), (60, 79), (CONFIRMATIONS, 59)])
def test_a_node_that_dies_is_read_on_behind_the_last_batch(tmp_path, chain, monkeypatch, confirmations, held_at_least):
    monkeypatch.setattr(reader, "BATCH_BLOCKS", 20)
    lake = Lake(tmp_path / "lake")
    with closing(Core(chain)) as core:
        core.interrupts = [lambda what: (HALF, b"") if core.asked.count("getblock()") > 95 else None]
        with pytest.raises(NodeUnreachable):
            ingest.from_node(lake, by_rpc(core), confirmations)
        held_then = read_record(lake, NETWORKS["regtest"]).tip_height
        assert held_at_least <= held_then < 95
        core.interrupts = []
        core.asked.clear()
        assert ingest.from_node(lake, by_rpc(core), confirmations).blocks == 150 - held_then
        assert core.asked.count("getblock()") == 150 - held_then
    folder(tmp_path / "node", chain)
    expected = Lake(tmp_path / "expected")
    ingest.from_files(expected, FileChain(tmp_path / "node", NETWORKS["regtest"]), confirmations)
    assert same(held(lake), held(expected))


def test_a_node_that_reorganised_since_the_files_were_read(tmp_path, chain):
    other = chain.fork(147)
    grow(other, 5, random.Random(12), tag=b"other")
    know(other)
    lake = Lake(tmp_path / "lake")
    folder(tmp_path / "before", chain)
    ingest.from_files(lake, FileChain(tmp_path / "before", NETWORKS["regtest"]), CONFIRMATIONS)
    core = Core(other)
    ingest.from_node(lake, by_rpc(core), CONFIRMATIONS)
    core.close()
    folder(tmp_path / "after", other)
    expected = Lake(tmp_path / "expected")
    ingest.from_files(expected, FileChain(tmp_path / "after", NETWORKS["regtest"]), CONFIRMATIONS)
    assert same(held(lake), held(expected))


def test_a_snapshot_and_the_files_from_there_on(tmp_path, chain, by_files):
    lake = Lake(tmp_path / "lake")
    start = chain.fork(90)
    (tmp_path / "utxo.dat").write_bytes(written(start.tip.hash, start.unspent))
    node = folder(tmp_path / "node", chain)
    ingest.from_snapshot(lake, tmp_path / "utxo.dat", node)
    ingest.from_files(lake, FileChain(tmp_path / "node", NETWORKS["regtest"]), CONFIRMATIONS)

    def remaining(tables: dict[str, pl.DataFrame]) -> dict:
        created = tables["coin_created"].group_by("birth_date", "kind").agg(pl.sum("amount_sats", "coins"))
        spent = tables["coin_flow"].group_by("birth_date", "kind").agg(pl.sum("amount_sats", "coins"))
        joined = created.join(spent, on=["birth_date", "kind"], how="left", suffix="_spent").fill_null(0)
        return {
            (day, kind): (amount - gone, coins - gone_coins)
            for day, kind, amount, coins, gone, gone_coins in joined.iter_rows()
            if coins > gone_coins
        }

    assert remaining(held(lake)) == remaining(by_files)
    with pytest.raises(UsageError, match="holds the regtest chain up to height 150"):
        ingest.from_snapshot(lake, tmp_path / "utxo.dat", node)


def test_a_snapshot_that_is_not_there(tmp_path, chain):
    node = folder(tmp_path / "node", chain)
    with pytest.raises(UsageError, match=r"utxo.dat is not a file: pass one that"):
        ingest.from_snapshot(Lake(tmp_path / "lake"), tmp_path / "utxo.dat", node)


def test_an_unknown_network_is_named():
    with pytest.raises(UsageError, match="choose one of main, signet, testnet4, regtest"):
        check_network("testnet3")
