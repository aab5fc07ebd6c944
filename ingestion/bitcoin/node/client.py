"""A running node.

    Rpc    JSON-RPC, with the cookie the node writes at its start or a user and password
    Rest   the same without credentials, from a node started with -rest

A block costs the node about 0.5 s: use it to follow the chain day by day. For history, `history` reads the files.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import chain as chained
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from ingestion.bitcoin.decode import HEADER_BYTES, MAX_SATS
from ingestion.bitcoin.errors import MissingUndo, WrongNetwork
from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.networks import COIN, Network
from ingestion.bitcoin.node import messages
from ingestion.bitcoin.node.connection import BOUNDS, Connection, Login, excerpt, read_cookie
from ingestion.bitcoin.node.errors import PrunedBlock
from ingestion.bitcoin.node.messages import Block, Header, Info, NodeState, RpcAnswer, RpcError
from ingestion.threads import in_order
from ingestion.transport import redaction
from ingestion.transport.errors import NodeRefused
from ingestion.transport.retry import Failure
from ingestion.transport.session import Bounds, Response

# The most that /rest/headers returns at once.
HEADERS_A_REQUEST = 2_000

WARMING_UP, OUT_OF_RANGE = -28, -8
Result = TypeVar("Result")


class Node(ABC):
    """A running node on one network; `Rpc` or `Rest`. May be used from several threads."""

    transport: ClassVar[Literal["rpc", "rest"]]

    def __init__(
        self,
        url: str,
        network: Network,
        login: Login | None,
        in_flight: int,
        bounds: Bounds,
        sleep: Callable[[float], None],
    ):
        self.network = network
        self.in_flight = in_flight
        self._connection = Connection(url, login, in_flight, bounds, sleep)
        info = self._info()
        if info.chain != network.name or self.hash_at(0) != network.genesis:
            raise WrongNetwork(
                f"{self.shown} is a node of {info.chain} (seen at height 0), not of {network.name}: give the"
                f" address of a {network.name} node, or pass --network {info.chain}."
            )

    @property
    def shown(self) -> str:
        """Its address as messages show it, without what may be secret."""
        return self._connection.shown

    def close(self) -> None:
        """Close its connections."""
        self._connection.close()

    def tip(self) -> tuple[int, str]:
        """Height and hash of the last block of the node's chain."""
        info = self._info()
        return info.blocks, info.bestblockhash

    def state(self) -> NodeState:
        """How far the node has synchronised, and which blocks it keeps."""
        info = self._info()
        return NodeState(info.blocks, info.headers, info.pruneheight)

    @abstractmethod
    def hash_at(self, height: int) -> str | None:
        """Hash of the block at `height`, as displayed; None above the tip."""

    def headers(self, first: int, last: int) -> Iterator[Header]:
        """Headers of the blocks from `first` to `last`, several requests in flight.

        Where the chain changes meanwhile, they may not link or some may be missing.
        """
        starts = range(first, last + 1, HEADERS_A_REQUEST)
        pieces = in_order(
            lambda start: self._headers(start, min(HEADERS_A_REQUEST, last + 1 - start)), starts, self.in_flight
        )
        for raw in chained.from_iterable(pieces):
            yield Header(sha256d(raw)[::-1].hex(), raw[4:36][::-1].hex(), int.from_bytes(raw[68:72], "little"))

    def block(self, height: int, block_hash: str) -> Block:
        """The block of that hash with the coins it spent; `height` is for messages.

        Raises:
            PrunedBlock: the node has deleted it.
            MissingUndo: the node cannot say which coins it spent.
            NodeRefused: it returned something else.
        """
        block = self._block(height, block_hash)
        if (block.hash, block.height) != (block_hash, height):
            raise NodeRefused(
                f"{self.shown} returned another block than {block_hash} at height {height}: restart the node."
            )
        coins = block.spent_coins()
        if len(coins) < sum(len(transaction.vin) for transaction in block.transactions[1:]):
            raise _no_undo(self.shown, height).exception()
        if any(not (1 <= coin.height <= height and 0 <= coin.value <= MAX_SATS / COIN) for coin in coins):
            raise NodeRefused(
                f"{self.shown} returned a block at height {height} that spends a coin no chain can have: restart the"
                " node with -reindex, or a pruned one, which that would have begin anew, from a snapshot."
            )
        return block

    @abstractmethod
    def _info(self) -> Info:
        """The node's `getblockchaininfo`."""

    @abstractmethod
    def _headers(self, start: int, count: int) -> list[bytes]:
        """Headers of the blocks from `start` on, 80 bytes each."""

    @abstractmethod
    def _block(self, height: int, block_hash: str) -> Block:
        """The block, as the node gives it."""


class Rpc(Node):
    """A node's JSON-RPC."""

    transport = "rpc"

    def __init__(
        self,
        url: str,
        network: Network,
        cookie: Path | None = None,
        user: str = "",
        password: str = "",
        in_flight: int = 4,
        bounds: Bounds = BOUNDS,
        sleep: Callable[[float], None] = time.sleep,
    ):
        """Ask the node which chain it follows.

        Args:
            url: address of its RPC, without user and password.
            network: the network expected there.
            cookie: the .cookie file in the data folder of its network; read again for each request, since a node
                writes a new one when it restarts.
            user, password: where there is no cookie.
            in_flight: concurrent requests; bitcoind serves 4 (-rpcthreads; 16 since Bitcoin Core 29).
            bounds: of each answer.
            sleep: waits between attempts.

        Raises:
            UsageError, NodeUnreachable, NodeRefused, WrongNetwork: see each.
        """
        login = (lambda: read_cookie(cookie)) if cookie else (lambda: (user.encode(), password.encode()))
        super().__init__(url, network, login, in_flight, bounds, sleep)

    def hash_at(self, height: int) -> str | None:
        return self._call(messages.RPC_HASH, "getblockhash", height)

    def _info(self) -> Info:
        return self._result(messages.RPC_INFO, "getblockchaininfo")

    def _headers(self, start: int, count: int) -> list[bytes]:
        hashes = self._batch("getblockhash", ([height] for height in range(start, start + count)))
        headers = self._batch("getblockheader", ([block_hash, False] for block_hash in hashes if block_hash))
        return [bytes.fromhex(header) for header in headers if header]

    def _block(self, height: int, block_hash: str) -> Block:
        return self._result(messages.RPC_BLOCK, "getblock", block_hash, 3, height=height)

    def _call(
        self, decoder: msgspec.json.Decoder[RpcAnswer[Result]], method: str, *params: Any, height: int = 0
    ) -> Result | None:
        """The result of a call; None for a height above the tip."""

        def read(answer: Response) -> Result | Failure | None:
            decoded = self._connection.decoded(answer, decoder)
            if isinstance(decoded, Failure):
                return decoded
            if decoded.error is None or decoded.error.code == OUT_OF_RANGE:
                return decoded.result
            return self._failure(decoded.error, method, height)

        body = msgspec.json.encode({"jsonrpc": "1.0", "id": 0, "method": method, "params": params})
        return self._connection.ask("", body, read)

    def _result(
        self, decoder: msgspec.json.Decoder[RpcAnswer[Result]], method: str, *params: Any, height: int = 0
    ) -> Result:
        """The result of a call that always has one."""
        result = self._call(decoder, method, *params, height=height)
        if result is None:
            raise NodeRefused(
                f"{self.shown} returned no result for {method}: check the address and the node's version."
            )
        return result

    def _batch(self, method: str, params: Iterable[list]) -> list[str | None]:
        """Results in the order of `params`, None for a height above the tip."""
        calls = [{"jsonrpc": "1.0", "id": n, "method": method, "params": each} for n, each in enumerate(params)]

        def read(answer: Response) -> list[str | None] | Failure:
            decoded = self._connection.decoded(answer, messages.RPC_BATCH)
            return decoded if isinstance(decoded, Failure) else self._results(decoded, method, len(calls))

        return self._connection.ask("", msgspec.json.encode(calls), read)

    def _results(self, answers: list[RpcAnswer[str]], method: str, count: int) -> list[str | None] | Failure:
        for answer in answers:
            if answer.error is not None and answer.error.code != OUT_OF_RANGE:
                return self._failure(answer.error, method, 0)
        by_id = {answer.id: answer.result for answer in answers}
        if by_id.keys() != set(range(count)):
            return Failure(NodeRefused, f"{self.shown} did not answer all calls of a batch", "restart the node")
        return [by_id[n] for n in range(count)]

    def _failure(self, error: RpcError, method: str, height: int) -> Failure:
        if error.code == WARMING_UP:
            return self._connection.busy(redaction.on_one_line(error.message))
        message = redaction.on_one_line(error.message)
        limited = self._connection.limited(error.code, message)
        return limited or _refusal(self.shown, message, f"{method} (error {error.code})", height)


class Rest(Node):
    """A node's unauthenticated REST interface."""

    transport = "rest"

    def __init__(
        self,
        url: str,
        network: Network,
        in_flight: int = 4,
        bounds: Bounds = BOUNDS,
        sleep: Callable[[float], None] = time.sleep,
    ):
        """Ask the node which chain it follows; arguments and errors as `Rpc`'s."""
        super().__init__(url, network, None, in_flight, bounds, sleep)

    def hash_at(self, height: int) -> str | None:
        hashed = self._get(f"/rest/blockhashbyheight/{height}.json", messages.REST_HASH)
        return hashed.blockhash if hashed else None

    def _info(self) -> Info:
        info = self._get("/rest/chaininfo.json", messages.REST_INFO)
        if info is None:
            raise NodeRefused(f"{self.shown} serves no REST: start the node with -rest, or use its RPC.")
        return info

    def _headers(self, start: int, count: int) -> list[bytes]:
        first = self.hash_at(start)
        path = f"/rest/headers/{count}/{first}.bin"
        raw = first and self._connection.ask(path, None, lambda answer: self._found(answer, 0))
        raw = raw or b""
        return [raw[at : at + HEADER_BYTES] for at in range(0, len(raw), HEADER_BYTES)]

    def _block(self, height: int, block_hash: str) -> Block:
        block = self._get(f"/rest/block/{block_hash}.json", messages.REST_BLOCK, height)
        if block is None:
            raise NodeRefused(f"{self.shown} has no block {block_hash} at height {height}: let the node catch up.")
        return block

    def _get(self, path: str, decoder: msgspec.json.Decoder[Result], height: int = 0) -> Result | None:
        """The decoded answer; None where the node answers 404."""

        def read(answer: Response) -> Result | Failure | None:
            found = self._found(answer, height)
            return self._connection.decoded(answer, decoder) if isinstance(found, bytes) else found

        return self._connection.ask(path, None, read)

    def _found(self, answer: Response, height: int) -> bytes | Failure | None:
        if answer.status == 200:
            return answer.content
        if answer.status == 404 and "pruned" not in excerpt(answer):
            return None
        return _refusal(self.shown, excerpt(answer), f"a GET ({answer.status})", height)


def _refusal(shown: str, message: str, request: str, height: int) -> Failure:
    """The failure that an error message means; for the texts see `GetBlockChecked` in Core's rpc/blockchain.cpp."""
    if "pruned" in message:
        reason = f"{shown} has pruned the block at height {height}"
        return Failure(PrunedBlock, reason, "use a node that keeps it, or start from a UTXO snapshot")
    if message.startswith("Undo data"):
        return _no_undo(shown, height)
    return Failure(NodeRefused, f"{shown} answers '{message}' to {request}", "check the node's log")


def _no_undo(shown: str, height: int) -> Failure:
    reason = f"{shown} cannot say which coins the block at height {height} spent"
    return Failure(MissingUndo, reason, "use a node of Bitcoin Core 23 or later that keeps its undo data")
