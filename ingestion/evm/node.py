"""Calls to a node of an account chain, their answers typed and checked: headers, logs, code, balances."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
import polars as pl

from ingestion.evm import balance_calls, bloom, decode, json_rpc
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.rows import COIN, Block, Pair
from ingestion.threads import in_order
from ingestion.transport.errors import NodeRefused

# Providers limit batches at 10 to 1,000 calls; 50 headers are 0.1 MB.
CALLS_A_BATCH = 50
TOTAL_SUPPLY, BALANCE_OF, OWNER = "0x18160ddd", "0x70a08231", "0x8da5cb5b"
"""The first 4 bytes of keccak256 of totalSupply(), balanceOf(address) and owner()."""
LATEST, FINALIZED = "latest", "finalized"

Item = TypeVar("Item")
Result = TypeVar("Result")


class Provider(Protocol):
    """What requests go through: `provider.Provider`, or a simulated chain in the sample and in tests."""

    shown: str
    in_flight: int

    def ask(
        self, method: str, params: Sequence, read: Callable[[bytes], Result], is_patient: bool = True
    ) -> Result: ...

    def ask_many(self, method: str, params: Sequence[Sequence], read: Callable[[bytes], Result]) -> Result: ...


Quantity = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,15}$")]
# Seconds, up to the year 4147.
Time = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,9}$")]
Digits = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]*$")]
Hash = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}$")]
Bloom = Annotated[str, msgspec.Meta(pattern="^0x([0-9a-fA-F]{512})?$")]


Address = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]
AddressWord = Annotated[str, msgspec.Meta(pattern="^0x0{24}[0-9a-fA-F]{40}$")]


class _Transaction(msgspec.Struct, rename={"sender": "from"}):
    """Who sent a transaction, to which contract (None: it creates one)."""

    sender: Address
    to: Address | None


class Header(
    msgspec.Struct,
    rename={"parent": "parentHash", "hex_number": "number", "hex_time": "timestamp", "hex_bloom": "logsBloom"},
):
    """The fields read from a block header."""

    hex_number: Quantity
    hash: Hash
    parent: Hash
    hex_time: Time
    hex_bloom: Bloom | None = None

    @property
    def number(self) -> int:
        return int(self.hex_number, 16)

    @property
    def time(self) -> int:
        """Seconds since 1970."""
        return int(self.hex_time, 16)

    @property
    def block(self) -> Block:
        """The block as the lake names it."""
        day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time)
        return Block(self.number, self.hash, day.date())

    @property
    def bloom(self) -> int:
        """The filter of its logs; 0 where none has been filled in."""
        return int((self.hex_bloom or "")[2:] or "0", 16)

    def may_hold(self, items: Iterable[Sequence[str]]) -> bool:
        """Whether the block may have a log with all of some addresses and topics, such as of a pair; if False, it has
        none (Yellow Paper, 4.4.1)."""
        return bloom.may_hold(self.bloom, items)


class Node:
    """A node behind a provider.

    Args:
        provider: what its requests go through.
        has_blooms: whether the chain fills the blooms of its blocks, so that they tell what a block does not have.
    """

    def __init__(self, provider: Provider, has_blooms: bool = True):
        self._provider = provider
        self.has_blooms = has_blooms

    @property
    def shown(self) -> str:
        """Its address as messages show it."""
        return self._provider.shown

    @property
    def in_flight(self) -> int:
        """The most concurrent requests."""
        return self._provider.in_flight

    def chain_id(self) -> int:
        """The number of its chain."""
        return int(self._call("eth_chainId", [], Quantity), 16)

    def header(self, which: int | str) -> Header | None:
        """The header of a block by number, LATEST or FINALIZED; None where there is no such block."""
        tag = hex(which) if isinstance(which, int) else which
        return self._call("eth_getBlockByNumber", [tag, False], Header | None)

    def headers(self, numbers: Iterable[int]) -> Iterator[Header | None]:
        """Headers in the order of `numbers`, several requests in flight."""
        batches = _batches(numbers)
        calls = ([[hex(number), False] for number in batch] for batch in batches)
        for found in in_order(
            lambda each: self._calls("eth_getBlockByNumber", each, Header | None), calls, self.in_flight
        ):
            yield from found

    def may_hold(self, header: Header, items: Iterable[Sequence[str]]) -> bool:
        """Whether the block may have a log with all of any of these groups of addresses and topics."""
        return not self.has_blooms or header.may_hold(items)

    def logs(self, first: int, last: int, pairs: Sequence[Pair]) -> pl.DataFrame:
        """Events of `pairs` in the blocks from `first` to `last`, as decode.LOGS.

        Raises:
            AnswerRefused: the provider answers with an error or with logs of other blocks.
        """
        query = _query({"fromBlock": hex(first), "toBlock": hex(last)}, pairs)
        found = decode.requested(self._provider.ask("eth_getLogs", [query], decode.logs, is_patient=False), pairs)
        if not found["block_number"].is_between(first, last).all():
            raise AnswerRefused(f"{self.shown} returned logs of blocks that were not requested")
        return found

    def logs_of(self, header: Header, pairs: Sequence[Pair]) -> pl.DataFrame:
        """Events of `pairs` in one block, requested by its hash: a node that does not know the block says so.

        Raises:
            AnswerRefused: as `logs`, after retries.
        """
        found = self._provider.ask("eth_getLogs", [_query({"blockHash": header.hash}, pairs)], decode.logs)
        return self._of_block(header, found, pairs)

    def logs_of_many(self, blocks: Sequence[tuple[Header, Sequence[Pair]]]) -> list[pl.DataFrame]:
        """The same for several blocks, with the events of each, in as few requests as the provider allows.

        Raises:
            AnswerRefused: as `logs_of`; of which block, the text says.
        """
        queries = [[_query({"blockHash": header.hash}, pairs)] for header, pairs in blocks]
        answers = self._calls("eth_getLogs", queries, msgspec.Raw)
        return [
            self._of_block(header, decode.logs(b'{"result":%b}' % bytes(answer)), pairs)
            for answer, (header, pairs) in zip(answers, blocks, strict=True)
        ]

    def _of_block(self, header: Header, found: pl.DataFrame, pairs: Sequence[Pair]) -> pl.DataFrame:
        """The logs of a block with its time, after a check that they are."""
        if not (found["block_hash"] == header.hash).all() or not (found["block_number"] == header.number).all():
            raise AnswerRefused(f"{self.shown} returned logs of blocks that were not requested")
        found = decode.requested(found, pairs)
        return found.with_columns(pl.lit(header.time, pl.Int64).alias("block_time"))

    def have_code(self, addresses: Sequence[str], at: int | str) -> list[bool]:
        """Whether each address has a contract at the end of a block."""
        tag = hex(at) if isinstance(at, int) else at
        codes = self._calls("eth_getCode", [[address, tag] for address in addresses], Digits)
        return [len(code) > 2 for code in codes]

    def supply(self, token: str, at: int) -> int:
        """A token's totalSupply at the end of a block, in its smallest units."""
        (units,) = self._numbers("eth_call", [[{"to": token, "data": TOTAL_SUPPLY}, hex(at)]])
        return units

    def balances(self, addresses: Sequence[str], token: str, at: int) -> list[int]:
        """What each address holds of a token (COIN for the chain's own) at the end of a block, in smallest units."""
        if token == COIN:
            return self._numbers("eth_getBalance", [[address, hex(at)] for address in addresses])
        try:
            return [units for batch in _batches(addresses) for units in self._balances_in_one_call(batch, token, at)]
        except AnswerRefused:
            return self._balances_by_calls(addresses, token, at)

    def _balances_in_one_call(self, addresses: Sequence[str], token: str, at: int) -> list[int]:
        """The same by `balance_calls`: a node loads the state of an old block once, not for each address."""
        data = balance_calls.code(token, addresses)
        return balance_calls.balances(self._call("eth_call", [{"data": data}, hex(at)], Digits), len(addresses))

    def _balances_by_calls(self, addresses: Sequence[str], token: str, at: int) -> list[int]:
        """The same by a call for each address."""
        data = [BALANCE_OF + 24 * "0" + address[2:] for address in addresses]
        return self._numbers("eth_call", [[{"to": token, "data": each}, hex(at)] for each in data])

    def owners(self, token: str, at: Sequence[int]) -> list[str]:
        """Who owns a token's contract at the end of blocks, in lower case.

        Raises:
            AnswerRefused: the contract does not say, or the node does not keep that state.
        """
        calls = [[{"to": token, "data": OWNER}, hex(number)] for number in at]
        answers = [each for batch in _batches(calls) for each in self._calls("eth_call", batch, AddressWord)]
        return ["0x" + answer[-40:].lower() for answer in answers]

    def callers(self, contract: str, transactions: Sequence[str]) -> list[str]:
        """Who called a contract in transactions, in lower case: the sender, or the contract that the sender called.

        Raises:
            AnswerRefused: the node does not have one of them.
        """
        batches = _batches([each] for each in transactions)
        found = [each for batch in batches for each in self._calls("eth_getTransactionByHash", batch, _Transaction)]
        return [(each.sender if each.to is None or each.to.lower() == contract else each.to).lower() for each in found]

    def _numbers(self, method: str, params: Sequence[Sequence]) -> list[int]:
        answers = self._calls(method, params, Digits)
        if any(len(answer) < 3 for answer in answers):
            raise AnswerRefused(f"{self.shown} answers '0x' to {method}", is_passing=False)
        return [int(answer, 16) for answer in answers]

    def _call(self, method: str, params: Sequence, kind: Any) -> Any:
        return self._provider.ask(method, params, lambda body: json_rpc.result(body, kind))

    def _calls(self, method: str, params: Sequence[Sequence], kind: Any) -> list:
        """Results in the order of `params`, requested as a batch, or in halves where a batch is refused."""
        if len(params) <= 1:
            return [self._call(method, each, kind) for each in params]
        try:
            return self._provider.ask_many(method, params, lambda body: json_rpc.results(body, len(params), kind))
        except AnswerRefused:
            half = len(params) // 2
            return self._calls(method, params[:half], kind) + self._calls(method, params[half:], kind)


def require_header(header: Header | None, node: Node, which: int | str) -> Header:
    """The header.

    Raises:
        NodeRefused: the node has no such block.
    """
    if header is None:
        raise NodeRefused(f"{node.shown} has no block {which}: let the node catch up, or use another.")
    return header


def _query(where: dict[str, str], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The filter of eth_getLogs that has all of `pairs`, and other combinations of their contracts and events."""
    addresses, topics = (sorted(set(each)) for each in zip(*pairs, strict=True))
    return where | {"address": addresses, "topics": [topics]}


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == CALLS_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
