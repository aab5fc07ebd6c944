"""The chain and the blocks of a running node, and its errors."""

from collections.abc import Callable

import msgspec
import pytest
from stand_in import BLOCKS, NO_UNDO, PRUNED, REGTEST, Core, always, as_core_returns, by_rpc, error, once, shown

from ingestion.bitcoin.errors import MissingUndo, WrongNetwork
from ingestion.bitcoin.networks import NETWORKS
from ingestion.bitcoin.node import reader
from ingestion.bitcoin.node.chain import NodeChain
from ingestion.bitcoin.node.client import Rest
from ingestion.bitcoin.node.errors import PrunedBlock
from ingestion.transport.errors import NodeRefused


def test_how_far_it_is_and_what_it_keeps(ask, core):
    node = ask()
    assert node.state() == (BLOCKS, BLOCKS + 1, 0)
    core.first_kept = 17
    assert node.state().first_kept == 17


def test_tip_and_hashes(ask, chain):
    node = ask()
    assert node.tip() == (BLOCKS, shown(chain.tip.hash))
    assert node.hash_at(7) == shown(chain.blocks[7].hash)
    assert node.hash_at(BLOCKS + 1) is None


def test_wrong_network(ask, core):
    with pytest.raises(WrongNetwork, match=r"is a node of regtest .*, not of main"):
        ask(network=NETWORKS["main"])
    core.network = "main"
    for network in (REGTEST, NETWORKS["main"]):
        with pytest.raises(WrongNetwork, match=rf"is a node of main .*, not of {network.name}"):
            ask(network=network)


def test_a_call_without_a_result(core):
    core.interrupts = [always("getblockchaininfo", (200, b'{"result":null,"error":null,"id":0}'))]
    with pytest.raises(NodeRefused, match="returned no result for getblockchaininfo: check the address"):
        by_rpc(core)


def test_a_node_without_rest(core):
    core.has_rest = False
    with pytest.raises(NodeRefused, match="serves no REST: start the node with -rest"):
        Rest(core.url, REGTEST)


REFUSALS = [
    (
        error(-1, PRUNED),
        (404, b"00 not available (pruned data)\r\n"),
        PrunedBlock,
        "has pruned the block at height 200",
    ),
    (error(-32603, NO_UNDO), (500, NO_UNDO.encode()), MissingUndo, "which coins the block at height 200 spent"),
    (
        error(-5, "Block not found"),
        (404, b"00 not found"),
        NodeRefused,
        "Block not found|has no block .* at height 200",
    ),
    (error(-1, "Gone"), (500, b"Gone"), NodeRefused, "answers 'Gone' to"),
]


@pytest.mark.parametrize(("by_rpc", "by_rest", "kind", "words"), REFUSALS)
def test_blocks_a_node_cannot_give(ask, core, by_rpc, by_rest, kind, words):
    node = ask()
    core.interrupts = [always(ask.block, by_rest if ask.block[0] == "/" else by_rpc)]
    with pytest.raises(kind, match=words):
        next(reader.read(node, 199, 300))
    assert ask.waits == []


def tampered(core: Core, ask, change: Callable[[dict], None]) -> int:
    """The newest block of the chain that spends coins, in another form."""
    block = next(block for block in reversed(core.chain.blocks) if block.spent)
    block_json = msgspec.json.decode(msgspec.json.encode(as_core_returns(block)))
    change(block_json)
    block_json = block_json if ask.block[0] == "/" else {"result": block_json, "error": None, "id": 0}
    core.interrupts = [always(ask.block, (200, msgspec.json.encode(block_json)))]
    return block.height


def first_input(block_json: dict) -> dict:
    return block_json["tx"][1]["vin"][0]


CHANGES = [
    (lambda block_json: first_input(block_json).pop("prevout"), MissingUndo, "cannot say which coins"),
    (lambda block_json: block_json.update(hash="00"), NodeRefused, "returned another block than"),
    (lambda block_json: block_json.update(height=1), NodeRefused, "returned another block than"),
    (
        lambda block_json: first_input(block_json)["prevout"].update(height=block_json["height"] + 1),
        NodeRefused,
        "no chain can have",
    ),
    (lambda block_json: first_input(block_json)["prevout"].update(height=0), NodeRefused, "no chain can have"),
    (lambda block_json: first_input(block_json)["prevout"].update(value=-1e-8), NodeRefused, "no chain can have"),
    (
        lambda block_json: first_input(block_json)["prevout"].update(value=21_000_000.00000001),
        NodeRefused,
        "no chain can have",
    ),
]


@pytest.mark.parametrize(("change", "kind", "words"), CHANGES)
def test_blocks_that_cannot_be(ask, core, change, kind, words):
    node = ask()
    height = tampered(core, ask, change)
    with pytest.raises(kind, match=words) as caught:
        next(reader.read(node, height - 1, height))
    assert f"height {height}" in str(caught.value)


def test_a_batch_with_an_error(core):
    node = by_rpc(core)
    failed = b'[{"result":null,"error":{"code":-28,"message":"Loading"},"id":0}]'
    core.interrupts = [once("batch of getblockheader", (200, failed))]
    assert NodeChain(node).tip_height == BLOCKS
    core.interrupts = [always("batch of getblockheader", (200, failed.replace(b"-28", b"-1")))]
    with pytest.raises(NodeRefused, match=r"'Loading' to getblockheader \(error -1\)"):
        NodeChain(node)
