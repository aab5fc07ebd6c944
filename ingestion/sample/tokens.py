"""The sample's account chain: six weeks of a simulated token of Bitcoin and one of dollars, and a crash that is known.

Nothing in it happened. Traders pay each other, an exchange, a custodian and a vault; coins are minted and burned; on
3 November 2025 a borrower is liquidated and the vault is emptied. `Provider` answers as a node does, in JSON.
"""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from ingestion.evm.rows import (
    INTERNAL_BALANCE_CHANGED,
    LIQUIDATION_CALL,
    SWAP,
    TRANSFER,
    ZERO_ADDRESS,
    Contract,
    Token,
    WatchList,
)

FIRST_DAY, DAYS = date(2025, 10, 6), 42
BLOCKS_A_DAY = 6
NOT_FINAL = 12
"""The newest blocks, two days of them, which are not finalized."""
CRASH = date(2025, 11, 3)


def _address(tail: str) -> str:
    return "0x5b" + tail.rjust(38, "0")


BITCOIN, DOLLAR = Token(_address("1"), "SIMBTC", 8, 1), Token(_address("2"), "SIMUSD", 6, 1)
LENDER, VAULT = (
    Contract(_address("a"), "aave_v3", "aave_v3_pool", 1),
    Contract(_address("b"), "balancer_v2", "balancer_v2_vault", 1),
)
EXCHANGE, COLD_WALLET, CUSTODIAN = _address("e1"), _address("e2"), _address("c1")
TRADERS = [_address(f"7{n:02}") for n in range(20)]
THIEF, LIQUIDATOR, BORROWER = _address("bad"), _address("f1"), TRADERS[0]
POOL_ID = _address("d1") + 24 * "0"
WATCHED = WatchList("anvil", 31337, (BITCOIN, DOLLAR), (LENDER, VAULT), (CUSTODIAN,))

Result = TypeVar("Result")


@dataclass(frozen=True)
class Log:
    """What a contract tells: its address, the event and its indexed arguments, and the others' words."""

    address: str
    topics: tuple[str, ...]
    words: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """A block; time in seconds since 1970."""

    number: int
    hash: str
    parent: str
    time: int
    logs: tuple[Log, ...]


@dataclass
class Chain:
    """Blocks one after another; `salt` makes those of a fork others.

    Attributes:
        not_final: how many of the newest blocks are not finalized.
        supply: what totalSupply says, by token, where it is not what the transfers give.
    """

    not_final: int = NOT_FINAL
    blocks: list[Block] = field(default_factory=list)
    supply: dict[str, int] = field(default_factory=dict)

    def mine(self, time: int, logs: Sequence[Log] = (), salt: str = "") -> Block:
        """Add a block."""
        parent = self.blocks[-1].hash if self.blocks else "0x" + 64 * "0"
        number = len(self.blocks)
        digest = hashlib.sha256(f"{parent} {time} {logs} {salt}".encode()).hexdigest()
        self.blocks.append(Block(number, f"0x{digest}", parent, time, tuple(logs)))
        return self.blocks[-1]

    def fork(self, depth: int) -> "Chain":
        """The chain without its newest blocks."""
        return Chain(self.not_final, self.blocks[: len(self.blocks) - depth], dict(self.supply))

    def balances(self, token: str, at: int) -> dict[str, int]:
        """Who holds how much of a token at the end of a block; the zero address what it gave out, as a debt."""
        held: dict[str, int] = {}
        for log in (log for block in self.blocks[: at + 1] for log in block.logs):
            if log.address == token and log.topics[0] == TRANSFER and len(log.topics) == 3:
                for topic, sign in zip(log.topics[1:], (-1, 1), strict=True):
                    address = "0x" + topic[-40:]
                    held[address] = held.get(address, 0) + sign * log.words[0]
        return held


def transfer(token: str, sender: str, receiver: str, units: int) -> Log:
    """An ERC-20 Transfer."""
    return Log(token, (TRANSFER, _topic(sender), _topic(receiver)), (units,))


def liquidation(pool: str, collateral: str, debt: str, user: str, paid: int, seized: int, by: str) -> Log:
    """Aave v3's LiquidationCall: `by` pays `paid` of the debt and gets `seized` of the collateral."""
    topics = (LIQUIDATION_CALL, _topic(collateral), _topic(debt), _topic(user))
    return Log(pool, topics, (paid, seized, int(by, 16), 0))


def internal_balance(vault: str, user: str, token: str, delta: int) -> Log:
    """Balancer v2's InternalBalanceChanged."""
    return Log(vault, (INTERNAL_BALANCE_CHANGED, _topic(user), _topic(token)), (delta,))


def swap(vault: str, pool_id: str, token_in: str, token_out: str, units_in: int, units_out: int) -> Log:
    """Balancer v2's Swap."""
    return Log(vault, (SWAP, pool_id, _topic(token_in), _topic(token_out)), (units_in, units_out))


def chain() -> Chain:
    """The chain, the same every time."""
    chance = random.Random(2025)
    made = Chain()
    books = {token.address: dict.fromkeys(TRADERS, 0) for token in WATCHED.tokens}
    start = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    made.mine(int(start.timestamp()))
    for nth in range(1, DAYS * BLOCKS_A_DAY):
        moment = start + nth * timedelta(days=1) / BLOCKS_A_DAY
        logs = _trades(books, chance, is_first=nth == 1)
        if moment.date() == CRASH and moment.hour == 12:
            logs += _crash(books)
        made.mine(int(moment.timestamp()), logs)
    return made


def _trades(books: dict[str, dict[str, int]], chance: random.Random, is_first: bool) -> list[Log]:
    """A few payments; the first block mints, and now and then one mints or burns."""
    logs = []
    for token, unit in ((BITCOIN, 10**8), (DOLLAR, 10**6)):
        book = books[token.address]
        for trader in TRADERS if is_first else chance.sample(TRADERS, chance.randint(0, 2)):
            if is_first or chance.random() < 0.15:
                logs.append(_move(book, token, ZERO_ADDRESS, trader, chance.randint(1, 50) * unit))
            else:
                receiver = chance.choice([EXCHANGE, COLD_WALLET, CUSTODIAN, VAULT.address, ZERO_ADDRESS, *TRADERS])
                logs.append(_move(book, token, trader, receiver, book[trader] // chance.randint(2, 9)))
    if not is_first and chance.random() < 0.1:
        book = books[BITCOIN.address]
        logs.append(_move(book, BITCOIN, EXCHANGE, COLD_WALLET, book.get(EXCHANGE, 0) // 2))
    return logs


def _crash(books: dict[str, dict[str, int]]) -> list[Log]:
    """The borrower's coins are seized at a discount; the vault's are swapped out and taken."""
    coins, dollars = books[BITCOIN.address], books[DOLLAR.address]
    seized, paid = coins[BORROWER] // 2, coins[BORROWER] // 2 * 900
    held, kept = coins.get(VAULT.address, 0), dollars.get(VAULT.address, 0)
    return [
        liquidation(LENDER.address, BITCOIN.address, DOLLAR.address, BORROWER, paid, seized, LIQUIDATOR),
        _move(coins, BITCOIN, BORROWER, LIQUIDATOR, seized),
        swap(VAULT.address, POOL_ID, DOLLAR.address, BITCOIN.address, kept // 100, held),
        internal_balance(VAULT.address, THIEF, BITCOIN.address, held),
        internal_balance(VAULT.address, THIEF, BITCOIN.address, -held),
        _move(coins, BITCOIN, VAULT.address, THIEF, held),
    ]


def _move(book: dict[str, int], token: Token, sender: str, receiver: str, units: int) -> Log:
    for address, change in ((sender, -units), (receiver, units)):
        book[address] = book.get(address, 0) + change
    return transfer(token.address, sender, receiver, units)


class Provider:
    """A node that follows `chain`, in this process."""

    shown = "the sample's node"
    in_flight = 1

    def __init__(self, chain: Chain, chain_id: int = WATCHED.chain_id):
        self.chain = chain
        self.chain_id = chain_id

    def ask(self, method: str, params: Sequence, read: Callable[[bytes], Result], is_patient: bool = True) -> Result:
        """What `read` makes of the answer."""
        return read(json.dumps(self.answer(method, params)).encode())

    def ask_many(self, method: str, params: Sequence[Sequence], read: Callable[[bytes], Result]) -> Result:
        """The same for several calls at once."""
        return read(json.dumps([self.answer(method, each) | {"id": n} for n, each in enumerate(params)]).encode())

    def answer(self, method: str, params: Sequence) -> dict[str, Any]:
        """What JSON-RPC answers to a call."""
        try:
            return {"jsonrpc": "2.0", "id": 0, "result": getattr(self, method)(*params)}
        except LookupError as error:
            return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": str(error)}}

    def eth_chainId(self) -> str:
        return hex(self.chain_id)

    def eth_getBlockByNumber(self, tag: str, _: bool) -> dict | None:
        number = self._number(tag)
        return _header(self.chain.blocks[number]) if number < len(self.chain.blocks) else None

    def eth_getLogs(self, asked: dict) -> list[dict]:
        blocks = self.chain.blocks
        if "blockHash" in asked:
            blocks = [block for block in blocks if block.hash == asked["blockHash"]]
            if not blocks:
                raise LookupError("unknown block")
        else:
            blocks = blocks[int(asked["fromBlock"], 16) : int(asked["toBlock"], 16) + 1]
        return [
            told
            for block in blocks
            for told in _logs(block)
            if told["address"] in asked["address"] and told["topics"][0] in asked["topics"][0]
        ]

    def eth_getCode(self, address: str, tag: str) -> str:
        return "0x00" if address in WATCHED.emitters and self._number(tag) else "0x"

    def eth_getBalance(self, address: str, tag: str) -> str:
        return hex(10**18)

    def eth_call(self, call: dict, tag: str) -> str:
        token, data = call["to"], call["data"]
        held = self.chain.balances(token, self._number(tag))
        if len(data) == 10:
            return hex(self.chain.supply.get(token, -held.get(ZERO_ADDRESS, 0)))
        return hex(held.get("0x" + data[-40:], 0))

    def _number(self, tag: str) -> int:
        tip = len(self.chain.blocks) - 1
        named = {"latest": tip, "finalized": max(0, tip - self.chain.not_final)}
        return named[tag] if tag in named else int(tag, 16)


def _header(block: Block) -> dict:
    bloom = 0
    for log in block.logs:
        for item in (log.address, *log.topics):
            bloom |= _bits(item)
    return {
        "number": hex(block.number),
        "hash": block.hash,
        "parentHash": block.parent,
        "timestamp": hex(block.time),
        "logsBloom": f"0x{bloom:0512x}",
    }


def _logs(block: Block) -> list[dict]:
    return [
        {
            "address": log.address,
            "topics": list(log.topics),
            "data": "0x" + "".join(f"{word % 2**256:064x}" for word in log.words),
            "blockNumber": hex(block.number),
            "blockHash": block.hash,
            "transactionHash": "0x" + hashlib.sha256(f"{block.hash} {n}".encode()).hexdigest(),
            "transactionIndex": hex(n),
            "logIndex": hex(n),
            "removed": False,
        }
        for n, log in enumerate(block.logs)
    ]


@cache
def _bits(item: str) -> int:
    """The bits of a block's bloom that an address or a topic sets (Yellow Paper, 4.4.1)."""
    from eth_hash.auto import keccak

    digest = keccak(bytes.fromhex(item[2:]))
    return sum({1 << (int.from_bytes(digest[at : at + 2], "big") & 2047) for at in (0, 2, 4)})


def _topic(address: str) -> str:
    return "0x" + address[2:].rjust(64, "0")
