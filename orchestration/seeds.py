"""The seeds that ingestion needs, typed: facts that a person reviews."""

import csv
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.errors import UsageError
from orchestration.home import DBT_PROJECT

if TYPE_CHECKING:
    from ingestion.evm.rows import WatchList

Row = dict[str, str]
Rows = Mapping[str, list[Row]]
"""Rows by the name of their seed."""
NONE: Rows = {}


def path(name: str) -> Path:
    """The file of a seed."""
    return DBT_PROJECT / "seeds" / f"{name}.csv"


def read(name: str) -> list[Row]:
    """The rows of a seed."""
    return list(csv.DictReader(path(name).read_text().splitlines()))


def chain_ids() -> dict[str, int]:
    """The chain id of each account chain in the project's seeds, by network."""
    return {row["network"]: int(row["chain_id"]) for name in ("tokens", "contracts") for row in read(name)}


def load_watch_list(
    chain_id: int, network: str | None = None, only: Collection[str] = (), own: Rows = NONE
) -> "WatchList":
    """The tokens, contracts and addresses to read on a chain.

    Args:
        chain_id: the chain's own number.
        network: its expected name.
        only: assets and protocols to read; empty for all.
        own: the user's rows, checked, beside those of the project.

    Raises:
        UsageError: the seeds and the user's rows lack the chain, have it under another name, or lack a name of `only`.
    """
    from ingestion.evm.rows import TOPICS, Contract, Token, WatchList

    tokens, contracts = (
        [row for row in (*read(name), *own.get(name, ())) if int(row["chain_id"]) == chain_id]
        for name in ("tokens", "contracts")
    )
    funds = [*read("fund_addresses"), *own.get("fund_addresses", ())]
    names = {row["network"] for row in (*tokens, *contracts)}
    if not names and network and any(row["network"] == network for row in funds):
        names = {network}
    if not names:
        raise UsageError(
            f"The provider serves the chain with id {chain_id}, which the seeds do not have: give another address, or"
            " name your tokens in a CSV, as `seeds.tokens` in flowhouse.toml."
        )
    (name,) = names
    if network not in (None, name):
        raise UsageError(f"The provider serves {name} (chain id {chain_id}), not {network}: give another address.")
    if unknown := {row["kind"] for row in contracts} - TOPICS.keys():
        raise UsageError(f"seeds/contracts.csv has the kind {min(unknown)}: choose one of {', '.join(TOPICS)}.")
    found = WatchList(
        name,
        chain_id,
        tuple(
            Token(row["address"], row["asset"], int(row["decimals"]), _block(row), row["supply_events"])
            for row in tokens
            if row["is_read"] == "true"
        ),
        tuple(Contract(row["address"], row["protocol"], row["kind"], _block(row)) for row in contracts),
        tuple(row["address"] for row in funds if row["network"] == name),
    )
    return _restricted(found, only) if only else found


def watched(network: str, own: Rows = NONE) -> dict[str, str | None]:
    """The addresses to watch on a UTXO chain, each with its entity, None where it is known of a fund alone.

    Args:
        network: the chain's network.
        own: the user's rows, checked, beside those of the project.
    """
    funds, entities = (
        [row for row in (*read(table), *own.get(table, ())) if row["network"] == network]
        for table in ("fund_addresses", "entities")
    )
    return {row["address"]: None for row in funds} | {
        row["address"]: row["entity"] for row in entities if row["label_verdict"] == "in_use"
    }


def _restricted(watch_list: "WatchList", only: Collection[str]) -> "WatchList":
    names = {watch_list.name(address) for address in watch_list.emitters}
    if unknown := set(only) - names:
        raise UsageError(f"{min(unknown)} is not read of {watch_list.network}: choose from {', '.join(sorted(names))}.")
    return replace(
        watch_list,
        tokens=tuple(token for token in watch_list.tokens if token.asset in only),
        contracts=tuple(contract for contract in watch_list.contracts if contract.protocol in only),
    )


def _block(row: dict[str, str]) -> int | None:
    return int(row["first_block"]) if row["first_block"] else None
