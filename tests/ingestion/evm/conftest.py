"""A real node with a history, for all tests that only read it."""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

import anvil
import pytest
from anvil import Anvil
from simulated import HOLDERS

from ingestion.evm.rows import ZERO_ADDRESS
from ingestion.sample import tokens as sample

BLOCKS, MOVES = 120, 30


class History(NamedTuple):
    """A node and the events that its contracts emitted: each one's arguments by (block, log index)."""

    node: Anvil
    moves: dict[tuple[int, int], tuple[str, str, str, int]]
    liquidation: tuple
    changes: list[tuple]


def deploy(node: Anvil) -> None:
    for token in sample.WATCHED.tokens:
        node.set_code(token.address, anvil.TOKEN)
    for contract in sample.WATCHED.contracts:
        node.set_code(contract.address, anvil.TELLER)


@pytest.fixture(scope="session")
def start_anvil() -> Iterator[Callable[[], Anvil]]:
    """Starts nodes with the contracts in place; they are stopped at the end."""
    if reason := anvil.missing():
        pytest.skip(reason)
    nodes = []

    def start() -> Anvil:
        nodes.append(Anvil())
        deploy(nodes[-1])
        nodes[-1].mine()
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


@pytest.fixture(scope="session")
def history(start_anvil) -> History:
    """Thousands of transfers over four years, mints, burns, to oneself and of nothing among them."""
    node, chance = start_anvil(), random.Random(5)
    moves, balances = {}, {token.address: dict.fromkeys(HOLDERS, 0) for token in sample.WATCHED.tokens}
    for number in range(2, 2 + BLOCKS):
        token = sample.WATCHED.tokens[number % 2].address
        asked = [_move(chance, balances[token]) for _ in range(MOVES)] if number % 5 else []
        if asked:
            node.move(token, *asked)
        moves |= {(number, index): (token, *move) for index, move in enumerate(asked)}
        node.mine(12 * 86_400 + number)
    liquidation, changes = _stress(node)
    node.mine()
    node.skip(70)
    return History(node, moves, liquidation, changes)


def _move(chance: random.Random, balance: dict[str, int]) -> tuple[str, str, int]:
    sender = chance.choice([ZERO_ADDRESS, *HOLDERS])
    receiver = chance.choice([ZERO_ADDRESS, sender, *HOLDERS])
    value = chance.choice([0, 1, chance.randrange(10**8), chance.randrange(10**24)])
    if sender != ZERO_ADDRESS:
        value = min(value, balance[sender])
        balance[sender] -= value
    if receiver != ZERO_ADDRESS:
        balance[receiver] += value
    return sender, receiver, value


def _stress(node: Anvil) -> tuple[tuple, list[tuple]]:
    """A liquidation, a user's internal balance up and down, and a swap."""
    (coin, dollar), (lender, vault) = sample.WATCHED.tokens, sample.WATCHED.contracts
    user, other = HOLDERS[:2]
    logs = [
        sample.liquidation(lender.address, coin.address, dollar.address, user, 5 * 10**9, 10**7, other),
        sample.internal_balance(vault.address, user, coin.address, 2**100),
        sample.internal_balance(vault.address, user, coin.address, -(2**100)),
        sample.swap(vault.address, sample.POOL_ID, dollar.address, coin.address, 12_345, 678),
    ]
    for log in logs:
        node.tell(log.address, list(log.topics), *log.words)
    pool = sample.POOL_ID[:42]
    changes = [
        (1, 0, "internal_balance", user, coin.address, 2**100),
        (2, 0, "internal_balance", user, coin.address, -(2**100)),
        (3, 0, "swap", pool, dollar.address, 12_345),
        (3, 1, "swap", pool, coin.address, -678),
    ]
    return (user, other, coin.address, dollar.address, 10**7, 5 * 10**9), changes
