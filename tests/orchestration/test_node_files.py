"""A node's files on the command line: beside the node itself, read again, and with something amiss."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from holders import grow
from stand_in import PASSWORD, REGTEST, USER, Core, know
from test_snapshot import written

from ingestion.bitcoin.files import node_index
from ingestion.bitcoin.ledger import read_record
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain
from orchestration.home import Home

START = 1_600_000_000
TIP = 60


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, TIP - 1, random.Random(41))
    return know(chain)


@pytest.fixture(scope="module")
def invalid(chain) -> Chain:
    """A longer branch, which the node connected before somebody had it invalidated."""
    other = chain.fork(TIP - 9)
    grow(other, 14, random.Random(42), tag=b"invalid")
    return other


@pytest.fixture
def core(chain) -> Iterator[Core]:
    core = Core(chain)
    yield core
    core.close()


@pytest.fixture
def datadir(tmp_path, chain, invalid) -> Path:
    arrived = [*chain.blocks, *invalid.blocks[TIP - 8 :]]
    write_files(tmp_path / "node" / "regtest" / "blocks", [arrived], [arrived])
    return tmp_path / "node"


@pytest.fixture
def ingest(flowhouse, tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWHOUSE_RPC_USER", USER)
    monkeypatch.setenv("FLOWHOUSE_RPC_PASSWORD", PASSWORD)
    monkeypatch.setenv("FLOWHOUSE_CONFIRMATIONS", "2")
    return lambda *options: flowhouse("ingest", "bitcoin", "--quiet", *options, "--home", tmp_path / "home")


def held(tmp_path: Path) -> str | None:
    return read_record(Home(tmp_path / "home").lake, REGTEST).tip_hash


def test_files_alone_follow_the_most_work(ingest, datadir, invalid, tmp_path):
    result = ingest("--datadir", datadir, "--network", "regtest")
    assert result.exit_code == 0, result.output
    assert held(tmp_path) == invalid.tip.hash[::-1].hex()


@pytest.mark.parametrize("address", ["--rpc", "--rest"])
def test_files_beside_a_node_follow_what_it_says_is_valid(ingest, datadir, core, chain, tmp_path, address):
    for _ in range(2):
        result = ingest("--datadir", datadir, address, core.url, "--network", "regtest")
        assert result.exit_code == 0, result.output
        assert held(tmp_path) == chain.tip.hash[::-1].hex()
    assert "getblock()" not in core.asked  # history came from the files


def test_so_do_files_beside_a_configured_node(ingest, datadir, core, chain, tmp_path):
    (tmp_path / "home").mkdir()
    section = f'[bitcoin.regtest]\ndatadir = "{datadir}"\nrest = "{core.url}"\n'
    (tmp_path / "home" / "flowhouse.toml").write_text(section)
    result = ingest()
    assert result.exit_code == 0, result.output
    assert held(tmp_path) == chain.tip.hash[::-1].hex()


def test_two_addresses_are_one_too_many(ingest, datadir):
    result = ingest("--datadir", datadir, "--rpc", "http://127.0.0.1:1", "--rest", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "A chain has one source" in result.output


def test_headers_are_kept_in_the_home(ingest, datadir, tmp_path):
    for path in (datadir / "regtest" / "blocks").iterdir():
        os.utime(path, (START, START))
    assert ingest("--datadir", datadir, "--network", "regtest").exit_code == 0
    kept = list((tmp_path / "home" / "build" / "headers").rglob("*.headers"))
    assert [path.name for path in kept] == ["blk00000.headers"]
    kept[0].write_bytes(b"spoilt")
    assert ingest("--datadir", datadir, "--network", "regtest").exit_code == 0
    assert kept[0].stat().st_size > 1_000


def test_what_is_not_read_yet_is_said(ingest, chain, tmp_path, caplog):
    write_files(tmp_path / "node" / "blocks", [chain.blocks], [chain.blocks[:50]])
    result = ingest("--datadir", tmp_path / "node", "--network", "regtest")
    assert result.exit_code == 0
    assert (
        "bitcoin/regtest: The files go on to height 60, but have no undo record of the block at height 50"
        in caplog.text
    )


def test_files_that_are_missing_end_it_in_a_sentence(ingest, chain, tmp_path):
    blocks = tmp_path / "node" / "blocks"
    write_files(blocks, [chain.blocks[:30], chain.blocks[30:]])
    for name in ("rev00001.dat", "blk00001.dat"):
        content = (blocks / name).read_bytes()
        (blocks / name).unlink()
        result = ingest("--datadir", tmp_path / "node", "--network", "regtest")
        assert result.exit_code == 1
        assert f"{name} is missing" in result.output
        (blocks / name).write_bytes(content)
    assert ingest("--datadir", tmp_path / "node", "--network", "regtest").exit_code == 0


def test_a_pruned_node_begins_with_a_snapshot(flowhouse, ingest, chain, tmp_path, monkeypatch):
    blocks, datadir = tmp_path / "node" / "blocks", ("--datadir", tmp_path / "node", "--network", "regtest")
    write_files(blocks, [chain.blocks[:30], chain.blocks[30:]])
    for name in ("blk00000.dat", "rev00000.dat"):
        (blocks / name).unlink()
    headers = [block.header for block in chain.blocks]
    monkeypatch.setattr(node_index, "headers", lambda folder: headers if folder == blocks / "index" else [])
    result = ingest(*datadir)
    assert result.exit_code == 1
    assert "no block at height 0, and the next one at 30, as the node has pruned it: begin with a UTXO" in result.output
    result = flowhouse("doctor", *datadir, "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "FAIL  it keeps the blocks from height 30 on, but 0 is needed next" in result.output
    at = chain.fork(40)
    (tmp_path / "utxo.dat").write_bytes(written(at.tip.hash, at.unspent))
    result = ingest(*datadir, "--snapshot", tmp_path / "utxo.dat")
    assert result.exit_code == 0, result.output
    assert held(tmp_path) == chain.tip.hash[::-1].hex()
    result = flowhouse("doctor", *datadir, "--home", tmp_path / "home")
    assert result.exit_code == 0, result.output
    assert "ok    it keeps the blocks from height 30 on" in result.output


def test_a_pruned_nodes_headers_may_come_from_the_node_itself(ingest, chain, core, tmp_path):
    blocks = tmp_path / "node" / "blocks"
    write_files(blocks, [chain.blocks[:30], chain.blocks[30:]])
    for name in ("blk00000.dat", "rev00000.dat"):
        (blocks / name).unlink()
    at = chain.fork(40)
    (tmp_path / "utxo.dat").write_bytes(written(at.tip.hash, at.unspent))
    snapshot = ("--datadir", tmp_path / "node", "--network", "regtest", "--snapshot", tmp_path / "utxo.dat")
    result = ingest(*snapshot)
    assert result.exit_code == 1
    assert "does not hold the genesis block" in result.output
    result = ingest(*snapshot, "--rpc", core.url)
    assert result.exit_code == 0, result.output
    assert held(tmp_path) == chain.tip.hash[::-1].hex()
    assert "getblock()" not in core.asked
