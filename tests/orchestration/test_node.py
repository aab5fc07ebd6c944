"""A user's node through the command line: what doctor and status say about it."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from holders import grow
from stand_in import NO_UNDO, PASSWORD, USER, Core, always, error, know

from ingestion.sample import load, node_files, regtest
from orchestration.home import Home

START = 1_600_000_000
TIP = 150
FINALIZED = TIP - 12


@pytest.fixture(scope="module")
def chain() -> regtest.Chain:
    chain = regtest.Chain.begin()
    chain.mine(START)
    grow(chain, TIP - 1, random.Random(21))
    return know(chain)


@pytest.fixture
def core(chain, monkeypatch) -> Iterator[Core]:
    monkeypatch.setenv("FLOWHOUSE_RPC_USER", USER)
    monkeypatch.setenv("FLOWHOUSE_RPC_PASSWORD", PASSWORD)
    monkeypatch.setenv("FLOWHOUSE_CONFIRMATIONS", str(TIP - FINALIZED))
    core = Core(chain)
    yield core
    core.close()


@pytest.fixture
def datadir(chain, tmp_path):
    node_files.write_files(tmp_path / "node" / "regtest" / "blocks", [chain.blocks[:100], chain.blocks[100:]])
    return tmp_path / "node"


@pytest.fixture
def home(tmp_path):
    return "--network", "regtest", "--home", tmp_path / "home"


@pytest.fixture(params=["--rpc", "--rest"])
def transport(request) -> str:
    return request.param


def status(flowhouse, home) -> list[str]:
    """The lines of a status that finds nothing late."""
    result = flowhouse("status", *home[2:])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_a_node_is_found_well(flowhouse, core, home, transport):
    result = flowhouse("doctor", transport, core.url, *home)
    assert result.exit_code == 0, result.output
    assert f"{core.url}: regtest chain up to height 150, headers up to 151" in result.output
    assert "it keeps the blocks from height 0 on" in result.output
    spent = sum(map(len, core.chain.tip.spent))
    assert spent > 0
    assert f"it lists the coins that a block spent: {spent} at height 150" in result.output
    assert "the home has finalized no block of regtest yet" in result.output
    assert PASSWORD not in result.output


def test_a_node_that_cannot_be_reached_or_refuses(flowhouse, core, home, monkeypatch):
    monkeypatch.setenv("FLOWHOUSE_RPC_PASSWORD", "s3cr3t")
    result = flowhouse("doctor", "--rpc", core.url, *home)
    assert result.exit_code == 1
    assert "FAIL" in result.output
    assert "refuses the credentials (401): check user and password" in result.output
    assert "s3cr3t" not in result.output
    result = flowhouse("doctor", "--rest", core.url, "--home", home[-1])
    assert result.exit_code == 1
    assert "is a node of regtest (seen at height 0), not of main" in result.output


def test_a_pruned_node_will_do_for_what_it_keeps(flowhouse, core, home):
    core.first_kept = 120
    result = flowhouse("doctor", "--rpc", core.url, *home)
    assert result.exit_code == 1
    assert "FAIL  it keeps the blocks from height 120 on, but 0 is needed next: use a node that keeps" in result.output
    assert flowhouse("ingest", "bitcoin", "--rpc", core.url, *home).exit_code == 0
    result = flowhouse("doctor", "--rpc", core.url, *home)
    assert result.exit_code == 0
    assert "ok    it keeps the blocks from height 120 on" in result.output
    assert f"it is on the chain that the home has finalized up to height {FINALIZED}" in result.output


def test_a_node_without_undo_data(flowhouse, core, home):
    core.interrupts = [always("getblock()", error(-32603, NO_UNDO))]
    result = flowhouse("doctor", "--rpc", core.url, *home)
    assert result.exit_code == 1
    assert "cannot say which coins the block at height 150 spent: use a node of Bitcoin Core 23" in result.output


def test_a_node_on_another_chain_than_the_homes(flowhouse, core, home, datadir, chain):
    assert flowhouse("ingest", "bitcoin", "--datadir", datadir, *home).exit_code == 0
    for height, extra in ((FINALIZED, 3), (FINALIZED - 1, 20)):
        core.chain = chain.fork(height)
        grow(core.chain, extra, random.Random(22), tag=b"other")
        know(core.chain)
        result = flowhouse("doctor", "--rest", core.url, *home)
        assert result.exit_code == (0 if height == FINALIZED else 1)
    assert f"FAIL  the node's regtest chain differs from the home's at height {FINALIZED}" in result.output


def test_a_nodes_files_are_found_well(flowhouse, datadir, home):
    result = flowhouse("doctor", "--datadir", datadir, *home)
    assert result.exit_code == 0, result.output
    assert f"{datadir}: regtest chain up to height 150" in result.output
    assert "each of its block files has its undo file" in result.output
    assert flowhouse("ingest", "bitcoin", "--datadir", datadir, *home).exit_code == 0
    result = flowhouse("doctor", "--datadir", datadir, *home)
    assert "the home has finalized no block of regtest yet" in result.output  # blocks are finalized with 1,000 on top


def test_the_samples_chain_is_no_users_own(flowhouse, datadir, home):
    lake = Home(home[-1]).lake
    lake.mark_as_sample()
    load.read_coin_chain(lake)
    assert ["bitcoin/regtest", "sample", "0", "1,600"] in [line.split()[:4] for line in status(flowhouse, home)]
    assert flowhouse("doctor", "--datadir", datadir, *home).exit_code == 0


def test_a_nodes_files_that_lack_undo(flowhouse, datadir, home):
    undo = datadir / "regtest" / "blocks" / "rev00000.dat"
    undo.unlink()
    result = flowhouse("doctor", "--datadir", datadir, *home)
    assert result.exit_code == 1
    assert f"FAIL  {undo} is missing: copy the rev files together with the blk files." in result.output


def test_a_nodes_files_that_cannot_be_read(flowhouse, datadir, home):
    blocks = datadir / "regtest" / "blocks" / "blk00002.dat"
    blocks.mkdir()
    result = flowhouse("doctor", "--datadir", datadir, *home)
    assert result.exit_code == 1
    assert f"FAIL  {blocks} cannot be read (Is a directory)" in result.output


def test_a_node_in_two_places_is_wrong_usage(flowhouse, home):
    result = flowhouse("doctor", "--rpc", "http://127.0.0.1:1", "--datadir", "node", *home)
    assert result.exit_code == 2
    assert "A chain has one source" in result.output


def test_status_shows_the_chain_that_is_held(flowhouse, core, home, transport):
    assert flowhouse("ingest", "bitcoin", transport, core.url, *home).exit_code == 0
    newest = str(datetime.fromtimestamp(max(block.time for block in core.chain.blocks), UTC).date())
    (line,) = [line for line in status(flowhouse, home) if "regtest" in line]
    name, read_by, _, _, *rest = line.split()  # when it was asked is a day and a time
    assert [name, read_by, *rest] == [
        "bitcoin/regtest",
        transport.removeprefix("--"),
        "0",
        "150",
        newest,
        str(FINALIZED),
        "0",
        "ok",
    ]
