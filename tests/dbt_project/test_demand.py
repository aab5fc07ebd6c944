"""Demand against supply by day, row for row against plain Python, over random flows and chains with gaps."""

import random
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

import duckdb
import polars as pl
import pytest
from demand_oracle import Chains, demand_vs_supply_daily
from fund_captures import DAY, Fund, Session, World
from fund_oracle import Rows
from in_memory import Node, compiled

from ingestion import calendar

MART = "demand_vs_supply_daily"
KEY = ("asset", "value_date", "holder_series", "definition_id", "window_days")
START = date(2025, 3, 3)
DEFINITIONS = ["age_155d_step", "age_155d_logistic", "age_150d_step"]
SERIES = [("derived", definition) for definition in DEFINITIONS] + [("theirs", "as_published")]
BANDS = {"6m-1y": False, "1y-2y": True, "10y+": True}
"""Age bands, and whether their coins have been idle for a year."""

Tables = Mapping[str, list[dict]]


@pytest.fixture(scope="module")
def rows_of() -> Callable[[Tables], list[dict]]:
    """The rows of the mart where the tables that it reads have these rows; those that are not named have none."""
    nodes = compiled(MART)
    model = nodes[-1]
    parents = [node for node in nodes if f".{node.name}" in model.sql.replace('"', "") and node is not model]

    def rows_of(tables: Tables) -> list[dict]:
        assert tables.keys() <= {node.name for node in parents}
        with duckdb.connect() as con:
            for schema in {node.schema for node in parents}:
                con.execute(f"create schema if not exists {schema}")
            for node in parents:
                fill(con, node, tables.get(node.name, []))
            return con.sql(model.sql).to_arrow_table().to_pylist()

    return rows_of


def fill(con: duckdb.DuckDBPyConnection, node: Node, rows: list[dict]) -> None:
    columns = ", ".join(f'"{name}" {kind}' for name, kind in node.columns.items())
    con.execute(f"create table {node.schema}.{node.name} ({columns})")
    if rows:
        con.register("given", pl.DataFrame(rows, infer_schema_length=None).to_arrow())
        con.execute(f"insert into {node.schema}.{node.name} by name from given")


@pytest.mark.parametrize("seed", range(12))
def test_every_row_is_that_of_plain_python(rows_of, seed):
    world, market, chains = made(random.Random(seed))
    expected = demand_vs_supply_daily(market, world, chains)
    found = {tuple(row.pop(name) for name in KEY): row for row in rows_of(tables(world, market, chains))}
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key] == row, key


def made(rng: random.Random) -> tuple[World, Rows, Chains]:
    """Forty days of one fund or two, and of holders by four definitions, each with days missing."""
    days = [START + number * DAY for number in range(40)]
    frame = calendar.sessions(START - 40 * DAY, days[-1]).select("session_date", "opens_at", "closes_at")
    sessions = [Session(*row) for row in frame.iter_rows()]
    first = rng.choice([START - 90 * DAY, START + 5 * DAY])
    world = World(sessions, [Fund("AAA", "BTC", first, None, 25, None), Fund("BBB", "BTC", START, None, 25, None)])
    traded = [session.day for session in sessions if rng.choice(days[:9]) <= session.day <= rng.choice(days[-9:])]
    market = {("BTC", day): market_row(rng) for day in traded}

    def amount(low: int, high: int) -> Decimal:
        return Decimal(rng.randint(low * 10**4, high * 10**4)) / 10**4

    def known(share: float) -> list[date]:
        return [day for day in days if rng.random() < share]

    chains = Chains(priorities=DEFINITIONS)
    kept = rng.sample(SERIES, rng.randint(1, 4))
    for series, definition in kept:
        for day in known(rng.choice([1, 0.95])):
            lth, sth = amount(13_000_000, 14_000_000), amount(5_000_000, 6_000_000)
            chains.supply["BTC", series, definition, day] = (lth, lth + sth, day < days[-3] or rng.random() < 0.5)
        if series == "derived":
            for day in known(rng.choice([1, 0.95])):
                if ("BTC", series, definition, day) in chains.supply:
                    chains.spent["BTC", series, definition, day] = amount(0, 90_000)
        if series != "derived" and rng.random() < 0.5:
            chains.seams["BTC", series, definition] = rng.choice(days)
        if series == "theirs":
            for day in known(rng.choice([0, 0.95, 1])):
                if ("BTC", series, definition, day) in chains.supply:
                    chains.published_issued["BTC", series, definition, day] = amount(300, 600)
    chains.issued = {("BTC", day): amount(300, 600) for day in known(rng.choice([0, 0.95, 1]))}
    chains.idle = {("BTC", day): amount(9_000_000, 9_100_000) for day in known(rng.choice([0, 0.95, 1]))}
    for key, (lth, *_) in chains.supply.items():
        if key[2].endswith("step") and rng.random() < 0.95:
            chains.adjusted[key] = (lth + amount(0, 50_000), lth + amount(0, 50_000))
    for series, definition in kept:
        for number, day in enumerate(rng.sample(days, rng.randint(0, 4))):
            chains.moves["BTC", series, definition, day] = {f"move {number}{rng.choice(['', ' (echo)'])}"}
    return world, market, chains


def market_row(rng: random.Random) -> dict:
    usd = rng.choice([None, 0.0, 1e6, -5e6, 3e7])
    native = None if usd is None or rng.random() < 0.1 else Decimal(str(usd)) / 100_000
    return {"net_flow_usd": usd, "net_flow_native": native, "is_complete": usd is not None and rng.random() < 0.9}


def tables(world: World, market: Rows, chains: Chains) -> Tables:
    """The marts and seeds that the mart reads."""
    main = {"asset": "BTC", "network": "main"}
    supply = [
        main
        | {"series": series, "definition_id": definition, "value_date": day, "lth_native": lth}
        | {"sth_native": coins - lth, "supply_native": coins, "is_final": is_final}
        | {"computation": int(day >= chains.seams.get(("BTC", series, definition), date.max))}
        for (_, series, definition, day), (lth, coins, is_final) in chains.supply.items()
    ]
    spent = [
        main
        | {"series": series, "definition_id": definition, "value_date": day}
        | {"spent_native": chains.spent.get(key), "issued_native": chains.published_issued.get(key)}
        for key in chains.spent | chains.published_issued
        for _, series, definition, day in [key]
    ]
    bands = [
        main | {"value_date": day, "age_band": band, "supply_native": coins / 2 if is_idle else Decimal(7)}
        for (_, day), coins in chains.idle.items()
        for band, is_idle in BANDS.items()
    ]
    adjusted = [
        main
        | {"series": series, "definition_id": definition, "value_date": day}
        | {"lth_adjusted_low_native": low, "lth_adjusted_high_native": high}
        for (_, series, definition, day), (low, high) in chains.adjusted.items()
    ]
    elsewhere = [row | {"network": "regtest", "supply_native": Decimal(1)} for row in supply[:5]]
    return {
        "etf_market_daily": [{"asset": asset, "trade_date": day} | row for (asset, day), row in market.items()],
        "funds": [
            {"ticker": fund.ticker, "asset": "BTC", "first_flow_date": fund.first_flow_date} for fund in world.funds
        ],
        "market_sessions": [
            {"session_date": session.day, "closes_at": session.closes_at} for session in world.sessions
        ],
        "onchain_holder_supply_daily": supply + elsewhere,
        "onchain_lth_flows_daily": spent,
        "onchain_blocks_daily": [
            main | {"value_date": day, "issued_native": coins} for (_, day), coins in chains.issued.items()
        ],
        "onchain_age_bands_daily": bands,
        "onchain_lth_adjusted_daily": adjusted,
        "onchain_internal_moves": [row for key, names in chains.moves.items() for row in move_rows(key, names)],
        "holder_definitions": [
            {"definition_id": definition, "priority": number} for number, definition in enumerate(DEFINITIONS, start=1)
        ],
    }


def move_rows(key: tuple, names: set[str]) -> list[dict]:
    """A row of a move for each name, one whose echo it is where the name says so; and a sale, which is no such move."""
    asset, series, definition, day = key
    of_series = {"asset": asset, "network": "main", "series": series, "definition_id": definition}
    moves = [
        of_series
        | {"move_id": name.removesuffix(" (echo)"), "kind": "seizure"}
        | ({"move_date": day - 155 * DAY, "echo_date": day} if name.endswith("(echo)") else {"move_date": day})
        for name in names
    ]
    return [*moves, of_series | {"move_id": "sold", "kind": "sale", "move_date": day, "echo_date": day}]
