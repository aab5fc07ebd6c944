"""The same chain from Bitcoin Core itself, over each transport and through what befalls a node.

The chain is made here, so that every coin of it is known; Core validates it block by block.
"""

import random
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from holders import grow
from test_ledger import folder, held, same

from ingestion.bitcoin import ingest
from ingestion.bitcoin.errors import MissingBlocks
from ingestion.bitcoin.ledger import read_record
from ingestion.lake.tables import Lake
from ingestion.sample.regtest import REGTEST, Chain

BLOCKS = 620
# Core keeps the last 288 blocks, whatever it is told to prune.
BASE = 500
CONFIRMATIONS = 12


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(1_600_000_000)
    grow(chain, BLOCKS - 1, random.Random(51))
    return chain


@pytest.fixture(scope="module")
def longer(chain) -> Chain:
    """A branch of more work that leaves the chain five blocks before its end."""
    other = chain.fork(BLOCKS - 5)
    grow(other, 8, random.Random(52), tag=b"longer")
    return other


def truth(tmp_path: Path, chain: Chain) -> dict[str, pl.DataFrame]:
    """The rows of a chain, from files made of its own coins."""
    lake = Lake(tmp_path / f"truth{chain.tip.hash.hex()[:8]}")
    ingest.from_files(lake, folder(tmp_path / "made", chain), CONFIRMATIONS)
    return held(lake)


@pytest.mark.parametrize("transport", ["files", "rpc", "rest"])
def test_each_transport_gives_the_chain_coin_by_coin(core, chain, tmp_path, transport):
    core.start()
    core.add(chain.blocks[1:])
    lake = Lake(tmp_path / "lake")
    if transport == "files":
        ingest.from_files(lake, core.files(), CONFIRMATIONS)
    else:
        with closing(core.by(transport)) as node:
            ingest.from_node(lake, node, CONFIRMATIONS)
    assert same(held(lake), truth(tmp_path, chain))


def test_a_reorganisation_and_its_invalidation_are_followed(core, chain, longer, tmp_path):
    lake = Lake(tmp_path / "lake")
    core.start()
    core.add(chain.blocks[1:])
    ingest.from_files(lake, core.files(), CONFIRMATIONS)
    core.add(longer.blocks[BLOCKS - 4 :])
    ingest.from_files(lake, core.files(), CONFIRMATIONS)
    assert same(held(lake), truth(tmp_path, longer))
    core.call("invalidateblock", longer.blocks[BLOCKS - 4].hash[::-1].hex())
    with closing(core.by("rpc")) as node:
        ingest.from_files(lake, core.files(hash_at=node.hash_at), CONFIRMATIONS)
    assert same(held(lake), truth(tmp_path, chain))


def test_a_kill_and_a_reindex_change_nothing(core, chain, tmp_path):
    expected = truth(tmp_path, chain)
    core.start()
    core.add(chain.blocks[1:300])
    core.kill()
    core.start()  # what it had not flushed is given once more
    core.add(chain.blocks[1:])
    once = Lake(tmp_path / "once")
    ingest.from_files(once, core.files(), CONFIRMATIONS)
    assert same(held(once), expected)
    core.stop()
    core.start("-reindex=1")
    core.add(chain.blocks[1:])
    again = Lake(tmp_path / "again")
    ingest.from_files(again, core.files(), CONFIRMATIONS)
    assert same(held(again), expected)


def test_a_pruned_node_is_read_from_its_snapshot_on(core, chain, tmp_path):
    core.start("-prune=1")
    core.add(chain.blocks[1 : BASE + 1])
    core.call("dumptxoutset", str(tmp_path / "utxo.dat"), "latest")
    core.add(chain.blocks[BASE + 1 :])
    assert core.call("pruneblockchain", BLOCKS - 288) > 0
    core.stop()
    assert not (core.datadir / "regtest" / "blocks" / "blk00000.dat").exists()
    with pytest.raises(MissingBlocks, match="has pruned it"):
        ingest.from_files(Lake(tmp_path / "none"), core.files(), CONFIRMATIONS)
    lakes = [Lake(tmp_path / name) for name in ("core", "made")]
    for lake, node in zip(lakes, (core.files(), folder(tmp_path / "whole", chain)), strict=True):
        ingest.from_snapshot(lake, tmp_path / "utxo.dat", node)
        ingest.from_files(lake, node, CONFIRMATIONS)
        assert read_record(lake, REGTEST).tip_height == BLOCKS
    assert same(*map(held, lakes))
