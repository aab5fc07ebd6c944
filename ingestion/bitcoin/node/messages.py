"""The JSON of a node's RPC and REST, typed: the fields that are read."""

from typing import Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from ingestion.bitcoin.networks import COIN

Result = TypeVar("Result")


class Header(NamedTuple):
    """The fields read from a block header; hashes as displayed, time in seconds since 1970."""

    block_hash: str
    parent: str
    time: int


class NodeState(NamedTuple):
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


class Coin(msgspec.Struct, gc=False, rename={"script": "scriptPubKey"}):
    """The coin an input spends: whether a coinbase created it, height of its block, value in coins, and script."""

    generated: bool
    height: int
    value: float
    script: Script


class Input(msgspec.Struct, gc=False):
    """An input; None for a coinbase's, and where the node has no undo data."""

    prevout: Coin | None = None


class Transaction(msgspec.Struct, gc=False):
    """A transaction; its id as displayed."""

    vin: list[Input]
    vout: list[Output]
    txid: str = ""


class Block(msgspec.Struct, gc=False):
    """A block as `getblock` with verbosity 3 and /rest/block return it; other fields are not decoded."""

    hash: str
    height: int
    time: int
    transactions: list[Transaction] = msgspec.field(name="tx")

    def spent_coins(self) -> list[Coin]:
        """Coins of all inputs but the coinbase's; fewer where the node has no undo data."""
        return [each.prevout for spender in self.transactions[1:] for each in spender.vin if each.prevout is not None]


def sats(values: list[float]) -> np.ndarray:
    """Satoshi (int64) of values in coins, exactly.

    A number of n satoshi, read from its decimal text and multiplied by 10**8, is off by at most n / 2**52: 0.47 at 21
    million coins, so rounding finds n. `Decimal` costs half as much again as the rest of the decoding.
    """
    return np.rint(np.array(values, dtype=np.float64) * COIN).astype(np.int64)


class Info(msgspec.Struct):
    """The node's `getblockchaininfo`."""

    chain: str
    blocks: int
    headers: int
    bestblockhash: str
    pruneheight: int = 0


class Hash(msgspec.Struct):
    """A block's hash, as REST returns it."""

    blockhash: str


class RpcError(msgspec.Struct):
    """The error of a call."""

    code: int
    message: str


class RpcAnswer(msgspec.Struct, Generic[Result]):
    """JSON-RPC's answer to a call."""

    id: int | None = None
    result: Result | None = None
    error: RpcError | None = None


RPC_INFO = msgspec.json.Decoder(RpcAnswer[Info])
RPC_HASH = msgspec.json.Decoder(RpcAnswer[str])
RPC_BATCH = msgspec.json.Decoder(list[RpcAnswer[str]])
RPC_BLOCK = msgspec.json.Decoder(RpcAnswer[Block])
REST_INFO = msgspec.json.Decoder(Info)
REST_HASH = msgspec.json.Decoder(Hash)
REST_BLOCK = msgspec.json.Decoder(Block)
