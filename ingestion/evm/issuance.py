"""Coins that an owner issues and takes back without a Transfer, as TetherToken does (USDT on Ethereum and its copies).

    the constructor              credits the owner with the initial supply, and says nothing
    Issue(amount)                credits the owner
    Redeem(amount)               debits the owner
    DestroyedBlackFunds(a, n)    debits a, which is blacklisted

Each is rewritten as the Transfer from or to the zero address that ERC-20 recommends, so that mints and burns are the
same for all tokens. No event names the owner, nor tells that it changes: the node is asked for `owner()`.

A fee (none so far) is a Transfer of its own to the owner. Once the contract is deprecated it forwards to another, whose
totalSupply it gives: its token is then refused, and the new contract needs a row of its own in the seeds. Coins sent to
the zero address stay in totalSupply, but nobody can move them: they count as burned.
"""

from collections.abc import Collection, Iterable, Sequence

import polars as pl

from ingestion.evm import decode
from ingestion.evm.block_range import lowest
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.node import Header, Node, require_header
from ingestion.evm.rows import (
    DESTROYED_BLACK_FUNDS,
    ISSUE,
    SUPPLY_EVENTS,
    TRANSFER,
    ZERO_ADDRESS,
    Pair,
    Token,
    WatchList,
)

EVENTS = SUPPLY_EVENTS["issue_redeem"]
CONSTRUCTOR_INDEX = -1
"""The log index of the initial supply, for which there is no log: before all others of its block."""
NO_TRANSACTION = "0x" + 64 * "0"


class Issuance:
    """The tokens of a chain that mint and burn by EVENTS, with the node that names their owners.

    Attributes:
        failures: why some of a token's EVENTS could not be read, and what to do, by its address.
    """

    def __init__(self, node: Node, known: dict[str, int]):
        """`known` has the blocks that created contracts, as far as they are finalized; it is added to."""
        self.failures: dict[str, str] = {}
        self._node = node
        self._known = known
        self._created: dict[str, int] = {}

    def find(self, token: Token, first: int, finalized: int, head: int) -> None:
        """Find the block that created a token's contract, from `first` to `head`."""
        try:
            number = self._known.get(token.address)
            number = _created(self._node, token, first, head) if number is None else number
        except AnswerRefused as error:
            self._fail(token.address, error)
            return
        if number is None or number < first:
            self.failures[token.address] = (
                f"is older than block {first:,}, its first_block in the seeds: correct it there, for its first coins"
                " would be missing."
            )
            return
        self._created[token.address] = number
        if number <= finalized:
            self._known[token.address] = number

    def readable(self, pairs: Iterable[Pair]) -> tuple[Pair, ...]:
        """The pairs without the EVENTS of tokens of which `find` did not find the first block."""
        return tuple(pair for pair in pairs if pair[1] not in EVENTS or pair[0] in self._created)

    def sentences(self, watch_list: WatchList) -> list[str]:
        """The failures, with the names of their tokens."""
        return [f"{watch_list.name(address)} ({address}) {why}" for address, why in self.failures.items()]

    def as_transfers(
        self, found: pl.DataFrame, blocks: Collection[int], pairs: Sequence[Pair]
    ) -> tuple[pl.DataFrame, tuple[Pair, ...]]:
        """Logs with EVENTS rewritten as transfers, and the pairs of which they have all.

        Where the node cannot name a token's owner, its EVENTS are left out of logs and pairs, to be read another time.

        Args:
            found: decode.LOGS of `pairs`.
            blocks: the blocks that they are of.
        """
        tokens = {address for address, topic in pairs if topic in EVENTS}
        if not tokens:
            return found, tuple(pairs)
        is_told = pl.col("address").is_in(list(tokens)) & decode.event().is_in(EVENTS).fill_null(False)
        told = found.filter(is_told).with_columns(decode.shape()).filter(decode.has_known_shape()).select(found.columns)
        whole = set[str]()
        rewritten = [found.filter(~is_told)]
        for token in sorted(tokens):
            try:
                rewritten.append(self._rewritten(token, told.filter(pl.col("address") == token), blocks))
                whole.add(token)
            except AnswerRefused as error:
                self._fail(token, error)
        kept = tuple(pair for pair in pairs if pair[1] not in EVENTS or pair[0] in whole)
        return pl.concat(rewritten), kept

    def _fail(self, token: str, error: AnswerRefused) -> None:
        self.failures.setdefault(
            token,
            f"issues coins without a Transfer, and {self._node.shown} cannot say to whom ({error}): ask an archive"
            " node; what this one can tell is stored.",
        )

    def _rewritten(self, token: str, told: pl.DataFrame, blocks: Collection[int]) -> pl.DataFrame:
        """A token's EVENTS as transfers, with its initial supply where `blocks` have its first."""
        logs = told.rows(named=True)
        if self._created[token] in blocks:
            logs = [*self._initial_supply(token, logs), *logs]
        owners = self._owners(token, [log for log in logs if _event(log) != DESTROYED_BLACK_FUNDS])
        return pl.DataFrame([_as_transfer(log, owners.get(_place(log), "")) for log in logs], schema=decode.LOGS)

    def _initial_supply(self, token: str, logs: Sequence[dict]) -> list[dict]:
        """What the constructor gave the owner, as an Issue before all logs of its block; none where that is nothing."""
        number = self._created[token]
        header = require_header(self._node.header(number), self._node, number)
        told = sum(_change(log) for log in logs if log["block_number"] == number)
        units = self._node.supply(token, number) - told
        return [_issue(token, header, units)] if units > 0 else []

    def _owners(self, token: str, logs: Sequence[dict]) -> dict[tuple, str]:
        """The owner at each Issue and Redeem, by place.

        It is who owns the token both before and after the block. Where that changes, or where the node does not keep
        the state of the block, it is who called the token in that transaction, which only the owner may: the sender, or
        the contract between, such as a wallet of several keys. Owners take part in the comparison of balances, so that
        a wrong one would have the token refused.
        """
        numbers = {log["block_number"] for log in logs}
        asked = sorted({each for n in numbers for each in (n - 1, n) if each >= self._created[token]})
        try:
            owners = dict(zip(asked, self._node.owners(token, asked), strict=True))
        except AnswerRefused:
            owners = {}
        found, unsure = {}, []
        for log in logs:
            after = owners.get(log["block_number"])
            before = owners.get(log["block_number"] - 1, after)
            if after is not None and before == after:
                found[_place(log)] = after
            else:
                unsure.append(log)
        if any(log["log_index"] == CONSTRUCTOR_INDEX for log in unsure):
            raise AnswerRefused("the contract does not say who owns it", is_passing=False)
        callers = self._node.callers(token, [log["transaction_hash"] for log in unsure])
        return found | {_place(log): caller for log, caller in zip(unsure, callers, strict=True)}


def _created(node: Node, token: Token, first: int, last: int) -> int | None:
    """The block from `first` to `last` that created a token's contract; None where it is older.

    Raises:
        AnswerRefused: the node does not keep the state of old blocks.
    """

    def has_code(number: int) -> bool:
        return number >= first and node.have_code([token.address], number)[0]

    if first and node.have_code([token.address], first - 1)[0]:
        return None
    return first if has_code(first) else lowest(has_code, last)


def _event(log: dict) -> str:
    return log["topics"][0].lower()


def _place(log: dict) -> tuple:
    return log["block_hash"], log["transaction_hash"], log["log_index"]


def _arguments(log: dict) -> list[str]:
    """The digits of each argument, indexed or not."""
    digits = log["data"][2:]
    words = [digits[at : at + decode.DIGITS] for at in range(0, len(digits), decode.DIGITS)]
    return [*(topic[2:] for topic in log["topics"][1:]), *words]


def _change(log: dict) -> int:
    """What an event adds to the supply."""
    units = int(_arguments(log)[-1], 16)
    return units if _event(log) == ISSUE else -units


def _as_transfer(log: dict, owner: str) -> dict:
    *others, units = _arguments(log)
    holder = f"0x{others[0][24:]}" if _event(log) == DESTROYED_BLACK_FUNDS else owner
    parties = (ZERO_ADDRESS, holder) if _event(log) == ISSUE else (holder, ZERO_ADDRESS)
    topics = [TRANSFER, *("0x" + party[2:].rjust(decode.DIGITS, "0") for party in parties)]
    return log | {"topics": topics, "data": f"0x{units}"}


def _issue(token: str, header: Header, units: int) -> dict:
    return {
        "address": token,
        "topics": [ISSUE],
        "data": f"0x{units:064x}",
        "block_number": header.number,
        "block_hash": header.hash,
        "block_time": header.time,
        "transaction_hash": NO_TRANSACTION,
        "log_index": CONSTRUCTOR_INDEX,
    }
