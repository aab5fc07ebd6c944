"""Moves inside one owner: adjusted figures, echoes and shocks against plain Python, over made and recorded series."""

import csv
from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_memory import Node as Model
from in_memory import compiled, data_test, examples
from moves_oracle import DAY, NONE, Inside, Move, Node, as_moves, echo, excess

from orchestration.home import DBT_PROJECT

SHARED = Path(__file__).parents[3] / "shared"
RECORDED = SHARED / "archive/holder_series/published_utxo/20260101T120300Z.csv"
WORKED_OUT = SHARED / "holders/lth_adjusted_2025-09_2026-06.csv"

MARTS = ("onchain_lth_adjusted_daily", "onchain_internal_moves", "onchain_lth_shocks")
MADE = {*MARTS, "onchain_known_moves", "int_moves__lth_excess"}
"""What is built here; what these read is given."""
KEY = {"asset": "BTC", "network": "main", "series": "derived", "definition_id": "step"}
FIRST = date(2025, 3, 1)
AGE = 5
"""A threshold that makes echoes come soon."""

Tables = Mapping[str, list[dict]]


@pytest.fixture(scope="module")
def build() -> Callable[[Tables], duckdb.DuckDBPyConnection]:
    """Makes the marts of tables that have these rows; those that are not named have none."""
    models = compiled(*MARTS)
    texts = " ".join(model.sql for model in models if model.name in MADE)
    identities = data_test("adjusted_net_change_is_matured_less_spent")
    given = [model for model in models if model.name not in MADE and f'"{model.name}"' in texts]
    steps = [*given, *(model for model in models if model.name in MADE)]

    def build(tables: Tables) -> duckdb.DuckDBPyConnection:
        assert tables.keys() <= {model.name for model in given}
        con = duckdb.connect()
        con.execute("set threads = 1")
        for schema in {model.schema for model in steps} - {"main"}:
            con.execute(f"create schema {schema}")
        for model in steps:
            step(con, model, tables.get(model.name, []))
        assert con.execute(identities).fetchall() == []
        return con

    return build


COLUMNS_OF_OWN = {
    "stg_own_seeds__internal_moves": "asset string, network string, move_id string, move_date date, amount_native"
    " decimal(38, 8), lth_low_native decimal(38, 8), lth_high_native decimal(38, 8), kind string, owner string,"
    " confidence string, source_url string, continues_move_id string",
    "stg_own_seeds__holder_weights": "definition_id string, age_days int, weight bigint",
}


def step(con: duckdb.DuckDBPyConnection, model: Model, rows: list[dict]) -> None:
    if model.name in MADE:
        kind = "view" if model.kind == "view" else "table"
        if model.columns:
            con.execute(f"{model.table}; insert into {model.schema}.{model.name} by name {model.sql}")
        else:
            con.execute(f"create {kind} {model.schema}.{model.name} as {model.sql}")
        return
    columns = COLUMNS_OF_OWN.get(model.name) or ", ".join(f'"{n}" {t}' for n, t in model.columns.items())
    con.execute(f"create table {model.schema}.{model.name} ({columns})")
    if rows:
        con.register("given", pl.DataFrame(rows, infer_schema_length=None).to_arrow())
        con.execute(f"insert into {model.schema}.{model.name} by name from given")


def seed_moves(only: str = "") -> list[dict]:
    """The project's moves as rows, all or those of one name."""
    with (DBT_PROJECT / "seeds/internal_moves.csv").open() as file:
        rows = [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]
    return [row for row in rows if row["move_id"].startswith(only)]


@pytest.fixture(scope="module")
def recorded() -> dict[date, Decimal]:
    """Long-term supply of the recorded series by day."""
    if not RECORDED.is_file():
        pytest.skip("no recorded archive beside the project (../shared)")
    with RECORDED.open() as file:
        return {date.fromisoformat(row["date"]): Decimal(row["lth_btc"]) for row in csv.DictReader(file)}


def series_tables(supply: Mapping[date, Decimal], moves: list[dict], key: Mapping = KEY, age: int = 155) -> Tables:
    """The tables of a series of which supply alone is known."""
    key = key | {"is_final": True}
    rows = [
        key
        | {"value_date": day, "lth_native": lth}
        | {"net_change_native": lth - supply[day - DAY] if day - DAY in supply else None}
        for day, lth in supply.items()
    ]
    return {
        "onchain_holder_supply_daily": [
            {k: v for k, v in row.items() if k != "net_change_native"} | {"computation": 0} for row in rows
        ],
        "onchain_lth_flows_daily": [{k: v for k, v in row.items() if k != "lth_native"} for row in rows],
        "holder_definitions": [{"definition_id": key["definition_id"], "kind": "step", "age_days": age}],
        "internal_moves": [row | {"move_date": date.fromisoformat(str(row["move_date"]))} for row in moves],
    }


@pytest.fixture(scope="module")
def of_recorded(build, recorded) -> Callable[[str], duckdb.DuckDBPyConnection]:
    """The marts of the recorded series, with the project's moves of one name or with all of them."""
    return lambda only: build(series_tables(recorded, seed_moves(only), KEY | {"series": "published_utxo"}))


@pytest.fixture(scope="module")
def coinbase(of_recorded) -> duckdb.DuckDBPyConnection:
    return of_recorded("coinbase-2025")


@pytest.fixture(scope="module")
def all_known(of_recorded) -> duckdb.DuckDBPyConnection:
    return of_recorded("")


def changes(con: duckdb.DuckDBPyConnection, first: str, last: str) -> list[int]:
    """The change of long-term supply over days, raw, and by low and high bounds; in whole coins."""
    columns = ("net_change_native", "net_change_adjusted_low_native", "net_change_adjusted_high_native")
    sums = ", ".join(f"sum({column})" for column in columns)
    return [
        round(change)
        for change in con.sql(
            f"select {sums} from marts.onchain_lth_adjusted_daily where value_date between '{first}' and '{last}'"
        ).fetchall()[0]
    ]


def test_without_coinbases_move_november_2025_is_a_third_of_what_it_looks_like(coinbase):
    assert changes(coinbase, "2025-11-01", "2025-11-30") == [-955_718, -293_646, -253_747]
    assert changes(coinbase, "2025-10-28", "2025-11-26") == [-1_086_385, -424_313, -384_414]
    deepest = coinbase.sql(
        "select value_date, round(net_change_30d_adjusted_low_native), round(net_change_30d_adjusted_high_native)"
        " from marts.onchain_lth_adjusted_daily where value_date = '2025-11-26'"
    )
    assert deepest.fetchall() == [(date(2025, 11, 26), -424_313, -384_414)]


def test_every_recorded_day_of_what_was_worked_out_elsewhere_is_as_there(coinbase, recorded):
    if not WORKED_OUT.is_file():
        pytest.skip("no figures worked out elsewhere")
    with WORKED_OUT.open() as file:
        expected = {
            date.fromisoformat(row.pop("date")): tuple(Decimal(cell) for cell in row.values())
            for row in csv.DictReader(file)
        }
    columns = "lth_native, lth_adjusted_low_native, lth_adjusted_high_native, net_change_native,"
    columns += " net_change_adjusted_low_native, net_change_adjusted_high_native"
    rows = coinbase.sql(
        f"select value_date, {columns} from marts.onchain_lth_adjusted_daily where value_date >= '2025-09-30'"
    ).fetchall()
    found = {day: figures for day, *figures in rows}
    common = expected.keys() & found.keys()
    assert len(common) == 93
    for day in common:
        assert all(abs(a - b) < Decimal("2e-8") for a, b in zip(found[day], expected[day], strict=True)), day


def test_with_all_known_moves_the_claims_change_by_so_much_at_most(all_known):
    assert changes(all_known, "2025-10-01", "2025-11-04") == [-369_536, -369_536, -344_337]
    assert changes(all_known, "2025-10-30", "2025-10-31") == [-47_573, -47_573, -24_869]


def test_every_recorded_day_is_that_of_plain_python(all_known, recorded):
    low, high = (Inside(155, is_high).days(as_moves(seed_moves())) for is_high in (False, True))
    rows = all_known.sql(
        "select value_date, internal_low_native, internal_high_native, moved_low_native, moved_high_native,"
        " aged_low_native, aged_high_native, moved_again_high_native, unspent_basis"
        " from marts.onchain_lth_adjusted_daily"
    ).fetchall()
    assert len(rows) == len(recorded)
    for day, *figures, basis in rows:
        expected = [low.get(day), high.get(day)]
        values = [getattr(one, name) if one else 0 for name in ("inside", "moved", "aged") for one in expected]
        assert figures == [*values, expected[1].moved_again if expected[1] else 0], day
        assert basis == ("assumed_unspent" if expected[1] and expected[1].inside else None)


def test_recorded_shocks_and_their_echoes_are_those_of_plain_python(all_known, recorded):
    changes = {day: lth - recorded[day - DAY] for day, lth in recorded.items() if day - DAY in recorded}
    beyond = excess(changes)
    shocks = {
        day: values[1:]
        for day, values in beyond.items()
        if values[1] < -90_000 and values[2] is not None and values[2] < -6
    }
    since_2013 = [day for day in shocks if day.year >= 2013]
    echoes = {day: echo(beyond, day + 155 * DAY) for day in shocks}
    ratios = [echoes[day] / -shocks[day][0] for day in since_2013 if echoes[day] is not None]
    whole, gone = sum(r >= Decimal("0.7") for r in ratios), sum(r < Decimal("0.3") for r in ratios)
    assert [len(since_2013), len(ratios), whole, gone] == [46, 43, 24, 13]

    documented = {move.day for move in as_moves(seed_moves())}
    rows = all_known.sql(
        "select value_date, usual_change_native, excess_native, excess_deviations, echo_date, echo_native, echo_ratio"
        " from marts.onchain_lth_shocks"
    ).fetchall()
    assert {row[0] for row in rows} == shocks.keys() - documented
    for day, usual, fall, deviations, echo_date, echoed, ratio in rows:
        # the mean of two middle ones may have half a satoshi
        assert [usual, fall] == list(map(rounded, beyond[day][:2]))
        assert deviations == pytest.approx(float(shocks[day][1]), rel=1e-9)
        assert echo_date == day + 155 * DAY
        assert echoed == (None if echoes[day] is None else rounded(echoes[day]))
        if echoed is not None:
            assert ratio == pytest.approx(float(echoes[day] / -shocks[day][0]), rel=1e-9)
    moves = all_known.sql("select move_date, echo_date, echo_native from marts.onchain_internal_moves").fetchall()
    for day, echo_date, echoed in moves:
        expected = echo(beyond, echo_date)
        assert echoed == (None if expected is None or day not in beyond else rounded(expected)), day


def rounded(coins: Decimal) -> Decimal:
    return coins.quantize(Decimal("1e-8"), ROUND_HALF_UP)


def test_echoes_of_recorded_moves_say_whether_their_coins_moved_again(all_known):
    rows = all_known.sql("select move_id, move_date, echo_verdict from marts.onchain_internal_moves").fetchall()
    verdicts = {(name, str(day)): verdict for name, day, verdict in rows}
    assert len(verdicts) == len(seed_moves())
    assert {name for (name, _), verdict in verdicts.items() if verdict == "assumed_unspent"} == {
        "coinbase-2025",
        "lubian-2025",
    }
    assert verdicts["mtgox-2024", "2024-05-28"] == "moved_again"
    assert verdicts["bitfinex-seizure-2022", "2022-02-01"] == "not_moved_again"
    assert verdicts["coinbase-2018", "2018-12-04"] == "not_moved_again"
    assert verdicts["strategy-2025-11", "2025-11-14"] == "not_visible"


class World:
    """Some weeks of made holders, the moves of their coins, and, of those who have one, what a node knows."""

    def __init__(self, moves: list[Move], spent: list[int] | None, births: dict[int, list[int]] | None):
        self.moves = moves
        self.days = [FIRST + number * DAY for number in range(24)]
        self.spent = dict(zip(self.days, map(Decimal, spent), strict=True)) if spent else {}
        self.node = Node({}, {}) if births is not None else None
        for number, (left, *flows) in (births or {}).items():
            birth = FIRST + number * DAY
            self.node.created[birth] = Decimal(left + sum(flows))
            self.node.spent |= {(birth, birth + later * DAY): Decimal(coins) for later, coins in enumerate(flows)}
        self.series = "derived" if self.node else "published"

    @property
    def tables(self) -> Tables:
        key, lth = KEY | {"series": self.series}, Decimal(10_000)
        supply, flows = [], []
        for day in self.days:
            matured, spent = (Decimal(day.day * 7 % 50), self.spent[day]) if self.spent else (None, None)
            change = matured - spent if self.spent else Decimal(day.day % 5 - 2)
            lth += change
            row = key | {"value_date": day, "is_final": True}
            supply.append(row | {"lth_native": lth, "computation": 0})
            flows.append(row | {"matured_native": matured, "spent_native": spent, "net_change_native": change})
        chain, node = {"asset": "BTC", "network": "main", "kind": "transfer"}, self.node or Node({}, {})
        return {
            "onchain_holder_supply_daily": supply,
            "onchain_lth_flows_daily": flows,
            "holder_definitions": [{"definition_id": "step", "kind": "step", "age_days": AGE}],
            "internal_moves": [
                {"asset": "BTC", "network": "main", "move_id": move.move_id, "move_date": move.day, "kind": move.kind}
                | {"lth_low_native": move.low, "lth_high_native": move.high, "continues_move_id": move.continues}
                for move in self.moves
            ],
            "onchain_coin_created": [
                chain | {"birth_date": day, "amount_native": coins} for day, coins in node.created.items()
            ],
            "onchain_coin_flow": [
                chain | {"birth_date": birth, "spend_date": day, "amount_native": coins}
                for (birth, day), coins in node.spent.items()
            ],
        }


@st.composite
def worlds(draw) -> World:
    coins = st.integers(0, 40)
    moves: dict[tuple[str, int], Move] = {}
    for _ in range(draw(st.integers(1, 7))):
        name, number = draw(st.sampled_from("abcd")), draw(st.integers(0, 13))
        low, high = sorted((draw(coins), draw(coins)))
        kind = draw(
            st.sampled_from(["same_owner"] * 3 + ["custodian_change", "owner_change_no_sale", "sale", "seizure"])
        )
        earlier = [
            other for other in "abcd" if all(each < number for of, each in moves if of == other) and other != name
        ]
        known = [other for other in earlier if any(of == other for of, _ in moves)]
        continues = draw(st.sampled_from([None, *known]))
        moves.setdefault((name, number), Move(name, FIRST + number * DAY, Decimal(low), Decimal(high), kind, continues))
    over_before = [  # a day that a later draw adds to a continued move may not be after what continues it
        move
        for move in moves.values()
        if not move.continues or max(each.day for each in moves.values() if each.move_id == move.continues) < move.day
    ]
    spent = draw(st.none() | st.lists(coins, min_size=24, max_size=24))
    births = None
    if spent and draw(st.booleans()):
        days = {(move.day - FIRST).days for move in over_before}
        flows = st.lists(st.integers(0, 20), min_size=1, max_size=AGE + 2)
        births = {number: [draw(coins), *draw(flows)] for number in sorted(days)}
    return World(over_before, spent, births)


MADE_WORLDS = {
    "two moves of one day share what was spent": World(
        [Move("a", FIRST, Decimal(5), Decimal(20)), Move("b", FIRST, Decimal(0), Decimal(30))], [25] * 24, None
    ),
    "a low bound beyond what was spent is not cut": World(
        [Move("a", FIRST, Decimal(30), Decimal(40))], [25] * 24, None
    ),
    "coins spent before they are long-term again": World(
        [Move("a", FIRST, Decimal(10), Decimal(30))], [30] * 24, {0: [10, 5, 0, 15]}
    ),
    "a move that is continued, and then sold": World(
        [
            Move("a", FIRST, Decimal(10), Decimal(30)),
            Move("a", FIRST + DAY, Decimal(10), Decimal(10)),
            Move("b", FIRST + 3 * DAY, Decimal(15), Decimal(25), continues="a"),
            Move("c", FIRST + 7 * DAY, Decimal(5), Decimal(20), "sale", "b"),
        ],
        None,
        None,
    ),
    "what is continued when a part of it is long-term again already": World(
        [
            Move("a", FIRST, Decimal(10), Decimal(30)),
            Move("a", FIRST + 4 * DAY, Decimal(10), Decimal(20)),
            Move("b", FIRST + AGE * DAY, Decimal(6), Decimal(15), continues="a"),
        ],
        None,
        None,
    ),
}


def check_against_plain_python(build, world: World) -> None:
    rows = build(world.tables).sql("select * from marts.onchain_lth_adjusted_daily").to_arrow_table().to_pylist()
    assert len(rows) == len(world.days)
    expected = {
        scenario: Inside(AGE, scenario == "high", world.spent, world.node).days(world.moves)
        for scenario in ("low", "high")
    }
    raw = {row["value_date"]: row for row in world.tables["onchain_lth_flows_daily"]}
    for row in rows:
        for scenario, days in expected.items():
            check_day(row, scenario, days.get(row["value_date"]), raw[row["value_date"]])


def check_day(row: dict, scenario: str, expected, raw: dict) -> None:
    """Compare one day of a scenario, and the identities that hold in each."""
    found = {name: row[f"{name}_{scenario}_native"] for name in ("internal", "moved", "moved_again", "aged")}
    values = (expected.inside, expected.moved, expected.moved_again, expected.aged) if expected else (NONE,) * 4
    assert tuple(found.values()) == values, (row["value_date"], scenario)
    adjusted = {name: row[f"{name}_adjusted_{scenario}_native"] for name in ("lth", "matured", "spent", "net_change")}
    assert adjusted["lth"] == row["lth_native"] + found["internal"]
    left = found["moved_again"] + found["aged"]
    assert adjusted["net_change"] == raw["net_change_native"] + found["moved"] - left
    if raw["spent_native"] is None:
        assert adjusted["spent"] is adjusted["matured"] is None
    else:
        assert adjusted["spent"] == raw["spent_native"] - found["moved"] + found["moved_again"]
        assert adjusted["matured"] == raw["matured_native"] - found["aged"]
        assert adjusted["net_change"] == adjusted["matured"] - adjusted["spent"]


@pytest.mark.parametrize("world", MADE_WORLDS.values(), ids=MADE_WORLDS)
def test_made_moves_are_adjusted_for_as_in_plain_python(build, world):
    check_against_plain_python(build, world)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_moves_by_chance_are_adjusted_for_as_in_plain_python(build, world):
    check_against_plain_python(build, world)


def test_a_low_bound_beyond_what_was_spent_is_said_and_not_cut(build):
    con = build(MADE_WORLDS["a low bound beyond what was spent is not cut"].tables)
    assert con.sql("select echo_verdict from marts.onchain_internal_moves").fetchall() == [("exceeds_spent",)]
    days = "select spent_adjusted_low_native from marts.onchain_lth_adjusted_daily where value_date = '2025-03-01'"
    assert con.sql(days).fetchall() == [(-5,)]


def test_more_coins_than_there_are_give_no_figure(build):
    world = World([Move("a", FIRST + DAY, Decimal(5), Decimal(20_000))], None, None)
    tables = world.tables
    for row in tables["onchain_holder_supply_daily"]:
        row["supply_native"] = Decimal(20_000)
    days = build(tables).sql("select * from marts.onchain_lth_adjusted_daily order by value_date").to_arrow_table()
    measures = [f"{each}_native" for each in ("lth_adjusted_high", "net_change_adjusted_high")]
    for row in days.to_pylist():
        is_beyond = FIRST < row["value_date"] <= FIRST + DAY + AGE * DAY
        assert [row[each] is None for each in measures] == [is_beyond] * 2, row["value_date"]
        assert row["lth_adjusted_low_native"] is not None


def test_more_coins_than_there_are_fail_no_build_of_a_node(build):
    con = build(World([Move("a", FIRST, Decimal(20_999_999), Decimal(21_000_000))], [25] * 24, None).tables)
    unknown = "lth_adjusted_low_native is null and matured_adjusted_low_native is null"
    days = con.sql(f"select count(*) from marts.onchain_lth_adjusted_daily where {unknown}").fetchall()
    assert days == [(AGE + 1,)]


def test_no_figure_is_beyond_what_bitcoin_has_where_its_supply_is_not_known(build):
    con = build(World([Move("a", FIRST, Decimal(20_999_999), Decimal(21_000_000))], None, None).tables)
    days = f"select lth_adjusted_low_native from marts.onchain_lth_adjusted_daily where value_date = date '{FIRST}'"
    assert con.sql(days).fetchall() == [(None,)]
    assert con.sql("select echo_verdict from marts.onchain_internal_moves").fetchall() == [("exceeds_spent",)]


def test_a_users_own_step_is_adjusted_as_the_projects_and_a_curve_is_not(build):
    world = MADE_WORLDS["a low bound beyond what was spent is not cut"]
    own = dict(world.tables) | {"holder_definitions": []}
    weights = {"definition_id": "step", "age_days": AGE, "weight": 10**9}
    days = "select value_date, lth_adjusted_low_native, lth_adjusted_high_native from marts.onchain_lth_adjusted_daily"
    echoes = "select move_id, echo_date from marts.onchain_internal_moves"
    project, user = build(world.tables), build(own | {"stg_own_seeds__holder_weights": [weights]})
    for query in (days, echoes):
        assert user.sql(f"{query} order by all").fetchall() == project.sql(f"{query} order by all").fetchall()
    curve = build(
        own | {"stg_own_seeds__holder_weights": [weights | {"weight": 5 * 10**8}, weights | {"age_days": 99}]}
    )
    assert curve.sql(days).fetchall() == []
    assert [echo for _, echo in curve.sql(echoes).fetchall()] == [None]
