"""A chain built and validated by Bitcoin Core's engine, and its data folder before and after a reorganisation."""

import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from engine import Engine
from holders import grow

from ingestion.sample.regtest import Block, Chain

BLOCKS = 300
START = 1_600_000_000


class Node(NamedTuple):
    """A data folder, the blocks of its chain by height, and what each spent according to the engine."""

    datadir: Path
    blocks: list[Block]
    spent: list[list[tuple[int, int, bool]]]


@pytest.fixture(scope="session")
def nodes(tmp_path_factory) -> dict[str, Node]:
    """The same node "before" and "after" a reorganisation five blocks deep, stale siblings in both."""
    folder = tmp_path_factory.mktemp("node")
    chance = random.Random(7)
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, BLOCKS - 1, chance)
    engine = Engine(folder / "running")
    for block in chain.blocks[1:]:
        engine.add(block)
        if block.height in (50, 200, 250):
            for n in range(2):
                sibling = chain.fork(block.height - 1)
                grow(sibling, 1, chance, tag=b"sibling%d" % n)
                engine.add(sibling.tip)
    found = {"before": _copy(folder, "before", chain, engine)}
    other = chain.fork(BLOCKS - 5)
    grow(other, 7, chance, tag=b"other")
    for block in other.blocks[BLOCKS - 4 :]:
        engine.add(block)
    found["after"] = _copy(folder, "after", other, engine)
    return found


def _copy(folder: Path, name: str, chain: Chain, engine: Engine) -> Node:
    """What a reader finds while the engine runs."""
    shutil.copytree(folder / "running" / "blocks", folder / name / "regtest" / "blocks")
    assert engine.hashes() == [block.hash for block in chain.blocks]
    return Node(folder / name, chain.blocks, engine.spent())


def pytest_terminal_summary(terminalreporter) -> None:
    """Show how often mutated files came out how."""
    outcomes = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "block_file_outcomes"
    ]
    if outcomes:
        terminalreporter.section("mutated block files")
        for line in outcomes:
            terminalreporter.write_line(line)
