"""An account chain's provider through the command line: what doctor and status say about it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from simulated import KEY, ServedNode

from ingestion.evm import ingest
from ingestion.evm.node import Node
from ingestion.sample import load, tokens
from orchestration.home import Home


@pytest.fixture
def served(monkeypatch) -> Iterator[ServedNode]:
    served = ServedNode()
    monkeypatch.setenv("FLOWHOUSE_EVM_RPC_URL", served.url)
    yield served
    served.close()


def test_doctor_says_which_chain_a_provider_serves_and_shows_no_key(flowhouse, served, tmp_path):
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 0, result.output
    tip = len(served.provider.chain.blocks) - 1
    assert f"anvil up to block {tip:,}, finalized up to {tip - served.provider.chain.not_final:,}" in result.output
    assert KEY not in result.output


def test_doctor_says_when_no_provider_is_set(flowhouse, monkeypatch, tmp_path):
    monkeypatch.delenv("FLOWHOUSE_EVM_RPC_URL", raising=False)
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 1
    assert "set FLOWHOUSE_EVM_RPC_URL to its address" in result.output


def test_doctor_says_when_a_provider_is_of_a_chain_nobody_reads(flowhouse, served, tmp_path):
    served.provider.chain_id = 424_242
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 1
    assert "FAIL  The provider serves the chain with id 424242" in result.output


def test_doctor_says_when_a_provider_lacks_what_the_home_holds(flowhouse, served, tmp_path):
    held = tokens.chain()
    ingest.from_node(Home(tmp_path).lake, Node(tokens.Provider(held)), tokens.WATCHED)
    served.provider.chain.blocks[len(held.blocks) - 1 - held.not_final :] = []
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 1
    assert "let the node catch up" in result.output


def test_the_samples_chain_is_no_users_own(flowhouse, served, tmp_path):
    lake = Home(tmp_path).lake
    lake.mark_as_sample()
    load.read_event_chain(lake)
    chain = served.provider.chain
    chain.blocks[len(chain.blocks) - 1 - chain.not_final :] = []
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in flowhouse("status", "--home", tmp_path).output.splitlines() if "anvil" in line]
    assert line.split()[:2] == ["evm/anvil", "sample"]


def test_status_shows_the_chain_that_is_held(flowhouse, served, tmp_path):
    assert flowhouse("ingest", "evm", "--home", tmp_path).exit_code == 0
    chain = served.provider.chain
    tip = len(chain.blocks) - 1
    (line,) = [line for line in flowhouse("status", "--home", tmp_path).output.splitlines() if "anvil" in line]
    newest = ingest.Node(served.provider).header(tip).block.date
    words = line.split()
    assert datetime.now(UTC) - datetime.fromisoformat(" ".join(words[2:4]) + "Z") < timedelta(minutes=5)  # last asked
    del words[2:4]
    assert words == ["evm/anvil", "rpc", "1", f"{tip:,}", f"{newest}", f"{tip - chain.not_final:,}", "0", "ok"]
