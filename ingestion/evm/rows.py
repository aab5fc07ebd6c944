"""What is read of an account chain, and the rows that it adds to the lake, from any provider."""

from dataclasses import dataclass
from datetime import date

import polars as pl

UNITS = pl.Decimal(38, 0)
ZERO_ADDRESS = "0x" + 40 * "0"
COIN = ""
"""In place of a token's address: the chain's own coin."""

# keccak256 of the event's signature
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
LIQUIDATION_CALL = "0xe413a321e8681d831f4dbccbca790d2952b56f977908e45be37335533e005286"
INTERNAL_BALANCE_CHANGED = "0x18e1ea4139e68413d7d08aa752e71568e36b2c5bf940893314c2c5b01eaa0c42"
SWAP = "0x2170c741c41531aec20e7c107c24eecfdd15e69c9bb0a8dd37b1840b9e0b207b"
ISSUE = "0xcb8241adb0c3fdb35b70c24ce35c5eb0c17af7431c99f827d44a445ca624176a"
REDEEM = "0x702d5967f45f6513a38ffc42d6ba9bf230bd40e8f53b16363c7eb4fd2deb9a44"
DESTROYED_BLACK_FUNDS = "0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6"
TOPICS = {"aave_v3_pool": (LIQUIDATION_CALL,), "balancer_v2_vault": (INTERNAL_BALANCE_CHANGED, SWAP)}
"""The events read from a contract, by its kind."""
SUPPLY_EVENTS = {"transfer": (), "issue_redeem": (ISSUE, REDEEM, DESTROYED_BLACK_FUNDS)}
"""The events read from a token beside its transfers, by how it mints and burns: by a Transfer from or to the zero
address, as ERC-20 recommends, or by events of its own (see `issuance`)."""

CHAIN = {"network": pl.String, "chain_id": pl.Int64}
PLACE = {
    "block_number": pl.Int64,
    "block_hash": pl.String,
    "log_index": pl.Int64,
    "value_date": pl.Date,
    "transaction_hash": pl.String,
}
TRANSFERS = {
    **CHAIN,
    "token": pl.String,
    **PLACE,
    "from_address": pl.String,
    "to_address": pl.String,
    "value_bytes": pl.Binary,
    "amount_units": UNITS,
    "is_overflow": pl.Boolean,
    "is_final": pl.Boolean,
}
LIQUIDATIONS = {
    **CHAIN,
    "protocol": pl.String,
    "contract": pl.String,
    **PLACE,
    "user_address": pl.String,
    "liquidator_address": pl.String,
    "collateral_token": pl.String,
    "debt_token": pl.String,
    "collateral_units": UNITS,
    "debt_units": UNITS,
    "is_final": pl.Boolean,
}
VAULT_CHANGES = {
    **CHAIN,
    "protocol": pl.String,
    "vault": pl.String,
    **PLACE,
    "leg": pl.Int64,
    "kind": pl.String,
    "user_address": pl.String,
    "token": pl.String,
    "delta_units": UNITS,
    "is_final": pl.Boolean,
}
BALANCES = {
    **CHAIN,
    "address": pl.String,
    "token": pl.String,
    "value_date": pl.Date,
    "block_number": pl.Int64,
    "block_hash": pl.String,
    "balance_units": UNITS,
}
SUPPLIES = {
    **CHAIN,
    "token": pl.String,
    "value_date": pl.Date,
    "block_number": pl.Int64,
    "block_hash": pl.String,
    "supply_units": UNITS,
    "held_units": UNITS,
    "is_reconciled": pl.Boolean,
}
COVERAGE = {
    **CHAIN,
    "contract": pl.String,
    "topic": pl.String,
    "from_block": pl.Int64,
    "to_block": pl.Int64,
    "to_block_hash": pl.String,
    "to_value_date": pl.Date,
    "is_final": pl.Boolean,
}
EVENTS = {"transfers": TRANSFERS, "liquidations": LIQUIDATIONS, "vault_changes": VAULT_CHANGES}
"""Tables decoded from logs; each row names its block."""
STATES = {"balances": BALANCES, "supplies": SUPPLIES, "coverage": COVERAGE}
EMITTERS = {"transfers": "token", "liquidations": "contract", "vault_changes": "vault"}
"""The column that names the contract a row's log came from."""
LOG_KEY = ["block_hash", "transaction_hash", "log_index"]

Pair = tuple[str, str]
"""Address of a contract, and an event's topic."""


@dataclass(frozen=True)
class Token:
    """A token: `decimals` turn its smallest units into coins of `asset`; `first_block` is None where unknown, and
    `supply_events` one of SUPPLY_EVENTS."""

    address: str
    asset: str
    decimals: int
    first_block: int | None = None
    supply_events: str = "transfer"

    @property
    def pairs(self) -> list[Pair]:
        """The events that move, mint and burn its coins."""
        return [(self.address, topic) for topic in (TRANSFER, *SUPPLY_EVENTS[self.supply_events])]


@dataclass(frozen=True)
class Contract:
    """A contract of a protocol; `kind` is one of TOPICS, `first_block` None where unknown."""

    address: str
    protocol: str
    kind: str
    first_block: int | None = None


@dataclass(frozen=True)
class WatchList:
    """What is read of one chain; addresses in lower case.

    Attributes:
        network, chain_id: the chain.
        tokens, contracts: those whose logs are read.
        addresses: those whose balances are read, of each token and of the chain's own coin.
    """

    network: str
    chain_id: int
    tokens: tuple[Token, ...] = ()
    contracts: tuple[Contract, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def emitters(self) -> dict[str, Token | Contract]:
        """Tokens and contracts by address."""
        return {each.address: each for each in (*self.tokens, *self.contracts)}

    def name(self, address: str) -> str:
        """The name of a token or contract in messages."""
        emitter = self.emitters[address]
        return emitter.asset if isinstance(emitter, Token) else emitter.protocol

    @property
    def pairs(self) -> list[Pair]:
        """The events read, by contract."""
        return [pair for token in self.tokens for pair in token.pairs] + [
            (each.address, topic) for each in self.contracts for topic in TOPICS[each.kind]
        ]


@dataclass(frozen=True)
class Span:
    """Blocks from `first` to `last` whose events of `pairs` are to be read."""

    first: int
    last: int
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Block:
    """A block as the lake names it: its number, its hash, and the UTC day of its time."""

    number: int
    hash: str
    date: date
