"""A node followed by `serve` alone: its daemon asks it, a signal ends it amid a reading, and the next start goes on."""

import json
import random
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from holders import grow
from served import Served, parents
from stand_in import PASSWORD, REGTEST, USER, Core, know

from ingestion.bitcoin import ledger as coins
from ingestion.sample.regtest import Chain
from orchestration.home import Home
from orchestration.publishing import published

HISTORY, TIP = 400, 409
"""Heights of the chain at first, and in the end."""
STUCK_AT = 250
LIMIT_SECONDS = 10
MINUTES = 240.0
"""Seconds to wait for a tick, of which there is one a minute, and for what it starts."""
SETTINGS = """
[schedule]
chains = "* * * * *"
funds = "off"
bars = "off"
archive_check = "off"

[bitcoin.regtest]
rpc = "{url}"
user = "{user}"
password = "{password}"
confirmations = 6

[bitcoin.signet]
rest = "http://127.0.0.1:1"
"""
CHECK = """{ assetCheckExecutions(
    assetKey: {path: ["bitcoin", "coin_flow"]}, checkName: "read_without_failure", limit: 5
) { status evaluation { success metadataEntries { label ... on TextMetadataEntry { text } } } } }"""


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(1_600_000_000)
    grow(chain, TIP - 1, random.Random(11))
    return know(chain)


@pytest.fixture
def core(chain):
    core = Core(Chain(chain.blocks[: HISTORY + 1]))
    yield core
    core.close()


def published_blocks(home: Home) -> int:
    if published.latest(home) is None:
        return 0
    query = "select coalesce(sum(blocks), 0)::int from marts.onchain_blocks_daily where network = 'regtest'"
    with duckdb.connect(str(published.warehouse(home)), read_only=True) as con:
        return con.sql(query).fetchall()[0][0]


def held_height(home: Home) -> int:
    return coins.read_record(home.lake, REGTEST).tip_height or 0


def status(home: Home) -> dict:
    command = [Path(sys.executable).with_name("flowhouse"), "status", "--format", "json", "--home", home.root]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr  # a chain failed
    return {each["name"]: each for each in json.loads(run.stdout)["chains"]}


def test_a_chain_is_followed_ended_amid_its_history_and_read_on(serve, core, chain, tmp_path):
    home = Home(tmp_path / "home")
    home.root.mkdir()
    file = home.root / "flowhouse.toml"
    file.write_text(SETTINGS.format(url=core.url, user=USER, password=PASSWORD))
    is_stuck, asked = threading.Event(), iter(range(10**9))

    def hang(what: str) -> None:
        if what == "getblock()" and next(asked) >= STUCK_AT:
            is_stuck.set()
            core.closing.wait(MINUTES)

    core.interrupts = [hang]
    served: Served = serve(is_small=False)
    served.wait_for(is_stuck.is_set, MINUTES)
    processes = served.processes()
    seconds, code = served.stop()
    assert (seconds < LIMIT_SECONDS, code) == (True, 0)
    assert not processes & set(parents())
    assert not list(home.lake.root.rglob("*.part"))
    kept = held_height(home)
    assert 0 < kept < HISTORY

    core.interrupts, core.asked = [], []
    served = serve(is_small=False)
    served.wait_for(lambda: published_blocks(home) == HISTORY + 1, MINUTES)
    assert core.asked.count("getblock()") < HISTORY - STUCK_AT // 2
    core.chain = Chain(chain.blocks[: TIP + 1])
    served.wait_for(lambda: published_blocks(home) == TIP + 1, MINUTES)
    served.wait_for(lambda: set(served.runs().values()) == {"FAILURE", "SUCCESS"})

    # newest first; that of a run which has just begun is still without a result
    execution, *_ = [each for each in served.query(CHECK)["assetCheckExecutions"] if each["evaluation"]]
    (text,) = [each["text"] for each in execution["evaluation"]["metadataEntries"] if each["label"] == "failures"]
    chains = status(home)
    assert {name: each["state"] for name, each in chains.items()} == {
        "bitcoin/regtest": "ok",
        "bitcoin/signet": "failed",
    }
    assert text == "bitcoin/signet: " + "\n".join(chains["bitcoin/signet"]["sentences"])
    assert (execution["status"], execution["evaluation"]["success"]) == ("FAILED", False)
    processes = served.processes()
    seconds, code = served.stop()
    assert (seconds < LIMIT_SECONDS, code) == (True, 0)
    assert not processes & set(parents())
    assert PASSWORD not in served.output
