"""Flows of entities and balances of funds on a UTXO chain, from blocks to marts, against plain Python."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import in_memory
import polars as pl
import pytest
from test_ledger import folder
from watched_chain import PROGRAM, REGTEST, WATCHED, address_of, day_of, flows, grown, nets, witness

from ingestion.bitcoin import ingest
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.rows import TABLES
from ingestion.lake.parts import counted_parts
from ingestion.lake.tables import Lake
from ingestion.sample.regtest import Chain

MARTS = ("onchain_entity_flows_daily", "onchain_fund_wallets_daily", "onchain_fund_wallets_compared_daily")
ADDED = address_of(witness(0, PROGRAM))
"""Watched from height ADDED_AT on; of the Custodian."""
ADDED_AT = 41
FUND = [address for address, entity in WATCHED.items() if entity in (None, "Exchange")]
KINDS = {"Exchange": "exchange", "Custodian": "custodian", "Anchor": "pool"}
CONFIRMATIONS = 10
COIN = Decimal(100_000_000)


def day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


@pytest.fixture(scope="module")
def sql() -> dict[str, str]:
    return {node.name: node.sql for node in in_memory.compiled(*MARTS)}


@pytest.fixture(scope="module")
def chain() -> Chain:
    return grown(21)


@pytest.fixture(scope="module")
def lake(tmp_path_factory, chain) -> Lake:
    """What was read of the chain, in two steps."""
    path = tmp_path_factory.mktemp("chain")
    lake = Lake(path / "lake")
    before = {address: entity for address, entity in WATCHED.items() if address != ADDED}
    for height, watched in ((ADDED_AT - 1, before), (90, WATCHED)):
        folder(path / "node", Chain(chain.blocks[: height + 1]))
        ingest.from_files(lake, FileChain(path / "node", REGTEST), CONFIRMATIONS, watched=watched)
    return lake


@pytest.fixture(scope="module")
def days(chain) -> list[int]:
    return list(range(day_of(chain, 0), day_of(chain, 90) + 1))


@pytest.fixture(scope="module")
def mart(sql, chain, lake, days) -> Callable[..., list[dict]]:
    """The rows of a mart, over the lake, these labels, and counts of an issuer."""

    def mart(name: str, funds: dict[str, str], held: dict[int, Decimal]) -> list[dict]:
        blocks = [day_of(chain, height) for height in range(91)]
        frames = {
            f"staging.stg_bitcoin__{table}": pl.concat(
                lake.read("bitcoin", table, schema, part) for part in counted_parts(lake, "bitcoin", table)
            )
            for table, schema in TABLES.items()
        }
        frames["intermediate.int_onchain__days"] = pl.DataFrame(
            {
                "asset": "BTC",
                "network": "regtest",
                "value_date": [day(number) for number in days],
                "last_date": day(days[-1]),
                "is_token": False,
                "is_final": [number < blocks[90 - CONFIRMATIONS + 1] for number in days],
            }
        )
        entities = [("regtest", address, name, KINDS[name]) for address, name in WATCHED.items() if name]
        columns = ["network", "address", "entity", "kind"]
        frames["intermediate.int_tokens__entities"] = pl.DataFrame(entities, schema=columns, orient="row")
        labels = [(fund, "regtest", address, "page", "in_use") for address, fund in funds.items()]
        columns = ["ticker", "network", "address", "provenance", "label_verdict"]
        frames["seeds.fund_addresses"] = pl.DataFrame(labels, schema=dict.fromkeys(columns, pl.String), orient="row")
        frames["staging.stg_own_seeds__fund_addresses"] = frames["seeds.fund_addresses"].clear()
        frames["marts.market_sessions"] = pl.DataFrame({"session_date": [day(number) for number in days]})
        frames["marts.etf_holdings_daily"] = pl.DataFrame(
            [("BTC", "FUND", day(number), "issuer", amount) for number, amount in held.items()],
            schema={
                **{"asset": pl.String, "ticker": pl.String, "as_of_date": pl.Date, "source": pl.String},
                "native_held": pl.Decimal(38, 8),
            },
            orient="row",
        )
        with duckdb.connect() as con:
            for schema in ("staging", "intermediate", "seeds", "marts"):
                con.execute(f"create schema {schema}")
            con.execute(
                "create table staging.stg_evm__balances (network varchar, address varchar, token varchar,"
                " value_date date, balance_units decimal(38, 0));"
                "create table intermediate.int_tokens__listed (network varchar, address varchar, asset varchar,"
                " decimals integer)"
            )
            for table, rows in frames.items():
                con.register("given", rows.to_arrow())
                con.execute(f"create table {table} as from given")
            con.execute(f"create table marts.onchain_fund_wallets_daily as {sql['onchain_fund_wallets_daily']}")
            return con.sql(sql[name]).pl().to_dicts()

    return mart


def balances(chain: Chain, addresses: list[str], days: list[int]) -> dict[tuple[str, int], int]:
    """The satoshi at each address at the end of each day from its first coin on."""
    moved, found = flows(chain, WATCHED, 1), {}
    for address in addresses:
        total, is_known = 0, False
        for number in days:
            received, sent, *_ = moved.get((number, address), (0, 0))
            total += received - sent
            is_known |= (number, address) in moved
            if is_known:
                found[address, number] = total
    return found


def test_flows_of_entities_are_those_of_the_oracle_on_days_wholly_watched(mart, chain, days):
    found = {(row["entity"], row["value_date"]): row for row in mart(MARTS[0], {}, {})}
    first_heights = {day_of(chain, height): height for height in range(90, -1, -1)}
    since = {"Exchange": 0, "Anchor": 0, "Custodian": ADDED_AT}
    moved = nets(chain, WATCHED, 1)
    first_days = {name: min(n for n, first in first_heights.items() if first >= since[name]) for name in since}
    assert days[0] < first_days["Custodian"] < days[-1]
    assert found.keys() == {(name, day(n)) for name in since for n in days if n >= first_days[name]}
    for (name, at), row in found.items():
        inflow, outflow = moved.get(((at - date(1970, 1, 1)).days, name), (0, 0))
        assert (row["inflow_native"] * COIN, row["outflow_native"] * COIN) == (inflow, outflow)
        assert row["net_flow_native"] * COIN == inflow - outflow
        assert (row["kind"], row["watched_from_date"]) == (KINDS[name], day(first_days[name]))
    pending = {at for (_, at), row in found.items() if not row["is_final"]}
    assert pending == {day(n) for n in days if n >= day_of(chain, 90 - CONFIRMATIONS + 1)}


def test_balances_of_funds_are_those_of_the_oracle_where_they_can_be_known(mart, chain, days):
    rows = mart(MARTS[1], dict.fromkeys([*FUND, ADDED], "FUND"), {})
    found = {(row["address"], (row["value_date"] - date(1970, 1, 1)).days): row["balance_native"] for row in rows}
    of_added = {key: amount for key, amount in found.items() if key[0] == ADDED}
    assert set(of_added.values()) == {None}
    expected = balances(chain, FUND, days)
    assert {key: amount * COIN for key, amount in found.items() if key not in of_added} == expected
    assert len(expected) > 5 * len(FUND)


def test_a_fund_is_compared_with_its_issuers_count(mart, chain, days):
    at_end = balances(chain, FUND, days)
    complete = [n for n in days if all((address, n) in at_end for address in FUND)]
    total = {n: sum(at_end[address, n] for address in FUND) / COIN for n in complete}
    held = {n - 1: amount for n, amount in total.items() if n - 1 >= days[0]}  # settled a session later
    rows = mart(MARTS[2], dict.fromkeys(FUND, "FUND"), held)
    assert {row["lag_sessions"] for row in rows} == {1}
    assert {row["difference_native"] for row in rows} == {0}
    assert len(rows) == len(held)
    rows = mart(MARTS[2], dict.fromkeys([*FUND, ADDED], "FUND"), held)
    assert {row["difference_native"] for row in rows} == {None}
    assert {row["wallets_expected_count"] for row in rows} == {len(FUND) + 1}
