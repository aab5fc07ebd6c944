"""A chain, a fork of it, and a node that follows them, over either of its interfaces."""

import random
from collections.abc import Callable, Iterator

import pytest
from holders import grow
from stand_in import BLOCKS, PASSWORD, REGTEST, USER, Core, know

from ingestion.bitcoin.node.client import Node, Rest, Rpc
from ingestion.sample.regtest import Chain

START = 1_600_000_000


@pytest.fixture(scope="session")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, BLOCKS - 1, random.Random(3))
    return know(chain)


@pytest.fixture(scope="session")
def other(chain) -> Chain:
    """A fork five blocks below the tip, longer by two."""
    other = chain.fork(BLOCKS - 5)
    grow(other, 7, random.Random(4), tag=b"other")
    return know(other)


@pytest.fixture
def core(chain) -> Iterator[Core]:
    core = Core(chain)
    yield core
    core.close()


@pytest.fixture(params=["rpc", "rest"])
def ask(request, core) -> Iterator[Callable[..., Node]]:
    """Opens the node by either interface; `waits` has the seconds it slept."""
    opened = []

    def ask(**options) -> Node:
        options = {"url": core.url, "network": REGTEST, "sleep": ask.waits.append, **options}
        if request.param == "rpc":
            options = {"user": USER, "password": PASSWORD, **options}
        opened.append((Rpc if request.param == "rpc" else Rest)(**options))
        return opened[-1]

    ask.waits = []
    ask.block = "getblock()" if request.param == "rpc" else "/rest/block/"
    ask.headers = "batch of getblockhash" if request.param == "rpc" else "/rest/headers/"
    yield ask
    for node in opened:
        node.close()
