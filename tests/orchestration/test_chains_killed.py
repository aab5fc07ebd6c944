"""A reading that is killed at any moment: what it committed stays, and the next one goes on behind it."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from holders import grow
from simulated import ServedNode, held
from stand_in import PASSWORD, REGTEST, USER, Core, know

from ingestion.bitcoin import ledger as coins
from ingestion.evm import ledger as events
from ingestion.lake.parts import counted_parts
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain
from orchestration.home import Home

TIP = 150
CHILD = """
import sys, time
from pathlib import Path
from ingestion.bitcoin.files import reader as files
from ingestion.bitcoin.node import reader as node
from ingestion.evm import ingest, log_ranges
from orchestration import chains
from orchestration.home import Home
from orchestration.settings import Settings

# Each answer is committed.
files.BATCH_SECONDS = node.BATCH_SECONDS = ingest.BATCH_SECONDS = 0
log_ranges.WIDEST, log_ranges.Width.__init__.__defaults__ = 5, (5,)

def slowly(done, total, counted):
    print(done, flush=True)
    time.sleep(float(sys.argv[3]))

settings = Settings.model_validate_json(sys.argv[2])
(chain,) = chains.configured(settings)
result = chains.read(Home(Path(sys.argv[1])), settings, chain, slowly)
print(result.captures, *result.failures)
"""


def start(home: Path, settings: dict, pause: float) -> subprocess.Popen:
    command = [sys.executable, "-c", CHILD, str(home), json.dumps(settings), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(home: Path, settings: dict) -> int:
    """Read to the end; returns how many blocks that took."""
    said, _ = start(home, settings, 0).communicate()
    captures, *failures = said.splitlines()[-1].split(maxsplit=1)
    assert failures == []
    return int(captures)


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(1_600_000_000)
    grow(chain, TIP - 1, random.Random(9))
    return know(chain)


@pytest.fixture
def by_files(chain, tmp_path) -> dict:
    files = [chain.blocks[first : first + 5] for first in range(0, TIP + 1, 5)]
    write_files(tmp_path / "node" / "regtest" / "blocks", files)
    return {"bitcoin": {"regtest": {"datadir": str(tmp_path / "node"), "confirmations": 6}}}


@pytest.fixture
def by_rpc(chain):
    core = Core(chain)
    yield {"bitcoin": {"regtest": {"rpc": core.url, "user": USER, "password": PASSWORD, "confirmations": 6}}}
    core.close()


@pytest.fixture
def by_provider():
    served = ServedNode()
    yield {"evm": {"anvil": {"rpc": [served.url]}}}
    served.close()


def coin_rows(home: Home) -> dict[str, pl.DataFrame]:
    """The rows that count, summed by their keys."""
    found = {}
    for table, keys in coins.KEYS.items():
        parts = counted_parts(home.lake, coins.SOURCE, table)
        rows = pl.concat(home.lake.read(coins.SOURCE, table, {}, part) for part in parts)
        bounds = {"first_height": pl.min("first_height"), "last_height": pl.max("last_height")}
        sums = {name: bounds.get(name, pl.sum(name)) for name in rows.columns if name not in keys}
        found[table] = rows.group_by(keys).agg(**sums).sort(keys)
    return found


def coin_height(home: Home) -> int:
    height = coins.read_record(home.lake, REGTEST).tip_height
    return -1 if height is None else height


def event_height(home: Home) -> int:
    return events.last_block(home.lake, events.read_record(home.lake, "anvil")) or 0


READERS: dict[str, tuple[Callable[[Home], object], Callable[[Home], int], str, dict]] = {
    "by_files": (coin_rows, coin_height, coins.SOURCE, coins.TABLES),
    "by_rpc": (coin_rows, coin_height, coins.SOURCE, coins.TABLES),
    "by_provider": (lambda home: held(home.lake), event_height, events.SOURCE, events.TABLES),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_killed_reading_is_read_on_and_comes_to_the_same(request, tmp_path, reader):
    settings = request.getfixturevalue(reader)
    rows, height, source, tables = READERS[reader]
    whole, home = Home(tmp_path / "whole"), Home(tmp_path / "home")
    blocks = finish(whole.root, settings)
    before = height(home)
    for how in (signal.SIGTERM, signal.SIGKILL):
        process = start(home.root, settings, 0.02)
        assert process.stdout
        for _ in range(10):
            assert process.stdout.readline()
        process.send_signal(how)
        process.communicate(timeout=5)
        assert process.returncode == -how
        assert before < height(home) < height(whole)
        before = height(home)
    assert finish(home.root, settings) < blocks
    assert height(home) == height(whole)
    first, second = rows(home), rows(whole)
    assert first.keys() == second.keys()
    for table, each in first.items():
        assert each.equals(second[table]) if isinstance(each, pl.DataFrame) else each == second[table]
    for table in tables:
        assert home.lake.parts(source, table) == counted_parts(home.lake, source, table)
    assert not list(home.lake.root.rglob("*.part"))
