"""An account chain through the command line: `flowhouse ingest evm` against a node on this machine."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from simulated import KEY, ServedNode

from ingestion.errors import UsageError
from ingestion.evm.ledger import TABLES
from ingestion.lake.tables import Lake
from ingestion.sample import tokens as sample
from orchestration import seeds
from orchestration.home import Home
from orchestration.settings import Settings


@pytest.fixture
def node() -> Iterator[ServedNode]:
    node = ServedNode()
    yield node
    node.close()


def table(home, name: str = "transfers") -> pl.DataFrame:
    return pl.read_parquet(Home(home).lake.root / "evm" / name / "*.parquet")


def test_a_chain_is_read_and_read_on(flowhouse, node, tmp_path):
    command = ("ingest", "evm", "--rpc", node.url, "--home", tmp_path)
    first = flowhouse(*command)
    assert first.exit_code == 0, first.output
    events = sum(len(block.logs) for block in node.provider.chain.blocks)
    assert f"evm anvil: {events:,} events read, held up to block 251" in first.output
    assert "evm anvil: 0 events read, held up to block 251" in flowhouse(*command).output
    transfers = [log for block in node.provider.chain.blocks for log in block.logs if len(log.topics) == 3]
    assert table(tmp_path).height == sum(
        log.address in (sample.BITCOIN.address, sample.DOLLAR.address) for log in transfers
    )


def test_the_address_may_stand_in_the_environment_and_its_key_is_never_shown(flowhouse, node, tmp_path, monkeypatch):
    assert "set FLOWHOUSE_EVM_RPC_URL" in flowhouse("ingest", "evm", "--home", tmp_path).output
    monkeypatch.setenv("FLOWHOUSE_EVM_RPC_URL", node.url)
    assert KEY not in repr(Settings.read(Path("/nowhere")))
    result = flowhouse("ingest", "evm", "--home", tmp_path)
    assert result.exit_code == 0
    other = flowhouse("ingest", "evm", "--network", "ethereum", "--home", tmp_path)
    assert KEY not in result.output + other.output
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_blocks_and_days_can_be_asked_for(flowhouse, node, tmp_path):
    part = ("ingest", "evm", "--rpc", node.url, "--from-block", 10, "--to-block", 20, "--home", tmp_path / "part")
    assert flowhouse(*part).exit_code == 0
    assert table(tmp_path / "part")["block_number"].is_between(10, 20).all()
    day = ("ingest", "evm", "--rpc", node.url, "--day", "2025-11-03", "--home", tmp_path / "day")
    assert flowhouse(*day).exit_code == 0
    assert table(tmp_path / "day")["value_date"].unique().to_list() == [sample.CRASH]
    assert table(tmp_path / "day", "liquidations").height == 1
    both = flowhouse(*day, "--to-block", 3)
    assert both.exit_code == 2
    assert "give --day, or --from-block and --to-block" in both.output


def test_one_token_can_be_read_alone_and_the_others_later(flowhouse, node, tmp_path):
    command = ("ingest", "evm", "--rpc", node.url, "--home", tmp_path)
    assert flowhouse(*command, "--only", "SIMBTC", "--only", "aave_v3").exit_code == 0
    coins = table(tmp_path)
    assert coins["token"].unique().to_list() == [sample.BITCOIN.address]
    assert table(tmp_path, "liquidations").height == 1
    assert table(tmp_path, "vault_changes").height == 0
    assert flowhouse(*command).exit_code == 0
    everything = table(tmp_path)
    key = ["block_number", "log_index"]
    assert everything.filter(token=sample.BITCOIN.address).sort(key).equals(coins.sort(key))
    assert set(everything["token"]) == {sample.BITCOIN.address, sample.DOLLAR.address}
    assert flowhouse(*command, "--only", "SIMBTC").exit_code == 0
    final = pl.col("token") == sample.DOLLAR.address, pl.col("is_final")
    assert table(tmp_path).filter(*final).sort(key).equals(everything.filter(*final).sort(key))
    assert flowhouse(*command).exit_code == 0
    assert table(tmp_path).sort(key).equals(everything.sort(key))
    unknown = flowhouse(*command, "--only", "WBTC")
    assert unknown.exit_code == 2
    assert "WBTC is not read of anvil: choose from SIMBTC, SIMUSD, aave_v3, balancer_v2." in unknown.output


def test_a_chain_that_is_not_the_expected_one_is_refused_in_a_sentence(flowhouse, node, tmp_path):
    other = flowhouse("ingest", "evm", "--rpc", node.url, "--network", "ethereum", "--home", tmp_path)
    assert other.exit_code == 2
    assert "serves anvil (chain id 31337), not ethereum" in other.output
    node.provider.chain_id = 424242
    unknown = flowhouse("ingest", "evm", "--rpc", node.url, "--home", tmp_path)
    assert unknown.exit_code == 2
    assert "chain with id 424242, which the seeds do not have" in unknown.output
    assert "Traceback" not in other.output + unknown.output


def test_a_token_that_is_refused_is_named_and_the_exit_code_says_so(flowhouse, node, tmp_path):
    node.provider.chain.supply[sample.BITCOIN.address] = 1
    result = flowhouse("ingest", "evm", "--rpc", node.url, "--home", tmp_path)
    assert result.exit_code == 3
    assert "failed: SIMBTC" in result.output
    assert table(tmp_path)["token"].unique().to_list() == [sample.DOLLAR.address]


def test_a_users_own_chain_leaves_the_sample_behind(sample_home, flowhouse, node, tmp_path):
    assert Home(sample_home).is_sample
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    result = flowhouse("ingest", "evm", "--rpc", node.url, "--to-block", 20, "--home", home)
    assert "its rows are left out from now on" in result.output
    assert table(home)["block_number"].max() == 20
    assert not Home(home).is_sample
    refused = flowhouse("build", "--sample", "--home", home)
    assert refused.exit_code == 2
    assert "give the sample a home of its own" in refused.output


def test_the_sample_shows_its_tokens_and_a_home_without_has_the_tables(sample_home, flowhouse, tmp_path):
    assert table(sample_home)["network"].unique().to_list() == ["anvil"]
    result = flowhouse("ingest", "farside", "--home", tmp_path)
    assert result.exit_code == 0
    assert {name for name in TABLES if Lake(sample_home / "lake").has("evm", name)} == set(TABLES)


def test_the_seeds_name_what_is_read_of_each_chain():
    assert seeds.load_watch_list(31337) == sample.WATCHED
    ethereum = seeds.load_watch_list(1, "ethereum")
    assert {token.asset for token in ethereum.tokens} == {"WBTC", "cbBTC", "tBTC", "USDT", "USDC", "USDe"}
    assert {token.asset for token in ethereum.tokens if token.supply_events == "issue_redeem"} == {"USDT"}
    assert {contract.kind for contract in ethereum.contracts} == {"aave_v3_pool", "balancer_v2_vault"}
    with pytest.raises(UsageError, match="not mainnet"):
        seeds.load_watch_list(1, "mainnet")


@pytest.mark.parametrize("name", ["tokens", "contracts", "entities", "fund_addresses"])
def test_addresses_in_the_seeds_are_in_lower_case_and_named_once(name):
    rows = [(row["network"], row["address"], row.get("ticker")) for row in seeds.read(name)]
    assert len(set(rows)) == len(rows)
    assert all(len(address) == 42 and address == address.lower() for _, address, _ in rows)


def test_commands_that_need_no_provider_do_not_load_web3():
    code = "import sys, orchestration.cli, orchestration.pipeline; sys.exit('web3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
