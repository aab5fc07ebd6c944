"""A running node, asked over HTTP: its headers, and the newest blocks with the coins they spent.

    Rpc    JSON-RPC, with the cookie the node writes at its start or a user and password
    Rest   the same without credentials, from a node started with -rest

The day of a block is that of the greatest header time up to it, so a spent coin's height needs the headers of all
blocks before; a caller that kept the days of the heights it holds is spared them. A block costs the node about 0.5 s:
this is the way to follow the chain day by day, not to its history, which `history` reads from the files.
"""

import time
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain as chained
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
import numpy as np
import polars as pl
import requests
from requests.adapters import HTTPAdapter

from ingestion.bitcoin.batches import CELLS, TOTALS, batch_of_blocks
from ingestion.bitcoin.chain_view import SECONDS_A_DAY
from ingestion.bitcoin.errors import MissingUndo, WrongNetwork
from ingestion.bitcoin.fold import COINBASE, HEADER_BYTES, MAX_SATS, MAX_SCRIPT_BYTES, TRANSFER
from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.networks import COIN, Network
from ingestion.bitcoin.rows import Batch
from ingestion.errors import IngestionError, UsageError
from ingestion.threads import in_order

# The most that /rest/headers gives at once.
HEADERS_A_REQUEST = 2_000
# A day of blocks, about a minute of the node's time, is given out to be stored.
BATCH_BLOCKS = 144
# Seconds to wait, in sum, for a node that is starting or busy, and for one that broke off or went silent.
BUSY_SECONDS, BROKEN_SECONDS = 120, 3
LONGEST_WAIT_SECONDS = 15
REORGANISATIONS = 5

WARMING_UP, OUT_OF_RANGE = -28, -8
Result = TypeVar("Result")


class NodeUnreachable(IngestionError):
    """The node did not answer, was busy for too long, or broke off."""


class NodeRefused(IngestionError):
    """The node answered, but not with what was asked for."""


class PrunedBlock(IngestionError):
    """The node has deleted a block that is needed."""


class ReorgDuringRead(IngestionError):
    """The node left the chain that is held, or changed it faster than it could be read."""


class Header(NamedTuple):
    """What is needed of a block header; hashes as displayed, time in seconds since 1970."""

    block_hash: str
    parent: str
    time: int


class State(NamedTuple):
    """How far a node is: heights of its last block, of its last header, and of the first block it keeps (0 for all)."""

    height: int
    headers: int
    first_kept: int


class Script(msgspec.Struct, gc=False):
    """A script in hexadecimal digits."""

    hex: str


class Output(msgspec.Struct, gc=False, rename={"script": "scriptPubKey"}):
    """An output; `value` in coins, see `sats`."""

    value: float
    script: Script


class Coin(msgspec.Struct, gc=False):
    """The coin an input spends: whether a coinbase made it, in the block at which height, and its value in coins."""

    generated: bool
    height: int
    value: float


class Input(msgspec.Struct, gc=False):
    """An input; None for a coinbase's, and where the node has no undo data."""

    prevout: Coin | None = None


class Transaction(msgspec.Struct, gc=False):
    """A transaction."""

    vin: list[Input]
    vout: list[Output]


class Block(msgspec.Struct, gc=False):
    """A block as `getblock` with verbosity 3 and /rest/block give it, everything else left undecoded."""

    hash: str
    height: int
    transactions: list[Transaction] = msgspec.field(name="tx")


def sats(values: list[float]) -> np.ndarray:
    """Satoshi (int64) of values in coins, exactly.

    A number of n satoshi, read from its decimal text and multiplied by 10**8, is off by at most n / 2**52: 0.47 at 21
    million coins, so rounding finds n. `Decimal` costs half as much again as the rest of the decoding.
    """
    return np.rint(np.array(values, dtype=np.float64) * COIN).astype(np.int64)


class Node(ABC):
    """A running node on one network; `Rpc` or `Rest`. May be used from several threads."""

    road: str

    def __init__(
        self,
        url: str,
        network: Network,
        login: Callable[[], tuple[bytes, bytes]] | None,
        in_flight: int,
        timeout_seconds: float,
        sleep: Callable[[float], None],
    ):
        self.network = network
        self.in_flight = in_flight
        self._http = _Http(url, login, in_flight, timeout_seconds, sleep)
        info = self._info()
        if info.chain != network.name or self.hash_at(0) != network.genesis:
            raise WrongNetwork(
                f"{self.shown} is a node of {info.chain} (seen at height 0), not of {network.name}: name the"
                f" address of a {network.name} node, or ask for its network."
            )

    @property
    def shown(self) -> str:
        """Its address as messages show it, without what may be secret."""
        return self._http.shown

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def tip(self) -> tuple[int, str]:
        """Height and hash of the last block of the node's chain."""
        info = self._info()
        return info.blocks, info.bestblockhash

    def state(self) -> State:
        """How far the node is, and what it keeps."""
        info = self._info()
        return State(info.blocks, info.headers, info.pruneheight)

    @abstractmethod
    def hash_at(self, height: int) -> str | None:
        """Hash of the block at `height`, as displayed; None above the tip."""

    def headers(self, first: int, last: int) -> Iterator[Header]:
        """Headers of the blocks from `first` to `last`, several requests in flight.

        They may not link up, or some may be missing, where the chain changed meanwhile.
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
            MissingUndo: the node cannot tell which coins it spent.
            NodeRefused: what came is not that block.
        """
        block = self._block(height, block_hash)
        if (block.hash, block.height) != (block_hash, height):
            raise NodeRefused(
                f"{self.shown} gave another block than {block_hash} at height {height}: restart the node."
            )
        coins = [each.prevout for transaction in block.transactions[1:] for each in transaction.vin]
        if None in coins:
            raise _no_undo(self.shown, height).exception()
        if any(not (1 <= coin.height <= height and 0 <= coin.value <= MAX_SATS / COIN) for coin in coins):
            raise NodeRefused(
                f"{self.shown} gave a block at height {height} that spends a coin no chain can have: restart the node"
                " with -reindex."
            )
        return block

    @abstractmethod
    def _info(self) -> "_Info":
        """What the node says of its chain."""

    @abstractmethod
    def _headers(self, start: int, count: int) -> list[bytes]:
        """Headers of the blocks from `start` on, 80 bytes each."""

    @abstractmethod
    def _block(self, height: int, block_hash: str) -> Block:
        """The block, as the node tells it."""


class Rpc(Node):
    """A node's JSON-RPC."""

    road = "rpc"

    def __init__(
        self,
        url: str,
        network: Network,
        cookie: Path | None = None,
        user: str = "",
        password: str = "",
        in_flight: int = 4,
        timeout_seconds: float = 60,
        sleep: Callable[[float], None] = time.sleep,
    ):
        """Ask the node which chain it follows.

        Args:
            url: address of its RPC, without user and password.
            network: the network expected there.
            cookie: the .cookie file in the data folder of its network; read anew for each request, since a node that
                restarts writes another.
            user, password: where there is no cookie.
            in_flight: requests under way at once; bitcoind serves 4 (-rpcthreads; 16 since Bitcoin Core 29).
            timeout_seconds: without a byte from the node.
            sleep: waits between attempts.

        Raises:
            UsageError, NodeUnreachable, NodeRefused, WrongNetwork: see each.
        """
        login = (lambda: _cookie(cookie)) if cookie else (lambda: (user.encode(), password.encode()))
        super().__init__(url, network, login, in_flight, timeout_seconds, sleep)

    def hash_at(self, height: int) -> str | None:
        return self._call(_HASH, "getblockhash", height)

    def _info(self) -> "_Info":
        return self._call(_INFO, "getblockchaininfo")

    def _headers(self, start: int, count: int) -> list[bytes]:
        hashes = self._batch("getblockhash", ([height] for height in range(start, start + count)))
        headers = self._batch("getblockheader", ([block_hash, False] for block_hash in hashes if block_hash))
        return [bytes.fromhex(header) for header in headers if header]

    def _block(self, height: int, block_hash: str) -> Block:
        return self._call(RPC_BLOCK, "getblock", block_hash, 3, height=height)

    def _call(self, decoder: msgspec.json.Decoder, method: str, *params: Any, height: int = 0) -> Any:
        body = msgspec.json.encode({"jsonrpc": "1.0", "id": 0, "method": method, "params": params})
        return self._http.ask("", body, lambda reply: self._result(reply, decoder, method, height))

    def _batch(self, method: str, params: Iterable[list]) -> list[str | None]:
        """Results in the order of `params`, None for a height above the tip."""
        calls = [{"jsonrpc": "1.0", "id": n, "method": method, "params": each} for n, each in enumerate(params)]
        return self._http.ask("", msgspec.json.encode(calls), lambda reply: self._results(reply, method, len(calls)))

    def _result(self, reply: "_Reply", decoder: msgspec.json.Decoder, method: str, height: int) -> Any:
        answer = self._http.decoded(reply, decoder)
        if isinstance(answer, _Failure) or answer.error is None or answer.error.code == OUT_OF_RANGE:
            return answer if isinstance(answer, _Failure) else answer.result
        return self._failure(answer.error, method, height)

    def _results(self, reply: "_Reply", method: str, count: int) -> "list[str | None] | _Failure":
        answers = self._http.decoded(reply, _BATCH)
        if isinstance(answers, _Failure):
            return answers
        for answer in answers:
            if answer.error is not None and answer.error.code != OUT_OF_RANGE:
                return self._failure(answer.error, method, 0)
        by_id = {answer.id: answer.result for answer in answers}
        if by_id.keys() != set(range(count)):
            return _Failure(NodeRefused, f"{self.shown} left calls of a batch unanswered", "restart the node")
        return [by_id[n] for n in range(count)]

    def _failure(self, error: "_Error", method: str, height: int) -> "_Failure":
        if error.code == WARMING_UP:
            return self._http.busy(error.message)
        return _refusal(self.shown, error.message, f"{method} (error {error.code})", height)


class Rest(Node):
    """A node's unauthenticated REST interface."""

    road = "rest"

    def __init__(
        self,
        url: str,
        network: Network,
        in_flight: int = 4,
        timeout_seconds: float = 60,
        sleep: Callable[[float], None] = time.sleep,
    ):
        """Ask the node which chain it follows; arguments and errors as `Rpc`'s."""
        super().__init__(url, network, None, in_flight, timeout_seconds, sleep)

    def hash_at(self, height: int) -> str | None:
        hashed = self._get(f"/rest/blockhashbyheight/{height}.json", _REST_HASH)
        return hashed.blockhash if hashed else None

    def _info(self) -> "_Info":
        info = self._get("/rest/chaininfo.json", _REST_INFO)
        if info is None:
            raise NodeRefused(f"{self.shown} serves no REST: start the node with -rest, or use its RPC.")
        return info

    def _headers(self, start: int, count: int) -> list[bytes]:
        first = self.hash_at(start)
        raw = first and self._http.ask(f"/rest/headers/{count}/{first}.bin", None, lambda reply: self._found(reply, 0))
        raw = raw or b""
        return [raw[at : at + HEADER_BYTES] for at in range(0, len(raw), HEADER_BYTES)]

    def _block(self, height: int, block_hash: str) -> Block:
        block = self._get(f"/rest/block/{block_hash}.json", _REST_BLOCK, height)
        if block is None:
            raise NodeRefused(f"{self.shown} has no block {block_hash} at height {height}: let the node catch up.")
        return block

    def _get(self, path: str, decoder: msgspec.json.Decoder, height: int = 0) -> Any:
        """The decoded answer, None where there is no such thing."""

        def judge(reply: _Reply) -> Any:
            found = self._found(reply, height)
            return self._http.decoded(reply, decoder) if isinstance(found, bytes) else found

        return self._http.ask(path, None, judge)

    def _found(self, reply: "_Reply", height: int) -> "bytes | _Failure | None":
        words = reply.content[:200].decode(errors="replace").strip()
        if reply.status == 200:
            return reply.content
        if reply.status == 404 and "pruned" not in words:
            return None
        return _refusal(self.shown, words, f"a GET ({reply.status})", height)


class Chain:
    """The node's chain at one moment, as far as it is needed: days of all heights, hashes of some.

    Attributes:
        network: the network.
        tip_height: height of the last block.
        day_of_height: int32 by height, days since `first_day`: the UTC day of the greatest header time up to there.
        first_day: genesis' UTC day, in days since 1970.
    """

    def __init__(
        self, node: Node, after: int | None = None, known: pl.DataFrame | None = None, after_hash: str | None = None
    ):
        """Ask for the headers above `after`, or for all where `known` does not cover the heights up to there.

        Args:
            node: the node.
            after: height of the last block held; None where none is.
            known: value_date, first_height, last_height of the blocks held, a day in one row or several: the rows of
                blocks_daily from genesis on, or what `days` gave before.
            after_hash: hash of the block at `after`, to be sure that it is still the node's.

        Raises:
            ReorgDuringRead: the block at `after` is not on the node's chain, or the chain changes all the time.
        """
        self._node = node
        self.network = node.network
        days = _days_known(known, after)
        self._days = np.empty(0, dtype=np.int64) if days is None else days
        self._from = len(self._days) - 1 if days is not None else 0
        self._hashes: list[str] = []
        if days is not None:
            self._hashes.append(after_hash or node.hash_at(after) or "")
        self.follow()
        if after is not None and (after > self.tip_height or after_hash not in (None, self.block_hash(after))):
            raise ReorgDuringRead(_left(node, after))

    @property
    def tip_height(self) -> int:
        return len(self._days) - 1

    @property
    def first_day(self) -> int:
        return int(self._days[0])

    @property
    def day_of_height(self) -> np.ndarray:
        return (self._days - self._days[0]).astype(np.int32)

    def block_hash(self, height: int) -> str:
        """Hash of the block at `height`, as displayed.

        Raises:
            IndexError: above the tip, or below the last block held.
        """
        if height < self._from:
            raise IndexError(height)
        return self._hashes[height - self._from]

    def height_of(self, block_hash: str) -> int | None:
        """Height of the block of that hash; None where it is not on the chain or below the last block held."""
        return self._from + self._hashes.index(block_hash) if block_hash in self._hashes else None

    def days(self) -> pl.DataFrame:
        """value_date, first_height, last_height of each day with a block, to be kept as `known` of the next time."""
        days, first, count = np.unique(self._days, return_index=True, return_counts=True)
        return pl.DataFrame(
            {
                "value_date": pl.Series(days, dtype=pl.Int32).cast(pl.Date),
                "first_height": first.astype(np.int64),
                "last_height": (first + count - 1).astype(np.int64),
            }
        )

    def follow(self) -> int:
        """Take over what the node's chain has become; the height up to which it is as before (-1 for nothing).

        Raises:
            ReorgDuringRead: the block held at the last is not on it, or the chain changes all the time.
        """
        for _ in range(REORGANISATIONS):
            tip, _ = self._node.tip()
            fork = self._fork(tip)
            headers = list(self._linked(fork, tip))
            if len(headers) == tip - fork:
                self._replace(fork, headers)
                return fork
        raise ReorgDuringRead(_unsettled(self._node, tip))

    def _fork(self, tip: int) -> int:
        fork = min(self.tip_height, tip)
        while fork >= self._from and self._node.hash_at(fork) != self.block_hash(fork):
            fork -= 1
        if fork < self._from and self._hashes:
            raise ReorgDuringRead(_left(self._node, self._from))
        return fork

    def _linked(self, fork: int, tip: int) -> Iterator[tuple[str, int]]:
        """Hash and time of the headers above `fork`, as far as each names the one before as its parent."""
        parent = self.block_hash(fork) if fork >= 0 else "0" * 64
        for header in self._node.headers(fork + 1, tip):
            if header.parent != parent:
                return
            parent = header.block_hash
            yield parent, header.time

    def _replace(self, fork: int, headers: list[tuple[str, int]]) -> None:
        times = array("q", (seconds for _, seconds in headers))
        days = np.concatenate([self._days[: fork + 1], np.frombuffer(times, dtype=np.int64) // SECONDS_A_DAY])
        self._days = np.maximum.accumulate(days)
        self._hashes = self._hashes[: fork + 1 - self._from] + [block_hash for block_hash, _ in headers]


def read(
    node: Node,
    after: int | None,
    fold_until: int,
    known: pl.DataFrame | None = None,
    after_hash: str | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Iterator[Batch]:
    """Every block above `after` up to the node's tip as it begins, as `history.read` would give them from its files.

    Batches hold BATCH_BLOCKS or, where they are folded, go on to the end of their day. Before a batch is given out its
    last block is still on the node's chain, else what a reorganisation replaced is read again.

    Args:
        node: the node.
        after: height of the last block already read; None to begin with genesis.
        fold_until: height of the last block to be folded into its day.
        known, after_hash: see `Chain`; without them all headers are asked for.
        progress: told (blocks done, blocks in all, coins spent in them) after each block.

    Raises:
        PrunedBlock, MissingUndo, NodeRefused: see `Node.block`.
        NodeUnreachable: the node stays busy, or breaks off.
        ReorgDuringRead: the chain was replaced below what has been given out, or changes all the time.
    """
    first = 0 if after is None else after + 1
    start = first
    chain = Chain(node, after, known, after_hash)
    held: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    spends = reorganisations = 0
    while first <= chain.tip_height:
        last = _end(chain, first, fold_until)
        missing = [height for height in range(first, last + 1) if height not in held]
        for height, rows in zip(missing, _read_blocks(node, chain, missing), strict=True):
            held[height] = rows
            spends += int(rows[1][2])
            if progress:
                progress(height + 1 - start, chain.tip_height + 1 - start, spends)
        if node.hash_at(last) == chain.block_hash(last):
            yield _batch_of(chain, first, last, last <= fold_until, held)
            held.clear()
            first = last + 1
            continue
        reorganisations += 1
        fork = chain.follow()
        if fork < first - 1:
            raise ReorgDuringRead(_left(node, first - 1))
        if reorganisations == REORGANISATIONS:
            raise ReorgDuringRead(_unsettled(node, last))
        held = {height: rows for height, rows in held.items() if height <= fork}


def _end(chain: Chain, first: int, fold_until: int) -> int:
    """Last height of the batch that begins at `first`."""
    if first > fold_until:
        # The newest blocks come in one, for a reorganisation to stay within what has not been given out.
        is_last = chain.tip_height - first < 2 * BATCH_BLOCKS
        return chain.tip_height if is_last else first + BATCH_BLOCKS - 1
    stop = min(fold_until, chain.tip_height)
    days = chain.day_of_height
    day = days[min(first + BATCH_BLOCKS - 1, stop)]
    return min(int(np.searchsorted(days, day, side="right")) - 1, stop)


def _read_blocks(node: Node, chain: Chain, heights: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    days = chain.day_of_height
    return in_order(lambda height: folded(node.block(height, chain.block_hash(height)), days), heights, node.in_flight)


def folded(block: Block, day_of_height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A block's cells of coin flow and its totals, as history's frames have them (int64, a cell a row).

    Args:
        block: with the coins it spent.
        day_of_height: number of the UTC day by height.
    """
    coins = [each.prevout for transaction in block.transactions[1:] for each in transaction.vin]
    amounts = sats([coin.value for coin in coins])
    birth_days = day_of_height[np.array([coin.height for coin in coins], dtype=np.int64)].astype(np.int64)
    kinds = np.array([COINBASE if coin.generated else TRANSFER for coin in coins], dtype=np.int64)
    outputs = [_outputs(block.transactions[:1]), _outputs(block.transactions[1:])]
    totals = [block.height, len(block.transactions), len(coins), int(amounts.sum()), *chained.from_iterable(outputs)]
    return _cells(block.height, birth_days, kinds, amounts), np.array(totals, dtype=np.int64)


def _cells(height: int, birth_days: np.ndarray, kinds: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Rows of history's cells, one per birth day and kind."""
    keys, of_coin, coins = np.unique(birth_days * 2 + kinds, return_inverse=True, return_counts=True)
    summed = np.zeros(len(keys), dtype=np.int64)
    np.add.at(summed, of_coin, amounts)
    return np.column_stack([np.full(len(keys), height), keys // 2, keys % 2, summed, coins])


def _outputs(transactions: list[Transaction]) -> tuple[int, int, int, int]:
    """Outputs, their satoshi, and those that can never be spent, as `fold.read_block` counts them."""
    outputs = [output for transaction in transactions for output in transaction.vout]
    amounts = sats([output.value for output in outputs])
    is_dead = [_is_unspendable(output.script.hex) for output in outputs]
    return len(outputs), int(amounts.sum()), sum(is_dead), int(amounts[np.array(is_dead, dtype=bool)].sum())


def _is_unspendable(script: str) -> bool:
    """Whether a script in hexadecimal digits begins with OP_RETURN or is longer than a script may be."""
    return script.startswith("6a") or len(script) > 2 * MAX_SCRIPT_BYTES


def _batch_of(chain: Chain, first: int, last: int, is_folded: bool, held: dict) -> Batch:
    cells, totals = zip(*(held[height] for height in range(first, last + 1)), strict=True)
    flow = pl.DataFrame(np.concatenate(cells), schema=CELLS, orient="row")
    blocks = pl.DataFrame(np.array(totals), schema=TOTALS, orient="row")
    return batch_of_blocks(chain, first, last, is_folded, True, flow, blocks)


def _days_known(known: pl.DataFrame | None, after: int | None) -> np.ndarray | None:
    """UTC day, in days since 1970, of each height up to `after`; None where `known` does not tell all of them."""
    if known is None or after is None:
        return None
    spans = (
        known.filter(pl.col("first_height") <= after)
        .group_by("value_date")
        .agg(pl.min("first_height"), pl.max("last_height").clip(upper_bound=after))
        .sort("value_date")
    )
    first, last = spans["first_height"].to_numpy(), spans["last_height"].to_numpy()
    if not len(spans) or first[0] != 0 or last[-1] != after or (first[1:] != last[:-1] + 1).any():
        return None
    return np.repeat(spans["value_date"].cast(pl.Int32).to_numpy().astype(np.int64), last + 1 - first)


def _left(node: Node, height: int) -> str:
    return (
        f"{node.shown} is not on the chain that is held at height {height}, or no longer: let it catch up and run this"
        " again."
    )


def _unsettled(node: Node, height: int) -> str:
    return (
        f"the chain of {node.shown} changed {REORGANISATIONS} times while it was read up to height {height}: come back"
        " later."
    )


class _Info(msgspec.Struct):
    chain: str
    blocks: int
    headers: int
    bestblockhash: str
    pruneheight: int = 0


class _Hash(msgspec.Struct):
    blockhash: str


class _Error(msgspec.Struct):
    code: int
    message: str


class _Answer(msgspec.Struct, Generic[Result]):
    """What JSON-RPC answers to a call."""

    id: int | None = None
    result: Result | None = None
    error: _Error | None = None


_INFO = msgspec.json.Decoder(_Answer[_Info])
_HASH = msgspec.json.Decoder(_Answer[str])
_BATCH = msgspec.json.Decoder(list[_Answer[str]])
RPC_BLOCK = msgspec.json.Decoder(_Answer[Block])
_REST_INFO = msgspec.json.Decoder(_Info)
_REST_HASH = msgspec.json.Decoder(_Hash)
_REST_BLOCK = msgspec.json.Decoder(Block)


class _Reply(NamedTuple):
    status: int
    content: bytes


class _Failure(NamedTuple):
    """How an attempt ended, what a user can do, and for how many seconds in sum another attempt may be awaited."""

    error: type[IngestionError]
    what: str
    todo: str
    patience: float = 0

    def exception(self) -> IngestionError:
        return self.error(f"{self.what}: {self.todo}.")


class _Http:
    """Requests to one node, repeated while its failures are passing ones, silent about secrets."""

    def __init__(
        self,
        url: str,
        login: Callable[[], tuple[bytes, bytes]] | None,
        in_flight: int,
        timeout_seconds: float,
        sleep: Callable[[float], None],
    ):
        self._url, self.shown = _address(url)
        self._login = login
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._session = requests.Session()
        # Proxies and .netrc are for the internet, not for one's own node.
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=in_flight))

    def close(self) -> None:
        self._session.close()

    def ask(self, path: str, body: bytes | None, judge: Callable[[_Reply], Any]) -> Any:
        """What `judge` makes of the node's reply, asked again while it calls that a passing failure.

        Raises:
            the error of the failure that lasted.
        """
        waited, wait = 0.0, 1.0
        while True:
            outcome = self._attempt(path, body)
            if isinstance(outcome, _Reply):
                outcome = judge(outcome)
            if not isinstance(outcome, _Failure):
                return outcome
            if waited + wait > outcome.patience:
                raise outcome.exception()
            self._sleep(wait)
            waited += wait
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    def decoded(self, reply: _Reply, decoder: msgspec.json.Decoder) -> Any:
        """The reply's content, or the failure to read it."""
        try:
            return decoder.decode(reply.content)
        except msgspec.ValidationError:
            what = f"{self.shown} gave an answer ({reply.status}) that is not a Bitcoin node's"
            return _Failure(NodeRefused, what, "check the address and the node's version")
        except msgspec.DecodeError:
            what = f"{self.shown} gave an answer ({reply.status}) that cannot be read to its end"
            return _Failure(NodeUnreachable, what, "check the address, or come back later", BROKEN_SECONDS)

    def busy(self, words: str) -> _Failure:
        what = f"{self.shown} was not ready within {BUSY_SECONDS} s ({words or 'no reason given'})"
        return _Failure(NodeUnreachable, what, "come back when it has started", BUSY_SECONDS)

    def _attempt(self, path: str, body: bytes | None) -> "_Reply | _Failure":
        """One request. Failures are returned, so that no exception that holds a secret becomes the context of ours."""
        method = "POST" if body is not None else "GET"
        auth = self._login() if self._login else None
        try:
            response = self._session.request(
                method, self._url + path, data=body, auth=auth, timeout=self._timeout_seconds, allow_redirects=False
            )
        except requests.Timeout:
            what = f"{self.shown} did not answer within {self._timeout_seconds:g} s"
            return _Failure(NodeUnreachable, what, "come back when it is less busy", BROKEN_SECONDS)
        except requests.exceptions.ChunkedEncodingError:
            return _Failure(NodeUnreachable, f"{self.shown} broke off its answer", "come back later", BROKEN_SECONDS)
        except requests.ConnectionError as error:
            what = f"{self.shown} could not be reached or went silent ({type(error).__name__})"
            return _Failure(NodeUnreachable, what, "start the node, or check the address", BROKEN_SECONDS)
        except (OSError, ValueError) as error:
            what = f"{self.shown} could not be asked ({type(error).__name__})"
            return _Failure(NodeUnreachable, what, "check the address")
        return self._judged(_Reply(response.status_code, response.content))

    def _judged(self, reply: _Reply) -> "_Reply | _Failure":
        """The reply, unless its status says all."""
        if reply.status == 401:
            todo = "check user and password, or name the .cookie file of the node that is running"
            return _Failure(NodeRefused, f"{self.shown} refuses the credentials (401)", todo)
        if reply.status == 403:
            return _Failure(NodeRefused, f"{self.shown} refuses this machine (403)", "allow it with -rpcallowip")
        # Older nodes tell with 500 what newer ones tell with 503: the queue of requests is full.
        if reply.status == 503 or (reply.status == 500 and reply.content.startswith(b"Work queue")):
            return self.busy(reply.content[:200].decode(errors="replace").strip())
        return reply


def _address(url: str) -> tuple[str, str]:
    """The url without a slash at its end, and as much of it as may be shown.

    Raises:
        UsageError: it is no http or https address, or it holds credentials.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in url:
        raise UsageError("the node's address must be like http://127.0.0.1:8332, with user and password given apart.")
    return url.rstrip("/"), f"{parts.scheme}://{parts.netloc}"


def _cookie(path: Path) -> tuple[bytes, bytes]:
    """User and password of a node's cookie file."""
    try:
        user, mark, password = path.read_bytes().strip().partition(b":")
    except OSError as error:
        raise NodeRefused(
            f"{path} cannot be read ({type(error).__name__}): start the node, which writes it into its network's data"
            " folder, or give user and password."
        ) from error
    if not mark:
        raise NodeRefused(f"{path} is not the cookie of a node: name the .cookie in its network's data folder.")
    return user, password


def _refusal(shown: str, words: str, to: str, height: int) -> _Failure:
    """What the node's words mean. See `GetBlockChecked` and `blockToJSON` in Bitcoin Core's rpc/blockchain.cpp."""
    if "pruned" in words:
        what = f"{shown} has pruned the block at height {height}"
        return _Failure(PrunedBlock, what, "ask a node that keeps it, or start from a UTXO snapshot")
    if words.startswith("Undo data"):
        return _no_undo(shown, height)
    return _Failure(NodeRefused, f"{shown} answers '{words}' to {to}", "check the node's log")


def _no_undo(shown: str, height: int) -> _Failure:
    what = f"{shown} cannot tell which coins the block at height {height} spent"
    return _Failure(MissingUndo, what, "ask a node of Bitcoin Core 23 or later that keeps its undo data")
