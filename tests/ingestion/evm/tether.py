"""TetherToken in plain Python, after its source (0xdac17f958d2ee523a2206206994597c13d831ec7 on Ethereum), on a
simulated chain whose node answers for the state of any block."""

import random
from copy import deepcopy
from dataclasses import dataclass, field

from simulated import HOLDERS, Spoilt

from ingestion.evm.node import OWNER, TOTAL_SUPPLY
from ingestion.evm.rows import DESTROYED_BLACK_FUNDS, ISSUE, REDEEM, ZERO_ADDRESS, Token, WatchList
from ingestion.sample import tokens as sample
from ingestion.sample.tokens import Log, transfer

BORN = 3
TETHER = Token("0x" + 40 * "d", "TETHER", 6, BORN, "issue_redeem")
WATCHED = WatchList("anvil", 31337, (TETHER, sample.BITCOIN))
KEY = "0x" + 40 * "c"
"""Sends transactions to an owner that is a contract itself."""


@dataclass
class Contract:
    """What the contract keeps, and what it tells of each call."""

    owner: str
    supply: int
    balances: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.balances = {self.owner: self.supply}

    def _add(self, holder: str, units: int) -> None:
        self.balances[holder] = self.balances.get(holder, 0) + units

    def issue(self, units: int) -> Log:
        self._add(self.owner, units)
        self.supply += units
        return Log(TETHER.address, (ISSUE,), (units,))

    def redeem(self, units: int) -> Log:
        self._add(self.owner, -units)
        self.supply -= units
        return Log(TETHER.address, (REDEEM,), (units,))

    def destroy(self, holder: str) -> Log:
        units = self.balances.pop(holder, 0)
        self.supply -= units
        return Log(TETHER.address, (DESTROYED_BLACK_FUNDS,), (int(holder, 16), units))

    def pay(self, sender: str, receiver: str, units: int) -> Log:
        self._add(sender, -units)
        self._add(receiver, units)
        return transfer(TETHER.address, sender, receiver, units)

    def any_call(self, chance: random.Random) -> Log:
        """A call that could happen: to the zero address and to oneself too."""
        holder = chance.choice([each for each in self.balances if each != ZERO_ADDRESS])
        match chance.randrange(8):
            case 0:
                return self.issue(chance.randrange(1, 10**15))
            case 1:
                return self.redeem(self.balances.get(self.owner, 0) // 3)
            case 2 if holder != self.owner:
                return self.destroy(chance.choice([holder, ZERO_ADDRESS]))
            case _:
                units = chance.choice([0, self.balances[holder] // 2, self.balances[holder]])
                return self.pay(holder, chance.choice([*HOLDERS[:6], ZERO_ADDRESS, holder]), units)


@dataclass
class Chain(sample.Chain):
    """A chain that keeps the contract's state at the end of each block, by its hash, and who called in it."""

    states: dict[str, Contract] = field(default_factory=dict)
    senders: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, contract: Contract | None, *logs: Log, via: tuple[str, str] | None = None, salt: str = "") -> None:
        """Mine a block; `via` is who sent its transactions, to which contract."""
        block = self.mine(1_700_000_000 + 12 * len(self.blocks), logs, salt)
        if contract:
            self.states[block.hash] = deepcopy(contract)
            self.senders[block.hash] = via or (contract.owner, TETHER.address)

    def contract(self) -> Contract:
        """The contract at the end, to go on with."""
        return deepcopy(self.states[self.blocks[-1].hash])

    def fork(self, depth: int) -> "Chain":
        kept = self.blocks[: len(self.blocks) - depth]
        return Chain(self.not_final, kept, dict(self.supply), dict(self.states), dict(self.senders))


class Node(Spoilt):
    """A node that keeps all states, or those from a block on."""

    chain: Chain

    def __init__(self, chain: Chain, oldest_state: int = 0):
        super().__init__(chain)
        self.oldest_state = oldest_state
        self.calls: list[tuple[str, int]] = []

    def _state(self, tag: str) -> Contract | None:
        if self._number(tag) < self.oldest_state:
            raise LookupError("missing trie node")
        return self.chain.states.get(self.chain.blocks[self._number(tag)].hash)

    def eth_getCode(self, address: str, tag: str) -> str:
        if address != TETHER.address:
            return super().eth_getCode(address, tag)
        return "0x00" if self._state(tag) else "0x"

    def eth_call(self, call: dict, tag: str) -> str:
        if call["to"] != TETHER.address:
            return super().eth_call(call, tag)
        state, data = self._state(tag), call["data"]
        self.calls.append((data[:10], self._number(tag)))
        if state is None:
            return "0x"
        if data in (OWNER, TOTAL_SUPPLY):
            return f"0x{int(state.owner, 16) if data == OWNER else state.supply:064x}"
        return hex(state.balances.get("0x" + data[-40:], 0))

    def eth_getTransactionByHash(self, transaction: str) -> dict | None:
        for block in self.chain.blocks:
            for told in sample._logs(block):
                if told["transactionHash"] == transaction:
                    sender, to = self.chain.senders[block.hash]
                    return {"from": sender, "to": to}
        return None


def history(seed: int, blocks: int = 40, not_final: int = 8) -> Chain:
    """A random life of the contract: its owner changes now and then, within a block too."""
    chance, made = random.Random(seed), Chain(not_final)
    for _ in range(BORN):
        made.add(None)
    contract = Contract(HOLDERS[0], chance.choice([0, 10**11]))
    made.add(contract, *[contract.any_call(chance) for _ in range(chance.choice([0, 3]))])
    while len(made.blocks) < blocks:
        logs = [contract.any_call(chance) for _ in range(chance.choice([0, 1, 6]))]
        via = chance.choice([(contract.owner, TETHER.address), (KEY, contract.owner)])
        if chance.random() < 0.2:
            contract.owner = chance.choice(HOLDERS[:6])
        made.add(contract, *logs, via=via)
    return made
