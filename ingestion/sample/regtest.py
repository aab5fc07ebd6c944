"""Regtest chains made in Python.

A `Chain` knows its unspent coins, so a block's undo record follows from its transactions. Headers carry proof of work
(two tries on regtest); signatures are the caller's affair. Amounts are satoshi, times seconds since 1970.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ingestion.bitcoin.hashing import merkle_root, sha256d
from ingestion.bitcoin.networks import NETWORKS
from ingestion.sample.serialization import (
    compact_size,
    compress_amount,
    compress_script,
    is_unspendable,
    push,
    push_height,
    run,
    varint,
)

REGTEST = NETWORKS["regtest"]
BITS = 0x207FFFFF
TARGET = 0x7FFFFF << 232
KEY_X = bytes.fromhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
OP_TRUE = b"\x51"
WITNESS_RESERVED = bytes(32)
FINAL = 0xFFFFFFFF


@dataclass(frozen=True)
class Output:
    """An amount locked by a script."""

    amount: int
    script: bytes = OP_TRUE


@dataclass(frozen=True)
class Input:
    """A coin spent: output `index` of transaction `txid`, with what unlocks it."""

    txid: bytes
    index: int
    script: bytes = b""
    witness: tuple[bytes, ...] = ()

    @property
    def outpoint(self) -> tuple[bytes, int]:
        return self.txid, self.index


@dataclass(frozen=True)
class Transaction:
    """A transaction, serialised with witnesses where an input has one (BIP 144)."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    version: int = 1

    @cached_property
    def txid(self) -> bytes:
        return sha256d(self.serialized(with_witness=False))

    @cached_property
    def wtxid(self) -> bytes:
        return sha256d(self.serialized())

    @property
    def has_witness(self) -> bool:
        return any(each.witness for each in self.inputs)

    def serialized(self, with_witness: bool = True) -> bytes:
        with_witness = with_witness and self.has_witness
        parts = [
            self.version.to_bytes(4, "little"),
            b"\x00\x01" if with_witness else b"",
            compact_size(len(self.inputs)),
        ]
        for each in self.inputs:
            parts += [each.txid, each.index.to_bytes(4, "little"), run(each.script), FINAL.to_bytes(4, "little")]
        parts.append(compact_size(len(self.outputs)))
        parts += [output.amount.to_bytes(8, "little") + run(output.script) for output in self.outputs]
        if with_witness:
            for each in self.inputs:
                parts += [compact_size(len(each.witness)), *map(run, each.witness)]
        return b"".join([*parts, bytes(4)])


@dataclass(frozen=True)
class Coin:
    """An output that was, or can be, spent; `height` is where it was born."""

    amount: int
    script: bytes
    height: int
    is_coinbase: bool

    def undo(self) -> bytes:
        """As Core's TxInUndoFormatter writes it."""
        version = b"\x00" if self.height > 0 else b""
        code = varint(self.height * 2 + self.is_coinbase)
        return code + version + varint(compress_amount(self.amount)) + compress_script(self.script)


@dataclass(frozen=True)
class Block:
    """A block with the coins its transactions spent, those of the coinbase left out."""

    height: int
    parent: bytes
    time: int
    nonce: int
    transactions: tuple[Transaction, ...]
    spent: tuple[tuple[Coin, ...], ...]

    @cached_property
    def hash(self) -> bytes:
        return sha256d(self.header)

    @property
    def header(self) -> bytes:
        root = merkle_root([each.txid for each in self.transactions])
        return header(self.parent, root, self.time, self.nonce)

    @cached_property
    def serialized(self) -> bytes:
        body = b"".join(each.serialized() for each in self.transactions)
        return self.header + compact_size(len(self.transactions)) + body

    @cached_property
    def undo(self) -> bytes:
        """As Core's CBlockUndo: a vector of vectors of coins."""
        parts = [compact_size(len(self.spent))]
        for coins in self.spent:
            parts += [compact_size(len(coins)), *(coin.undo() for coin in coins)]
        return b"".join(parts)


@dataclass
class Chain:
    """Blocks from genesis on, and what is unspent at their end, by outpoint in order of birth."""

    blocks: list[Block] = field(default_factory=list)
    unspent: dict[tuple[bytes, int], Coin] = field(default_factory=dict)

    @classmethod
    def begin(cls) -> "Chain":
        """A chain with regtest's genesis block, whose coin can never be spent."""
        return cls([genesis()])

    @property
    def tip(self) -> Block:
        return self.blocks[-1]

    def fork(self, height: int) -> "Chain":
        """A chain of its own that shares the blocks up to `height`."""
        chain = Chain.begin()
        for block in self.blocks[1 : height + 1]:
            chain.append(block)
        return chain

    def mine(
        self,
        time: int,
        transactions: Sequence[Transaction] = (),
        script: bytes = OP_TRUE,
        unclaimed: int = 0,
        extra: Sequence[Output] = (),
        tag: bytes = b"",
    ) -> Block:
        """Add a block of `transactions` (spends of coins of this chain or of each other, in order) to the chain.

        Args:
            time: of the header.
            script: of the coinbase's first output, which gets subsidy and fees but for `unclaimed` and `extra`.
            extra: more outputs of the coinbase.
            tag: bytes that set this coinbase apart from a sibling's.

        Raises:
            KeyError: a transaction spends a coin that is not there.
        """
        height = self.tip.height + 1
        spent = self._spent(transactions, height)
        paid = sum(coin.amount for coins in spent for coin in coins)
        fees = paid - sum(output.amount for each in transactions for output in each.outputs)
        reward = REGTEST.subsidy(height) + fees - unclaimed - sum(output.amount for output in extra)
        outputs = [Output(reward, script), *extra]
        witness: tuple[bytes, ...] = ()
        if any(each.has_witness for each in transactions):
            witness = (WITNESS_RESERVED,)
            root = merkle_root([bytes(32), *(each.wtxid for each in transactions)])
            outputs.append(Output(0, b"\x6a\x24\xaa\x21\xa9\xed" + sha256d(root + WITNESS_RESERVED)))
        marks = push_height(height) + push(b"flowhouse" + tag)
        coinbase = Transaction((Input(bytes(32), FINAL, marks, witness),), tuple(outputs))
        block = solve(height, self.tip.hash, time, (coinbase, *transactions), spent)
        self.append(block)
        return block

    def append(self, block: Block) -> None:
        """Add a block made on this chain's tip."""
        for n, transaction in enumerate(block.transactions):
            for each in transaction.inputs if n else ():
                del self.unspent[each.outpoint]
            self.unspent.update(_born(transaction, block.height, is_coinbase=n == 0))
        self.blocks.append(block)

    def _spent(self, transactions: Sequence[Transaction], height: int) -> tuple[tuple[Coin, ...], ...]:
        born: dict[tuple[bytes, int], Coin] = {}
        spent = []
        for transaction in transactions:
            points = [each.outpoint for each in transaction.inputs]
            spent.append(tuple(born[point] if point in born else self.unspent[point] for point in points))
            born.update(_born(transaction, height, is_coinbase=False))
        return tuple(spent)


def genesis() -> Block:
    """Regtest's first block."""
    text = b"The Times 03/Jan/2009 Chancellor on brink of second bailout for banks"
    key = bytes.fromhex(
        "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d57"
        "8a4c702b6bf11d5f"
    )
    marks = push(bytes.fromhex("ffff001d")) + push(b"\x04") + push(text)
    coinbase = Transaction((Input(bytes(32), FINAL, marks),), (Output(REGTEST.subsidy(0), push(key) + b"\xac"),))
    return Block(0, bytes(32), 1_296_688_602, 2, (coinbase,), ())


def solve(
    height: int, parent: bytes, time: int, transactions: tuple[Transaction, ...], spent: tuple[tuple[Coin, ...], ...]
) -> Block:
    """The block with the first nonce whose hash meets regtest's target."""
    root = merkle_root([each.txid for each in transactions])
    nonce = 0
    while int.from_bytes(sha256d(header(parent, root, time, nonce)), "little") > TARGET:
        nonce += 1
    return Block(height, parent, time, nonce, transactions, spent)


def header(parent: bytes, root: bytes, time: int, nonce: int) -> bytes:
    """The 80 bytes that are hashed; version 4 signals every old rule, genesis has version 1."""
    version = 4 if any(parent) else 1
    numbers = b"".join(number.to_bytes(4, "little") for number in (time, BITS, nonce))
    return version.to_bytes(4, "little") + parent + root + numbers


def _born(transaction: Transaction, height: int, is_coinbase: bool) -> dict[tuple[bytes, int], Coin]:
    return {
        (transaction.txid, index): Coin(output.amount, output.script, height, is_coinbase)
        for index, output in enumerate(transaction.outputs)
        if not is_unspendable(output.script)
    }
