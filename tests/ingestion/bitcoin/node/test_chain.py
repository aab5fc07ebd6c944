"""The chain of a running node, and the stored days that save reading its headers."""

import pytest
from polars.testing import assert_frame_equal
from stand_in import BLOCKS, always, by_rpc, know, shown

from ingestion.bitcoin.node import client, reader
from ingestion.bitcoin.node.chain import NodeChain
from ingestion.errors import ReorgDuringRead
from ingestion.transport.errors import NodeRefused


def test_days_kept_from_a_chain_are_known_the_next_time(core):
    node = by_rpc(core)
    kept = NodeChain(node).days()
    for after in range(95, 105):  # ends of days, and heights within one
        chain = NodeChain(node, after, kept)
        assert_frame_equal(chain.days(), kept)
        assert chain.height_of(shown(core.chain.blocks[after - 1].hash)) is None


def test_a_block_held_that_the_node_has_left(ask, core, chain, other):
    node = ask()
    known = NodeChain(node).days()
    core.chain = other
    for days in (known, None):
        with pytest.raises(ReorgDuringRead, match=f"up to height {BLOCKS}:"):
            next(reader.read(node, BLOCKS, BLOCKS, days, shown(chain.tip.hash)))


def test_a_node_behind_what_is_held(ask, core, chain):
    node = ask()
    known = NodeChain(node).days()
    core.chain = know(chain.fork(100))
    for days in (known, None):
        with pytest.raises(ReorgDuringRead, match=f"up to height {BLOCKS}: let it catch up"):
            next(reader.read(node, BLOCKS, BLOCKS, days))


def test_headers_that_never_link_up(ask, core, chain, monkeypatch):
    monkeypatch.setattr(client, "HEADERS_A_REQUEST", 100)
    node = ask()
    core.interrupts = [always(ask.headers, (200, b"" if ask.headers.startswith("/rest") else b"[]"))]
    if ask.headers.startswith("/rest"):
        with pytest.raises(ReorgDuringRead, match="changed 5 times"):
            NodeChain(node)
    else:
        with pytest.raises(NodeRefused, match="did not answer all calls of a batch"):
            NodeChain(node)
