"""A running node against its own files: a server on this machine that answers as Bitcoin Core does."""

import base64
import gzip
import json
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import msgspec
import polars as pl
import pytest
from holders import grow
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ingestion.bitcoin import history
from ingestion.bitcoin.errors import MissingUndo, WrongNetwork
from ingestion.bitcoin.files.folder import Folder
from ingestion.bitcoin.fold import MAX_SATS
from ingestion.bitcoin.networks import COIN, NETWORKS
from ingestion.bitcoin.node import client as rpc
from ingestion.bitcoin.node.client import NodeRefused, NodeUnreachable, PrunedBlock, ReorgDuringRead, Rest, Rpc
from ingestion.bitcoin.rows import BLOCKS_DAILY, COIN_CREATED, COIN_FLOW, Batch
from ingestion.errors import UsageError
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Block, Chain, Coin, Transaction

REGTEST = NETWORKS["regtest"]
START = 1_600_000_000
BLOCKS = 220
USER, PASSWORD = "ann", "pä55wörd:s3cr3t"
RECORDED = Path(__file__).parents[5] / "shared" / "data" / "bitcoin" / "277647.v3.json.gz"
TABLES = {"coin_flow": COIN_FLOW, "coin_created": COIN_CREATED, "blocks_daily": BLOCKS_DAILY}

Reply = tuple[int, bytes]


class Core:
    """A node that follows `chain`, which a test may replace.

    `interrupts` are asked first: each is given what was asked for (an RPC method or a path) and may answer by itself.
    """

    def __init__(self, chain: Chain):
        self.chain = chain
        self.network = "regtest"
        self.has_rest = True
        self.first_kept = 0
        self.cookie = f"{USER}:{PASSWORD}"
        self.interrupts: list[Callable[[str], Reply | None]] = []
        self.asked: list[str] = []
        self.closing = threading.Event()
        core = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.answer(core.interrupted(self.path) or core.rest(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                allowed = "Basic " + base64.b64encode(core.cookie.encode()).decode()
                if self.headers["Authorization"] != allowed:
                    self.answer((401, b""))
                elif isinstance(body, list):
                    interrupted = core.interrupted(f"batch of {body[0]['method']}")
                    self.answer(
                        interrupted or (200, b"[" + b",".join(core.rpc(call)[1] for call in reversed(body)) + b"]")
                    )
                else:
                    self.answer(core.interrupted(f"{body['method']}()") or core.rpc(body))

            def answer(self, reply: Reply) -> None:
                status, content = reply
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(content) + 1000 * (status == HALF)))
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = status == HALF

            def send_response(self, code: int, message: str | None = None) -> None:
                super().send_response(200 if code == HALF else code, message)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def interrupted(self, what: str) -> Reply | None:
        self.asked.append(what)
        return next((reply for interrupt in self.interrupts if (reply := interrupt(what))), None)

    def rpc(self, call: dict) -> Reply:
        blocks, params = self.chain.blocks, call["params"]
        error = None
        result: object = None
        if call["method"] == "getblockchaininfo":
            result = self.info()
        elif call["method"] == "getblockhash":
            if params[0] < len(blocks):
                result = shown(blocks[params[0]].hash)
            else:
                error = {"code": -8, "message": "Block height out of range"}
        elif call["method"] == "getblockheader":
            result = self.find(params[0]).header.hex()
        elif params[1] == 3:
            result = as_core_tells(self.find(params[0]))
        answer = msgspec.json.encode({"result": result, "error": error, "id": call["id"]})
        return (500 if error else 200), answer

    def rest(self, path: str) -> Reply:
        _, _, kind, *rest = path.split("/")
        blocks = self.chain.blocks
        if not self.has_rest:
            return 404, b""
        if kind == "chaininfo.json":
            return 200, msgspec.json.encode(self.info())
        if kind == "blockhashbyheight":
            height = int(rest[0].removesuffix(".json"))
            if height >= len(blocks):
                return 404, b"Block height out of range\r\n"
            return 200, msgspec.json.encode({"blockhash": shown(blocks[height].hash)})
        if kind == "headers":
            block = self.find(rest[1].removesuffix(".bin"))
            following = blocks[block.height :] if block in blocks else []
            return 200, b"".join(each.header for each in following[: int(rest[0])])
        return 200, msgspec.json.encode(as_core_tells(self.find(rest[0].removesuffix(".json"))))

    def info(self) -> dict:
        tip = self.chain.tip
        return {
            "chain": self.network,
            "blocks": tip.height,
            "headers": tip.height + 1,
            "bestblockhash": shown(tip.hash),
            "pruned": self.first_kept > 0,
            **({"pruneheight": self.first_kept} if self.first_kept else {}),
        }

    def find(self, block_hash: str) -> Block:
        return KNOWN[block_hash]


HALF = 299
KNOWN: dict[str, Block] = {}


def shown(block_hash: bytes) -> str:
    return block_hash[::-1].hex()


def amount(sats: int) -> msgspec.Raw:
    """As Core's ValueFromAmount."""
    return msgspec.Raw(b"%d.%08d" % divmod(sats, COIN))


def script(raw: bytes) -> dict:
    return {"asm": "", "desc": "raw()#", "hex": raw.hex(), "type": "nonstandard"}


def as_core_tells(block: Block) -> dict:
    """`getblock` with verbosity 3."""
    spent = [(), *block.spent] if block.height else [()]
    return {
        "hash": shown(block.hash),
        "confirmations": 1,
        "height": block.height,
        "time": block.time,
        "nTx": len(block.transactions),
        **({"previousblockhash": shown(block.parent)} if block.height else {}),
        "tx": [transaction(each, coins) for each, coins in zip(block.transactions, spent, strict=True)],
    }


def transaction(each: Transaction, coins: tuple[Coin, ...]) -> dict:
    inputs = [
        {
            "txid": spend.txid[::-1].hex(),
            "vout": spend.index,
            "scriptSig": {"asm": "", "hex": spend.script.hex()},
            "txinwitness": [item.hex() for item in spend.witness],
            "prevout": {
                "generated": coin.is_coinbase,
                "height": coin.height,
                "value": amount(coin.amount),
                "scriptPubKey": script(coin.script),
            },
            "sequence": 0xFFFFFFFF,
        }
        for spend, coin in zip(each.inputs, coins, strict=False)
    ]
    outputs = [
        {"value": amount(output.amount), "n": n, "scriptPubKey": script(output.script)}
        for n, output in enumerate(each.outputs)
    ]
    return {
        "txid": each.txid[::-1].hex(),
        "vin": inputs or [{"coinbase": each.inputs[0].script.hex(), "sequence": 0xFFFFFFFF}],
        "vout": outputs,
        "hex": each.serialized().hex(),
    }


def know(chain: Chain) -> Chain:
    KNOWN.update({shown(block.hash): block for block in chain.blocks})
    return chain


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, BLOCKS - 1, random.Random(3))
    return know(chain)


@pytest.fixture(scope="module")
def other(chain) -> Chain:
    """A chain that leaves it five blocks below its tip, and is longer by two."""
    other = chain.fork(BLOCKS - 5)
    grow(other, 7, random.Random(4), tag=b"other")
    return know(other)


@pytest.fixture
def core(chain) -> Iterator[Core]:
    core = Core(chain)
    yield core
    core.close()


@pytest.fixture(params=["rpc", "rest"])
def ask(request, core) -> Iterator[Callable[..., rpc.Node]]:
    """Opens the node by either road; `waits` holds the seconds it then slept."""
    opened = []

    def ask(**options) -> rpc.Node:
        options = {"network": REGTEST, "sleep": ask.waits.append, **options}
        if request.param == "rpc":
            options = {"user": USER, "password": PASSWORD, **options}
        opened.append((Rpc if request.param == "rpc" else Rest)(core.url, **options))
        return opened[-1]

    ask.waits = []
    ask.block = "getblock()" if request.param == "rpc" else "/rest/block/"
    ask.headers = "batch of getblockhash" if request.param == "rpc" else "/rest/headers/"
    yield ask
    for node in opened:
        node.close()


def by_rpc(core: Core, **options) -> rpc.Node:
    return Rpc(core.url, REGTEST, **{"user": USER, "password": PASSWORD, "sleep": lambda seconds: None, **options})


def folder(path: Path, chain: Chain) -> Folder:
    write_files(path / "regtest" / "blocks", [chain.blocks])
    return Folder(path, REGTEST)


def joined(batches: list[Batch]) -> dict[tuple[bool, str], pl.DataFrame]:
    return {
        (is_finalized, table): pl.concat(
            getattr(batch, table) for batch in batches if batch.is_finalized == is_finalized
        )
        for is_finalized in {batch.is_finalized for batch in batches}
        for table in TABLES
    }


def assert_same(found: list[Batch], expected: list[Batch]) -> None:
    assert [batch.first_height for batch in found[1:]] == [batch.last_height + 1 for batch in found[:-1]]
    assert (found[0].first_height, found[-1].last_height) == (expected[0].first_height, expected[-1].last_height)
    assert found[-1].last_hash == expected[-1].last_hash
    found, expected = joined(found), joined(expected)
    assert found.keys() == expected.keys()
    for key, rows in expected.items():
        assert_frame_equal(found[key], rows)


def once(where: str, reply: Reply | Callable[[], Reply | None], after: int = 0) -> Callable[[str], Reply | None]:
    """Interrupts one request for `where`, the `after`-th; by several threads at once too."""
    left = [after]
    lock = threading.Lock()

    def interrupt(what: str) -> Reply | None:
        if not what.startswith(where):
            return None
        with lock:
            left[0] -= 1
            if left[0] != -1:
                return None
        return reply() if callable(reply) else reply

    return interrupt


def always(where: str, reply: Reply) -> Callable[[str], Reply | None]:
    return lambda what: reply if what.startswith(where) else None


@pytest.mark.parametrize("after", [None, 57])
@pytest.mark.parametrize("fold_until", [-1, 100, BLOCKS])
def test_a_node_says_what_its_files_say(ask, chain, tmp_path, monkeypatch, after, fold_until):
    monkeypatch.setattr(rpc, "HEADERS_A_REQUEST", 64)
    monkeypatch.setattr(rpc, "BATCH_BLOCKS", 20)
    expected = list(history.read(folder(tmp_path, chain), after, fold_until))
    assert_same(list(rpc.read(ask(), after, fold_until)), expected)


def test_folded_batches_end_with_a_day(core, chain, monkeypatch):
    monkeypatch.setattr(rpc, "BATCH_BLOCKS", 20)
    batches = list(rpc.read(by_rpc(core), None, 150))
    days = [batch.blocks_daily["value_date"] for batch in batches if batch.is_finalized]
    assert len(days) > 3
    assert all(one.max() < later.min() for one, later in pairwise(days))


def test_days_that_are_held_spare_their_headers(core, ask, chain, tmp_path):
    node = folder(tmp_path, chain)
    expected = list(history.read(node, 150, 200))
    blocks = pl.concat(batch.blocks_daily for batch in history.read(node, None, 100) if batch.is_finalized)
    by_block = [batch.blocks_daily for batch in history.read(node, None, 100) if not batch.is_finalized]
    known = pl.concat([blocks, *by_block], how="diagonal")
    running = ask()
    core.asked.clear()
    found = list(rpc.read(running, 150, 200, known, node.block_hash(150)))
    assert_same(found, expected)
    assert "/rest/blockhashbyheight/0.json" not in core.asked
    for part in (pl.col("last_height") > 3, pl.col("last_height") < 149):
        kept = rpc.Chain(running, 150, known.filter(part))
        assert [kept.block_hash(height) for height in (0, BLOCKS)] == [node.block_hash(0), node.block_hash(BLOCKS)]
    spared = rpc.Chain(running, 150, known)
    assert_frame_equal(spared.days(), kept.days())
    assert (spared.height_of(node.block_hash(170)), spared.height_of(node.block_hash(20))) == (170, None)
    with pytest.raises(IndexError):
        spared.block_hash(149)


def test_days_kept_from_a_chain_are_known_the_next_time(core):
    node = by_rpc(core)
    kept = rpc.Chain(node).days()
    for after in range(95, 105):  # ends of days, and heights within one
        chain = rpc.Chain(node, after, kept)
        assert_frame_equal(chain.days(), kept)
        assert chain.height_of(shown(core.chain.blocks[after - 1].hash)) is None


def test_progress_counts_blocks_and_coins(core, chain):
    told = []
    list(rpc.read(by_rpc(core), 199, 210, progress=lambda *each: told.append(each)))
    spends = sum(len(coins) for block in chain.blocks[200:] for coins in block.spent)
    assert [done for done, _, _ in told] == list(range(1, BLOCKS - 198))
    assert told[-1] == (BLOCKS - 199, BLOCKS - 199, spends)


def test_nothing_new_is_no_batch(ask):
    node = ask()
    assert list(rpc.read(node, BLOCKS, BLOCKS)) == []


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


@given(st.integers(0, MAX_SATS))
def test_amounts_are_exact_to_the_satoshi(number):
    decoded = msgspec.json.decode(bytes(amount(number)), type=float)
    assert rpc.sats([decoded]).tolist() == [number]


def test_the_greatest_amounts_are_exact():
    numbers = range(MAX_SATS - 10_000, MAX_SATS + 1)
    decoded = [msgspec.json.decode(bytes(amount(number)), type=float) for number in numbers]
    assert rpc.sats(decoded).tolist() == list(numbers)


@pytest.mark.parametrize(("raw", "is_dead"), [(b"\x6a", True), (b"\x51" * 10_001, True), (b"\x51" * 10_000, False)])
def test_outputs_that_can_never_be_spent(raw, is_dead):
    output = rpc.Output(1e-8, rpc.Script(raw.hex()))
    assert rpc._outputs([rpc.Transaction([], [output])]) == (1, 1, int(is_dead), int(is_dead))


@pytest.mark.skipif(not RECORDED.exists(), reason="no recorded blocks beside the project (../shared)")
def test_block_277647_sums_to_the_satoshi():
    block = rpc.RPC_BLOCK.decode(gzip.decompress(RECORDED.read_bytes())).result
    coins = [each.prevout.value for transaction in block.transactions[1:] for each in transaction.vin]
    outputs = [output.value for transaction in block.transactions for output in transaction.vout]
    assert len(coins) == 732
    assert rpc.sats(coins).sum() == 175_466_312_176
    assert rpc.sats(outputs).sum() == 177_966_312_176 == 175_466_312_176 + NETWORKS["main"].subsidy(block.height)


# What a node does while it is read.


@pytest.mark.parametrize("fold_until", [205, BLOCKS - 23])
@pytest.mark.parametrize("at", ["block", "headers"])
def test_a_reorganisation_while_reading(ask, core, chain, other, tmp_path, monkeypatch, at, fold_until):
    monkeypatch.setattr(rpc, "HEADERS_A_REQUEST", BLOCKS - 2)
    monkeypatch.setattr(rpc, "BATCH_BLOCKS", 20)
    expected = list(history.read(folder(tmp_path, other), None, fold_until))
    node = ask(in_flight=1 if at == "headers" else 2)

    def move() -> None:
        core.chain = other

    where, after = (ask.block, 218) if at == "block" else (ask.headers, 1)
    core.interrupts = [once(where, move, after)]
    assert_same(list(rpc.read(node, None, fold_until)), expected)
    assert core.chain is other


def test_blocks_below_a_fork_are_read_once(ask, core, other):
    def move() -> None:
        core.chain = other

    node = ask(in_flight=1)
    core.interrupts = [once(ask.block, move, 15)]
    list(rpc.read(node, 204, 204))
    assert sum(what.startswith(ask.block) for what in core.asked) == 16 + 7


def test_a_reorganisation_below_what_was_given_out(ask, core, other):
    batches = rpc.read(ask(), BLOCKS - 3, BLOCKS - 2)
    assert next(batches).last_height == BLOCKS - 2
    core.chain = other
    with pytest.raises(ReorgDuringRead, match=rf"is not on the chain that is held at height {BLOCKS - 2}"):
        next(batches)


def test_a_block_held_that_the_node_has_left(ask, core, chain, other):
    node = ask()
    known = rpc.Chain(node).days()
    core.chain = other
    for days in (known, None):
        with pytest.raises(ReorgDuringRead, match=f"at height {BLOCKS}"):
            next(rpc.read(node, BLOCKS, BLOCKS, days, shown(chain.tip.hash)))


def test_a_node_behind_what_is_held(ask, core, chain):
    node = ask()
    known = rpc.Chain(node).days()
    core.chain = know(chain.fork(100))
    for days in (known, None):
        with pytest.raises(ReorgDuringRead, match=f"at height {BLOCKS}, or no longer: let it catch up"):
            next(rpc.read(node, BLOCKS, BLOCKS, days))


def test_a_chain_that_changes_all_the_time(ask, core, chain, other):
    node = ask(in_flight=1)

    def move(what: str) -> None:
        if what.startswith(ask.block):
            core.chain = other if core.chain is chain else chain

    core.interrupts = [move]
    # Five blocks of one chain, or seven of the other: after an odd number of moves it is the other one.
    with pytest.raises(ReorgDuringRead, match="changed 5 times"):
        next(rpc.read(node, BLOCKS - 5, 0))
    assert sum(what.startswith(ask.block) for what in core.asked) == 5 + 7 + 5 + 7 + 5


def test_headers_that_never_link_up(ask, core, chain, monkeypatch):
    monkeypatch.setattr(rpc, "HEADERS_A_REQUEST", 100)
    node = ask()
    core.interrupts = [always(ask.headers, (200, b"" if ask.headers.startswith("/rest") else b"[]"))]
    if ask.headers.startswith("/rest"):
        with pytest.raises(ReorgDuringRead, match="changed 5 times"):
            rpc.Chain(node)
    else:
        with pytest.raises(NodeRefused, match="left calls of a batch unanswered"):
            rpc.Chain(node)


# What a node refuses, and what goes wrong on the way.


def test_wrong_network(ask, core):
    with pytest.raises(WrongNetwork, match=r"is a node of regtest .*, not of main"):
        ask(network=NETWORKS["main"])
    core.network = "main"
    for network in (REGTEST, NETWORKS["main"]):
        with pytest.raises(WrongNetwork, match=rf"is a node of main .*, not of {network.name}"):
            ask(network=network)


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
    told = [repr(caught.value), repr(node), repr(node.__dict__), repr(node._http.__dict__), caplog.text]
    assert not any(secret in text for secret in ("s3cr3t", USER, PASSWORD) for text in told)
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
    with pytest.raises(NodeRefused, match="is not the cookie of a node") as caught:
        node.tip()
    assert "s3cr3t" not in str(caught.value)


def error(code: int, message: str) -> Reply:
    return 500, msgspec.json.encode({"result": None, "error": {"code": code, "message": message}, "id": 0})


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


def test_the_wait_for_a_node_that_starts_ends(ask, core):
    reply = (503, b"Service temporarily unavailable: Loading") if ask.block[0] == "/" else error(-28, "Loading")
    core.interrupts = [always("", reply)]
    with pytest.raises(
        NodeUnreachable, match=r"was not ready within 120 s .*Loading.*: come back when it has started\."
    ):
        ask()
    assert 60 < sum(ask.waits) <= 120


@pytest.mark.parametrize("reply", [(HALF, b'{"result":{"chain"'), (200, b'{"result":{"chain"')])
def test_half_a_body_is_asked_for_again(core, reply):
    core.interrupts = [once("getblockchaininfo", reply)]
    assert by_rpc(core).tip()[0] == BLOCKS
    core.interrupts = [always("getblockchaininfo", reply)]
    with pytest.raises(NodeUnreachable, match=r"broke off its answer|cannot be read to its end"):
        by_rpc(core)


def test_half_a_block_is_asked_for_again(ask, core, chain, tmp_path):
    node = ask()
    core.interrupts = [once(ask.block, (HALF, b'{"hash":"00'), 3), once(ask.headers, (HALF, b"00"))]
    assert_same(list(rpc.read(node, None, 200)), list(history.read(folder(tmp_path, chain), None, 200)))
    assert ask.waits == [1, 1]


def test_a_silent_node(core):
    def silent() -> Reply:
        core.closing.wait(5)
        return 500, b""

    core.interrupts = [once("getblockchaininfo", silent)]
    assert by_rpc(core, timeout_seconds=0.2).tip()[0] == BLOCKS
    core.interrupts = [lambda what: silent()]
    with pytest.raises(NodeUnreachable, match=r"did not answer within 0\.1 s"):
        by_rpc(core, timeout_seconds=0.1)


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


def test_a_node_without_rest(core):
    core.has_rest = False
    with pytest.raises(NodeRefused, match="serves no REST: start the node with -rest"):
        Rest(core.url, REGTEST)


PRUNED = "Block not available (pruned data)"
NO_UNDO = (
    "Undo data expected but can't be read. This could be due to disk corruption or a conflict with a pruning event."
)
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
        next(rpc.read(node, 199, 300))
    assert ask.waits == []


def tampered(core: Core, ask, change: Callable[[dict], None]) -> int:
    """The newest block of the chain that spends coins, told in another way."""
    block = next(block for block in reversed(core.chain.blocks) if block.spent)
    told = msgspec.json.decode(msgspec.json.encode(as_core_tells(block)))
    change(told)
    told = told if ask.block[0] == "/" else {"result": told, "error": None, "id": 0}
    core.interrupts = [always(ask.block, (200, msgspec.json.encode(told)))]
    return block.height


def first_input(told: dict) -> dict:
    return told["tx"][1]["vin"][0]


CHANGES = [
    (lambda told: first_input(told).pop("prevout"), MissingUndo, "cannot tell which coins"),
    (lambda told: told.update(hash="00"), NodeRefused, "gave another block than"),
    (lambda told: told.update(height=1), NodeRefused, "gave another block than"),
    (lambda told: first_input(told)["prevout"].update(height=told["height"] + 1), NodeRefused, "no chain can have"),
    (lambda told: first_input(told)["prevout"].update(height=0), NodeRefused, "no chain can have"),
    (lambda told: first_input(told)["prevout"].update(value=-1e-8), NodeRefused, "no chain can have"),
    (lambda told: first_input(told)["prevout"].update(value=21_000_000.00000001), NodeRefused, "no chain can have"),
]


@pytest.mark.parametrize(("change", "kind", "words"), CHANGES)
def test_blocks_that_cannot_be(ask, core, change, kind, words):
    node = ask()
    height = tampered(core, ask, change)
    with pytest.raises(kind, match=words) as caught:
        next(rpc.read(node, height - 1, height))
    assert f"height {height}" in str(caught.value)


def test_a_batch_with_an_error(core):
    node = by_rpc(core)
    failed = b'[{"result":null,"error":{"code":-28,"message":"Loading"},"id":0}]'
    core.interrupts = [once("batch of getblockheader", (200, failed))]
    assert rpc.Chain(node).tip_height == BLOCKS
    core.interrupts = [always("batch of getblockheader", (200, failed.replace(b"-28", b"-1")))]
    with pytest.raises(NodeRefused, match=r"'Loading' to getblockheader \(error -1\)"):
        rpc.Chain(node)
