"""Compares tokens with the node's state at the last finalized block: their supply, and balances of a sample of holders
and of the watched addresses. It finds transfers that were left out, and changes of balances without a transfer."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import polars as pl

from ingestion.evm.errors import AnswerRefused
from ingestion.evm.ledger import EventLedger
from ingestion.evm.node import CALLS_A_BATCH, Header, Node, require_header
from ingestion.evm.rows import BALANCES, COIN, SUPPLIES, SUPPLY_EVENTS, ZERO_ADDRESS, Token, WatchList

# How many of a token's newest receivers, and of its largest ones, are compared: together one request.
SAMPLE = CALLS_A_BATCH // 2

Result = TypeVar("Result")


class StateAtBlock:
    """A node's state at the end of one block; `missing` is the message where the node no longer keeps it."""

    def __init__(self, node: Node, block: Header):
        self.node = node
        self.block = block
        self.missing: str | None = None

    def ask(self, question: Callable[[int], Result]) -> Result | None:
        """The answer; None where the node does not keep that state."""
        try:
            return question(self.block.number)
        except AnswerRefused as error:
            self.missing = (
                f"The accounts at block {self.block.number:,} cannot be compared ({error}): use a node that keeps their"
                " state, for old blocks an archive node; the logs are stored anyway."
            )
            return None


def reconcile(node: Node, ledger: EventLedger, watch_list: WatchList, first_blocks: Mapping[str, int]) -> list[str]:
    """Store supplies and balances, and refuse each token whose transfers do not add up to them.

    Returns:
        a message per refused token, and one where the node does not keep the state of the block.
    """
    number = ledger.record.final_number
    if number is None:
        return []
    state = StateAtBlock(node, require_header(node.header(number), node, number))
    failures = []
    for token in watch_list.tokens:
        if first_blocks.get(token.address, number + 1) > number:
            continue
        supply = state.ask(lambda at, token=token: _supply_in_hands(node, token, at))
        transfers = _transfers(ledger, token, first_blocks[token.address], number)
        total = None if transfers is None else _total(transfers)
        differences = _differences(state, ledger, watch_list, token, transfers)
        if supply is not None and total is not None and supply != total:
            differences.insert(0, f"its totalSupply is {supply:,} and its transfers give {total:,}")
        is_reconciled = None if supply is None or total is None else not differences
        ledger.add_states({"supplies": _supply(watch_list, state.block, token, supply, total, is_reconciled)})
        if differences:
            ledger.refuse(token.address)
            failures.append(
                f"{token.asset} ({token.address}) is refused at block {number:,}, {differences[0]}: if the provider"
                " left logs out, use another; if the token mints by Issue and Redeem, say so in the seeds"
                " (supply_events: issue_redeem); if it rebases, takes a fee or moved to another contract, remove it."
            )
    _own_coin(state, ledger, watch_list)
    return failures + ([state.missing] if state.missing else [])


def _supply_in_hands(node: Node, token: Token, at: int) -> int:
    """A token's totalSupply, without what the zero address holds where sending coins there leaves it as it is."""
    supply = node.supply(token.address, at)
    if not SUPPLY_EVENTS[token.supply_events]:
        return supply
    (lost,) = node.balances([ZERO_ADDRESS], token.address, at)
    return supply - lost


def _transfers(ledger: EventLedger, token: Token, first: int, last: int) -> pl.LazyFrame | None:
    """A token's transfers up to a block; None where some since its first block are missing."""
    if ledger.gaps(token.pairs, {token.address: first}, first, last):
        return None
    return ledger.scan("transfers").filter(pl.col("token") == token.address, pl.col("block_number") <= last)


def _total(transfers: pl.LazyFrame) -> int:
    """What was minted less what was burned, by transfers from and to the zero address."""
    (balance,) = _balances(transfers, [ZERO_ADDRESS])
    return -balance


def _balances(transfers: pl.LazyFrame, addresses: list[str]) -> list[int]:
    """What each address received less what it sent; an amount beyond UNITS makes it wrong, so the token is refused."""
    moved = pl.concat(
        [
            transfers.filter(pl.col(side).is_in(addresses))
            .group_by(pl.col(side).alias("address"))
            .agg(pl.col("amount_units").sum().cast(pl.Int128) * sign)
            for side, sign in (("to_address", 1), ("from_address", -1))
        ]
    )
    sums = dict(moved.group_by("address").agg(pl.col("amount_units").sum()).collect(engine="streaming").iter_rows())
    return [sums.get(address, 0) for address in addresses]


def _differences(
    state: StateAtBlock, ledger: EventLedger, watch_list: WatchList, token: Token, transfers: pl.LazyFrame | None
) -> list[str]:
    """Messages on addresses whose balance differs from their transfers; all requested balances are stored."""
    sample = set() if transfers is None else _sample(transfers) | _owners(transfers, token)
    addresses = sorted({*sample, *watch_list.addresses} - {ZERO_ADDRESS})
    balances = state.ask(lambda at: state.node.balances(addresses, token.address, at))
    if not balances:
        return []
    ledger.add_states({"balances": _balance_rows(watch_list, state.block, token.address, addresses, balances)})
    expected = balances if transfers is None else _balances(transfers, addresses)
    return [
        f"{address} holds {units:,} and its transfers give {sum_:,}"
        for address, units, sum_ in zip(addresses, balances, expected, strict=True)
        if units != sum_
    ]


def _sample(transfers: pl.LazyFrame) -> set[str]:
    """The newest receivers, and those of the largest amounts."""
    place = ["block_number", "log_index", "to_address"]
    newest = transfers.top_k(SAMPLE, by=place)
    # The newest of equal amounts, so that the same transfers give the same sample.
    largest = transfers.top_k(SAMPLE, by=["amount_units", *place])
    found = (each.select("to_address").collect(engine="streaming") for each in (newest, largest))
    return {address for each in found for address in each["to_address"]}


def _owners(transfers: pl.LazyFrame, token: Token) -> set[str]:
    """All to whom coins were issued, where that is the token's owner and therefore few."""
    if not SUPPLY_EVENTS[token.supply_events]:
        return set()
    minted = transfers.filter(pl.col("from_address") == ZERO_ADDRESS).select(pl.col("to_address").unique())
    return {*minted.collect(engine="streaming")["to_address"]}


def _own_coin(state: StateAtBlock, ledger: EventLedger, watch_list: WatchList) -> None:
    """Store the watched addresses' balances of the chain's own coin."""
    addresses = list(watch_list.addresses)
    if balances := state.ask(lambda at: state.node.balances(addresses, COIN, at)):
        ledger.add_states({"balances": _balance_rows(watch_list, state.block, COIN, addresses, balances)})


def _balance_rows(
    watch_list: WatchList, header: Header, token: str, addresses: list[str], units: list[int]
) -> pl.DataFrame:
    block = header.block
    rows = [
        (watch_list.network, watch_list.chain_id, address, token, block.date, block.number, block.hash, _units(amount))
        for address, amount in zip(addresses, units, strict=True)
    ]
    return pl.DataFrame(rows, schema=BALANCES, orient="row")


def _supply(
    watch_list: WatchList,
    header: Header,
    token: Token,
    supply: int | None,
    total: int | None,
    is_reconciled: bool | None,
) -> pl.DataFrame:
    block = header.block
    row = (watch_list.network, watch_list.chain_id, token.address, block.date, block.number, block.hash)
    row = (*row, _units(supply), _units(total), is_reconciled)
    return pl.DataFrame([row], schema=SUPPLIES, orient="row")


def _units(units: int | None) -> int | None:
    """Null beyond 38 digits, as for amounts."""
    return units if units is None or abs(units) < 10**38 else None
