"""What Core's engine leaves in its files when it is killed before it has flushed its index, again and again."""

import os
import random
import signal
from multiprocessing import get_context
from pathlib import Path

import pytest
from engine import Engine
from holders import grow
from node_folder import REGTEST, START, assert_read

from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.files.reader import read
from ingestion.sample.regtest import Block, Chain

SEED = 61


def made() -> tuple[Chain, list[Block]]:
    """A chain, and its blocks in an order of arrival with stale siblings among them."""
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, 119, random.Random(SEED))
    arrived: list[Block] = []
    for block in chain.blocks[1:]:
        if block.height % 17 == 0:
            sibling = chain.fork(block.height - 1)
            grow(sibling, 1, random.Random(block.height), tag=b"s" * (block.height % 40))
            arrived.append(sibling.tip)
        arrived.append(block)
    return chain, arrived


def run_and_die(folder: Path, has_siblings: bool, upto: int) -> None:
    chain, arrived = made()
    engine = Engine(folder)
    assert len(engine.hashes()) == 1  # nothing is left of what it knew before
    for block in arrived if has_siblings else chain.blocks[1:]:
        if block.height <= upto:
            engine.add(block)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("runs", [[(True, 120), (False, 90)], [(False, 120), (True, 50), (False, 120)]])
def test_files_of_a_killed_node_give_its_chain(tmp_path, runs):
    """Where it begins anew it writes over what it wrote: copies, and halves of blocks, stay behind."""
    spawned = get_context("spawn")
    for run in runs:
        process = spawned.Process(target=run_and_die, args=(tmp_path / "regtest", *run))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    chain, _ = made()
    assert_read(tmp_path, chain)
    assert list(read(FileChain(tmp_path, REGTEST), None, -1))
