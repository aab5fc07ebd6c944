"""A server on this machine that answers as Bitcoin Core does, and what the tests of several folders ask of it."""

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from ingestion.bitcoin.networks import COIN, NETWORKS
from ingestion.bitcoin.node.client import Node, Rpc
from ingestion.sample.regtest import Block, Chain, Coin, Transaction

REGTEST = NETWORKS["regtest"]
# height of the tip of the chain that most tests read
BLOCKS = 220
USER, PASSWORD = "ann", "pä55wörd:s3cr3t"
PRUNED = "Block not available (pruned data)"
NO_UNDO = (
    "Undo data expected but can't be read. This could be due to disk corruption or a conflict with a pruning event."
)

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
    """The chain, whose blocks every node then finds by their hashes."""
    KNOWN.update({shown(block.hash): block for block in chain.blocks})
    return chain


def by_rpc(core: Core, **options) -> Node:
    return Rpc(core.url, REGTEST, **{"user": USER, "password": PASSWORD, "sleep": lambda seconds: None, **options})


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


def error(code: int, message: str) -> Reply:
    return 500, msgspec.json.encode({"result": None, "error": {"code": code, "message": message}, "id": 0})
