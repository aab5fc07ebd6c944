"""A server on this machine that answers as Bitcoin Core does, and the requests and replies that several tests share."""

import base64
import threading
from collections.abc import Callable

import msgspec
from loopback import HttpServer, JsonHandler

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


class Core(HttpServer):
    """A node that follows `chain`, which a test may replace.

    `interrupts` come first: each gets the RPC method or path of a request, and may return a reply of its own.
    """

    def __init__(self, chain: Chain, port: int = 0):
        self.chain = chain
        self.network = "regtest"
        self.has_rest = True
        self.first_kept = 0
        self.cookie = f"{USER}:{PASSWORD}"
        self.interrupts: list[Callable[[str], Reply | None]] = []
        self.asked: list[str] = []
        self.closing = threading.Event()
        core = self

        class Handler(JsonHandler):
            def do_GET(self) -> None:
                self.answer(core.interrupted(self.path) or core.rest(self.path))

            def do_POST(self) -> None:
                body = self.read_json()
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
                headers = {"Location": "/elsewhere"} if status == 302 else {}
                if status == HALF:
                    headers["Content-Length"] = str(len(content) + 1000)
                self.reply(status, content, headers)

            def send_response(self, code: int, message: str | None = None) -> None:
                super().send_response(200 if code == HALF else code, message)

        super().__init__(Handler, port)
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.closing.set()
        super().close()

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
            result = as_core_returns(self.find(params[0]))
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
        return 200, msgspec.json.encode(as_core_returns(self.find(rest[0].removesuffix(".json"))))

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


def as_core_returns(block: Block) -> dict:
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
