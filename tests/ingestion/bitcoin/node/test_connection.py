"""Requests to a node: what is retried and for how long, and what is never shown."""

from dataclasses import replace

import pytest
from loopback import bomb, drip, serving
from stand_in import BLOCKS, HALF, PASSWORD, REGTEST, USER, Core, Reply, always, by_rpc, error, once

from ingestion.bitcoin.node.client import Rpc
from ingestion.bitcoin.node.connection import BOUNDS
from ingestion.errors import UsageError
from ingestion.sample.regtest import Chain
from ingestion.transport.errors import NodeRefused, NodeUnreachable
from ingestion.transport.rate_limits import LIMIT_SECONDS


def test_a_node_is_asked_itself(ask, core, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    node = ask()
    core.interrupts = [always(each, (302, b"")) for each in ("/rest/", "getblockchaininfo")]
    with pytest.raises((NodeUnreachable, NodeRefused), match=r"\(302\)"):
        node.tip()
    assert "/elsewhere" not in core.asked


@pytest.mark.parametrize("url", ["127.0.0.1:8332", "http://ann:s3cr3t@127.0.0.1:8332", "ftp://127.0.0.1"])
def test_an_address_that_is_none_or_holds_credentials(url):
    with pytest.raises(UsageError, match="must be like") as caught:
        Rpc(url, REGTEST)
    assert "s3cr3t" not in str(caught.value)


def test_wrong_credentials_are_refused_and_never_shown(core, caplog):
    caplog.set_level("DEBUG")
    with pytest.raises(NodeRefused, match=r"refuses the credentials \(401\)") as caught:
        by_rpc(core, password="s3cr3t")
    node = by_rpc(core)
    texts = [repr(caught.value), repr(node), repr(node.__dict__), repr(node._connection.__dict__), caplog.text]
    assert not any(secret in text for secret in ("s3cr3t", USER, PASSWORD) for text in texts)
    assert caught.value.__context__ is None


def test_a_cookie_is_read_anew(core, tmp_path):
    cookie = tmp_path / ".cookie"
    with pytest.raises(NodeRefused, match=r"\.cookie cannot be read \(FileNotFoundError\): start the node"):
        by_rpc(core, cookie=cookie)
    cookie.write_text(core.cookie)
    node = by_rpc(core, cookie=cookie)
    core.cookie = "__cookie__:another"
    cookie.write_text(core.cookie)
    assert node.tip()[0] == BLOCKS
    cookie.write_text("s3cr3t")
    with pytest.raises(NodeRefused, match="is not a node's cookie") as caught:
        node.tip()
    assert "s3cr3t" not in str(caught.value)


BUSY = [
    (503, b"Service temporarily unavailable: Loading block index"),
    (503, b"Work queue depth exceeded"),
    (500, b"Work queue depth exceeded"),
    error(-28, "Loading block index..."),
]


@pytest.mark.parametrize("reply", BUSY)
def test_a_node_that_starts_is_waited_for(core, reply):
    waits = []
    core.interrupts = [once("getblockchaininfo", reply) for _ in range(3)]
    by_rpc(core, sleep=waits.append)
    assert waits == [1, 2, 4]


LIMITED = [
    (429, b"slow down"),
    (402, b'{"error":{"code":-32005,"message":"no","data":{"rate":{"backoff_seconds":9}}}}'),
    (403, b"You are being rate limited"),
    error(-32007, "50/second request limit reached"),
    error(-32029, "Too Many Requests"),
    (502, b"Bad Gateway"),
]


@pytest.mark.parametrize("reply", LIMITED)
def test_a_provider_of_nodes_that_limits_requests_is_waited_for(core, reply):
    waits = []
    core.interrupts = [once("getblockchaininfo", reply) for _ in range(5)]
    by_rpc(core, sleep=waits.append)
    assert waits == ([9, 9, 9, 9, 15] if reply[0] == 402 else [1, 2, 4, 8, 15])


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((429, b"slow \x1b[31mdown"), r"answers 429 \(slow \[31mdown\): try again later"),
        (
            error(-32007, "request \x1blimit reached"),
            "answers 'request limit reached': try again later, or use a node of",
        ),
    ],
)
def test_a_limit_that_lasts_ends_in_the_providers_words(core, reply, words):
    waits = []
    core.interrupts = [always("", reply)]
    with pytest.raises(NodeUnreachable, match=words):
        by_rpc(core, sleep=waits.append)
    assert LIMIT_SECONDS - 15 < sum(waits) <= LIMIT_SECONDS


def test_the_wait_for_a_node_that_starts_ends(ask, core):
    reply = (503, b"Service temporarily unavailable: Loading") if ask.block[0] == "/" else error(-28, "Loading")
    core.interrupts = [always("", reply)]
    with pytest.raises(
        NodeUnreachable, match=r"was not ready within 120 s .*Loading.*: try again when it has started\."
    ):
        ask()
    assert 60 < sum(ask.waits) <= 120


@pytest.mark.parametrize("reply", [(HALF, b'{"result":{"chain"'), (200, b'{"result":{"chain"')])
def test_half_a_body_is_asked_for_again(core, reply):
    core.interrupts = [once("getblockchaininfo", reply)]
    assert by_rpc(core).tip()[0] == BLOCKS
    core.interrupts = [always("getblockchaininfo", reply)]
    with pytest.raises(NodeUnreachable, match=r"broke off or garbled its answer|cannot be read to its end"):
        by_rpc(core)


def test_a_silent_node(core):
    def silent() -> Reply:
        core.closing.wait(5)
        return 500, b""

    core.interrupts = [once("getblockchaininfo", silent)]
    assert by_rpc(core, bounds=replace(BOUNDS, silence_seconds=0.2)).tip()[0] == BLOCKS
    core.interrupts = [lambda what: silent()]
    with pytest.raises(NodeUnreachable, match=r"did not answer within 0\.1 s"):
        by_rpc(core, bounds=replace(BOUNDS, silence_seconds=0.1))


def test_no_node():
    core = Core(Chain.begin())
    core.close()
    waits = []
    with pytest.raises(NodeUnreachable, match=r"could not be reached .*: start the node, or check the address\."):
        by_rpc(core, sleep=waits.append)
    assert waits == [1, 2]


def test_a_machine_that_is_not_allowed(ask, core):
    core.interrupts = [always("", (403, b""))]
    with pytest.raises(NodeRefused, match=r"\(403\): allow it with -rpcallowip"):
        ask()


def test_another_server(ask, core):
    core.interrupts = [always("", (200, b'{"result":{"chain":5},"chain":5}'))]
    with pytest.raises(NodeRefused, match=r"not a Bitcoin node's"):
        ask()
    assert ask.waits == []


def test_an_answer_that_unpacks_to_too_much(ask):
    with (
        serving(bomb()) as url,
        pytest.raises(NodeRefused, match=r"serves more than 1,000,000 bytes: check the address\."),
    ):
        ask(url=url, bounds=replace(BOUNDS, max_bytes=1_000_000))
    assert ask.waits == []


def test_an_answer_that_drips(ask):
    words = r"did not finish its answer within 0\.3 s: check the address and the connection\."
    with serving(drip()) as url, pytest.raises(NodeUnreachable, match=words):
        ask(url=url, bounds=replace(BOUNDS, total_seconds=0.3))
    assert ask.waits == []
