"""When a chain is late, failed or lost, with made records."""

from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from ingestion.refresh import RefreshResult
from orchestration.health import chains
from orchestration.health.chains import LATE_AFTER, Blocks, chain_states
from orchestration.home import Home
from orchestration.settings import BitcoinNode, EvmProvider, Settings

NEWEST = datetime(2025, 11, 3, 21, 40)
SETTINGS = Settings(
    bitcoin={"main": BitcoinNode(rpc="http://127.0.0.1:8332"), "regtest": BitcoinNode(rpc="http://127.0.0.1:1")},
    evm={"ethereum": EvmProvider(rpc=(SecretStr("https://node.example"),))},
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home that holds Bitcoin's main chain and a regtest one."""
    blocks = Blocks("rpc", 0, 920_000, NEWEST.date(), 919_000)
    monkeypatch.setattr(chains, "_coin_blocks", lambda lake, name: blocks if name in ("main", "regtest") else None)
    return Home(tmp_path)


def asked(at, newest_at=NEWEST, *failures):
    return {"bitcoin/main": RefreshResult("bitcoin/main", "live", at, 0, 0, failures, at, failures, newest_at)}


def main(home, readings, at, settings=SETTINGS, losses=None):
    return {each.name: each for each in chain_states(home, settings, readings, losses or {}, at)}["bitcoin/main"]


def test_a_chain_is_late_once_its_newest_block_is_too_old(home):
    due_at = NEWEST + LATE_AFTER
    state = main(home, asked(NEWEST), due_at)
    assert (state.state, state.due_at, state.late_hours) == ("ok", due_at, 0)
    state = main(home, asked(due_at), due_at + timedelta(hours=1))
    assert (state.state, state.late_hours) == ("late", 1)
    assert "its newest block is of 2025-11-03 21:40 UTC, last asked 2025-11-04 01:40 UTC" in state.sentences[0]


def test_where_only_the_day_of_a_block_is_known_a_chain_that_nobody_asks_is_late_too(home):
    asked_at = datetime(2025, 11, 3, 22)
    assert main(home, asked(asked_at, None), asked_at + LATE_AFTER).state == "ok"
    assert main(home, asked(asked_at, None), asked_at + LATE_AFTER + timedelta(minutes=6)).state == "late"
    day_is_over = datetime(2025, 11, 4) + LATE_AFTER
    assert main(home, asked(day_is_over, None), day_is_over + timedelta(minutes=6)).state == "late"


def test_a_chain_without_rhythm_or_that_is_not_configured_is_never_late(home):
    later = NEWEST + timedelta(days=400)
    assert main(home, asked(NEWEST), later, Settings()).state == "ok"
    found = {each.name: each.state for each in chain_states(home, SETTINGS, asked(NEWEST), {}, later)}
    assert found == {"bitcoin/main": "late", "bitcoin/regtest": "ok", "evm/ethereum": "empty"}


def test_a_node_that_is_down_fails_its_chain_and_a_lost_part_comes_first(home):
    down = asked(NEWEST, NEWEST, "the node cannot be reached: start it.")
    assert main(home, down, NEWEST).state == "failed"
    state = main(home, down, NEWEST, losses={"bitcoin/main": ["a part is gone."]})
    assert (state.state, state.sentences) == ("lost", ("a part is gone.", "the node cannot be reached: start it."))


def test_the_samples_chain_is_never_late(home):
    home.lake.mark_as_sample()
    assert main(home, asked(NEWEST), NEWEST + timedelta(days=400)).state == "ok"
