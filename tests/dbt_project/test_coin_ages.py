"""Compiled code adds up the coins of chains by age as SQL does: every row and type, over random chains and tokens.

What SQL gives is held against sums over single coins in test_onchain.py.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import duckdb
import polars as pl
import pytest
from in_memory import compiled

from orchestration.coin_ages import job
from orchestration.coin_ages.job import Tables

DAY = timedelta(days=1)
FIRST = date(2011, 1, 1)
CHAIN, SNAPSHOT, TOKEN = ("BTC", "main"), ("BTC", "signet"), ("USDX", "ethereum")
SPANS = {CHAIN: (0, 400), SNAPSHOT: (150, 300), TOKEN: (10, 90)}
CLASSES = [0, 1, 2, 3, 7, 30, 31, 32, 90, 365, 730]
MOST = 2**63 - 1
TABLES = Tables(
    "intermediate.int_onchain__days",
    "intermediate.int_onchain__ages",
    "intermediate.int_onchain__closes",
    "staging.stg_bitcoin__coin_created",
    "staging.stg_bitcoin__coin_flow",
)
UNITS, DOLLARS = pl.Decimal(38, 0), pl.Decimal(38, 8)
SCHEMAS = {
    TABLES.days: {"day_number": pl.Int64, "is_token": pl.Boolean, "first_date": pl.Date, "last_date": pl.Date},
    TABLES.closes: {"value_date": pl.Date, "close_fixed": DOLLARS, "is_uncertain": pl.Boolean},
    TABLES.created: {"birth_date": pl.Date, "kind": pl.String, "amount_sats": pl.Int64},
    TABLES.flow: {"spend_date": pl.Date, "birth_date": pl.Date, "kind": pl.String, "amount_sats": pl.Int64},
    "intermediate.int_tokens__coins": {
        "value_date": pl.Date,
        "birth_date": pl.Date,
        "kind": pl.String,
        "is_spent": pl.Boolean,
        "amount_units": UNITS,
    },
}
BY_SQL = cache(lambda: compiled("int_onchain__ages_daily")[-1].sql)


@dataclass
class World:
    """Rows of the tables, each beginning with asset and network."""

    rows: dict[str, list[list]] = field(default_factory=lambda: {name: [] for name in SCHEMAS})

    def add(self, name: str, chain: tuple[str, str], *values) -> None:
        self.rows[name].append([*chain, *values])

    def write(self, con: duckdb.DuckDBPyConnection, classes: list[int]) -> None:
        """The tables, in place of those of another world, and what SQL makes of them."""
        con.execute("create schema if not exists staging; create schema if not exists intermediate")
        for name, rows in self.rows.items():
            schema = {"asset": pl.String, "network": pl.String, **SCHEMAS[name]}
            con.register("given", pl.DataFrame(rows, schema, orient="row").to_arrow())
            more = ", cast(close_fixed as double) as close_usd" if name == TABLES.closes else ""
            con.execute(f"create or replace table {name} as select *{more} from given")
        con.execute(
            f"create or replace table {TABLES.ages} as"
            f" select age_days, max(age_days) filter (age_days in {tuple(classes)})"
            " over (order by age_days) as class_age_days, age_days = class_age_days as is_threshold"
            " from (select unnest(range(1000)) as age_days)"
        )
        con.execute(f"create or replace table by_sql as {BY_SQL()}")


def any_world(rng: random.Random, *, largest: int = 10**8, coins: int = 120) -> World:
    """Coins of two chains, one from a snapshot on, and of a token; closes are missing, uncertain, 0 or huge."""
    world = World()
    for chain, (first, last) in SPANS.items():
        is_token = chain == TOKEN
        world.add(TABLES.days, chain, 0, is_token, FIRST + DAY * first, FIRST + DAY * last)
        world.add(TABLES.days, chain, 1, is_token, FIRST + DAY * first, FIRST + DAY * last)
        begin = 0 if chain == SNAPSHOT else first
        for number in range(begin, last + 30):
            close = rng.choice([0, Decimal(rng.randint(1, 10**9)).scaleb(-8), rng.randint(1, 10**6), 9 * 10**10])
            row = [None if rng.random() < 0.1 else Decimal(close), rng.random() < 0.1]
            world.add(TABLES.closes, chain, FIRST + DAY * number, *row)
        for _ in range(rng.choice([0, 1, coins])):
            add_coin(world, chain, begin, rng, rng.choice([0, 1, rng.randint(1, largest), largest]))
    return world


def usual_world(number: int) -> World:
    """With coins of all three, spent on their first and last days too."""
    world = any_world(random.Random(number), largest=1000)
    for chain, (first, last) in SPANS.items():
        if chain != TOKEN:
            world.add(TABLES.created, chain, FIRST + DAY * first, "transfer", 10)
            world.add(TABLES.flow, chain, FIRST + DAY * (last - 1), FIRST + DAY * first, "transfer", 10)
    return world


def add_coin(world: World, chain: tuple[str, str], begin: int, rng: random.Random, amount: int) -> None:
    first, last = SPANS[chain]
    birth = rng.choice([begin, rng.randint(begin, last), last])
    spend = rng.choice(
        [None, rng.randint(max(first, birth), last), max(first, birth), min(last, max(first, birth + 7))]
    )
    days = FIRST + DAY * birth, spend and FIRST + DAY * spend
    kind = rng.choice(["transfer", "coinbase"])
    if chain == TOKEN:
        coins = "intermediate.int_tokens__coins"
        world.add(coins, chain, days[0], days[0], "mint", False, amount)
        if days[1]:
            world.add(coins, chain, days[1], days[0], rng.choice(["transfer", "burn"]), True, amount)
            world.add(coins, chain, days[1], None, "transfer", True, amount)  # sent before it came
        return
    world.add(TABLES.created, chain, days[0], kind, amount)
    if days[1]:
        world.add(TABLES.flow, chain, days[1], days[0], kind, amount)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("set threads = 1")
        yield con


@pytest.fixture
def fill(monkeypatch, con) -> Callable[..., bool]:
    """Fills by_code, and gives whether compiled code gave the rows of chains; they are those of SQL in any case."""
    met, require = [], job._require
    monkeypatch.setattr(job, "_require", lambda is_met: (met.append(is_met), require(is_met)))
    monkeypatch.setattr(job, "ROWS", 100)
    monkeypatch.setattr(job, "CELLS", 50)

    def fill(world: World, classes: list[int] = CLASSES) -> bool:
        met.clear()
        world.write(con, classes)
        con.execute("create table if not exists by_code as from by_sql limit 0")
        job.fill(con, "by_code", BY_SQL(), TABLES)
        assert con.sql("describe by_code").fetchall() == con.sql("describe by_sql").fetchall()
        for one, other in (("by_code", "by_sql"), ("by_sql", "by_code")):
            difference = (
                f"select * exclude (sums_digest) from {one} except all select * exclude (sums_digest) from {other}"
            )
            assert con.sql(difference).fetchall() == []
        return all(met)

    return fill


@pytest.mark.parametrize("number", range(8))
def test_compiled_sums_are_those_of_sql(number, fill):
    assert fill(any_world(random.Random(number), largest=10 ** (2 * number)))


def cells_of(world: World) -> list[list]:
    return world.rows[TABLES.flow]


def last_cell(column: int, value: object) -> Callable[[World], None]:
    def change(world: World) -> None:
        cells_of(world)[-1][column] = value

    return change


def more_spent_than_created(world: World) -> None:
    world.add(TABLES.flow, CHAIN, FIRST + DAY, FIRST, "transfer", 10**15)


def negative(world: World) -> None:
    """Beside more of the same birth."""
    for amount in (10, -1):
        world.add(TABLES.flow, CHAIN, FIRST + DAY * 9, FIRST, "transfer", amount)


def more_of_one_birth_spent_than_created(world: World) -> None:
    """Beside another birth that reached its ages before a snapshot."""
    for number, amount in ((0, 100), (5, 10)):
        world.rows[TABLES.created] = [
            row for row in world.rows[TABLES.created] if row[:3] != [*SNAPSHOT, FIRST + DAY * number]
        ]
        world.add(TABLES.created, SNAPSHOT, FIRST + DAY * number, "transfer", amount)
    cells_of(world)[:] = [cell for cell in cells_of(world) if cell[:2] != [*SNAPSHOT]]
    world.add(TABLES.flow, SNAPSHOT, FIRST + DAY * 6, FIRST + DAY * 5, "transfer", 20)


def beyond_63_bits(*cells: tuple[int, int], created: int) -> Callable[[World], None]:
    """Of days spent and born."""

    def change(world: World) -> None:
        forget(world, [birth for _, birth in cells])
        for birth in {birth for _, birth in cells}:
            world.add(TABLES.created, CHAIN, FIRST + DAY * birth, "transfer", created)
        for spend, birth in cells:
            world.add(TABLES.flow, CHAIN, FIRST + DAY * spend, FIRST + DAY * birth, "transfer", MOST // 2 + 1)

    return change


def forget(world: World, days: list[int]) -> None:
    """Leave out the chain's coins that are born or spent on these days."""
    dates = {FIRST + DAY * day for day in days}
    for name in (TABLES.created, TABLES.flow):
        world.rows[name] = [row for row in world.rows[name] if row[:2] != [*CHAIN] or not dates & set(row[2:4])]


def created_beyond_63_bits(world: World) -> None:
    for _ in range(2):
        world.add(TABLES.created, CHAIN, FIRST + DAY * 5, "transfer", MOST // 2 + 1)


def reached_beyond_63_bits(world: World) -> None:
    """From two births of a snapshot's day."""
    for number in range(2):
        world.add(TABLES.created, SNAPSHOT, FIRST + DAY * number, "transfer", MOST // 2 + 1)


def no_days(world: World) -> None:
    world.rows[TABLES.days] = [row for row in world.rows[TABLES.days] if row[:2] != [*SNAPSHOT]]


def no_row_of_closes(name: str, *row: object) -> Callable[[World], None]:
    """On a day of a row that is the only one with it."""

    def change(world: World) -> None:
        forget(world, [350])
        world.add(name, CHAIN, FIRST + DAY * 350, *row)
        world.rows[TABLES.closes] = [each for each in world.rows[TABLES.closes] if each[2] != FIRST + DAY * 350]

    return change


def close_of(value: Decimal | None, day: int = 5) -> Callable[[World], None]:
    def change(world: World) -> None:
        next(row for row in world.rows[TABLES.closes] if row[:3] == [*CHAIN, FIRST + DAY * day])[3] = value

    return change


def born_long_ago(world: World) -> None:
    """Each day takes memory."""
    world.add(TABLES.closes, CHAIN, FIRST - DAY * 2000, Decimal(1), False)
    world.add(TABLES.created, CHAIN, FIRST - DAY * 2000, "transfer", 5)


STRANGE = {
    "burned": last_cell(4, "burn"),
    "of no kind": last_cell(4, None),
    "without a birth": last_cell(3, None),
    "of no amount": last_cell(5, None),
    "negative": negative,
    "spent before its birth": last_cell(3, FIRST + DAY * 400),
    "spent after the last day": last_cell(2, FIRST + DAY * 401),
    "more spent than created": more_spent_than_created,
    "more of one birth spent than created": more_of_one_birth_spent_than_created,
    "spent beyond 63 bits": beyond_63_bits((60, 10), (60, 20), created=MOST // 2 + 1),
    "spent of a birth beyond 63 bits": beyond_63_bits((360, 310), (362, 310), (370, 310), created=5),
    "created beyond 63 bits": created_beyond_63_bits,
    "reached beyond 63 bits": reached_beyond_63_bits,
    "a chain without days": no_days,
    "spent on a day without a row of closes": no_row_of_closes(TABLES.flow, FIRST, "transfer", 5),
    "born on a day without a row of closes": no_row_of_closes(TABLES.created, "transfer", 5),
    "a negative close": close_of(Decimal(-1)),
    "a close beyond 63 bits": close_of(Decimal(10**11)),
    "born long ago": born_long_ago,
}


@pytest.mark.parametrize("change", STRANGE.values(), ids=STRANGE)
def test_what_compiled_code_was_not_made_for_is_left_to_sql(change, fill):
    world = usual_world(3)
    cells_of(world).sort(key=lambda cell: cell[1] == CHAIN[1])
    assert fill(world)
    change(world)
    assert not fill(world)


def coins_in_the_middle(world: World) -> None:
    for name, days in ((TABLES.created, [50]), (TABLES.flow, [200, 50])):
        world.add(name, CHAIN, *[FIRST + DAY * day for day in days], "transfer", 5)


def last_days_otherwise(world: World) -> None:
    forget(world, list(range(395, 401)))
    world.add(TABLES.flow, CHAIN, FIRST + DAY * 398, FIRST, "transfer", 3)


def last_day(number: int) -> Callable[[World], None]:
    """Of the chain; what comes after it is forgotten."""

    def change(world: World) -> None:
        forget(world, list(range(number, 420)))
        for row in world.rows[TABLES.days]:
            if row[:2] == [*CHAIN]:
                row[-1] = FIRST + DAY * number
        world.add(TABLES.flow, CHAIN, FIRST + DAY * number, FIRST, "transfer", 2)

    return change


def later_start(world: World) -> None:
    """Coins born on the first days are forgotten with them."""
    forget(world, list(range(30)))
    for row in world.rows[TABLES.days]:
        if row[:2] == [*CHAIN]:
            row[-2] = FIRST + DAY * 30


def no_snapshot(world: World) -> None:
    for rows in world.rows.values():
        rows[:] = [row for row in rows if row[:2] != [*SNAPSHOT]]


def no_token(world: World) -> None:
    for rows in world.rows.values():
        rows[:] = [row for row in rows if row[:2] != [*TOKEN]]


CHANGES = {
    "nothing": lambda world: None,
    "coins in the middle": coins_in_the_middle,
    "the last days": last_days_otherwise,
    "one more day": last_day(401),
    "fewer days": last_day(390),
    "a later start": later_start,
    "a close of long ago": close_of(Decimal(7), 0),
    "a day without a close": close_of(None, 399),
    "a chain less": no_snapshot,
    "a token less": no_token,
}


def stored_days(con: duckdb.DuckDBPyConnection) -> dict[tuple, tuple[list, list]]:
    """The places and the rows of each day of a chain, by asset, network and date."""
    days: dict[tuple, tuple[list, list]] = {}
    query = "select asset, network, value_date, rowid, * from by_code where not is_token order by class_age_days"
    for row in con.sql(query).fetchall():
        places, rows = days.setdefault(row[:3], ([], []))
        places.append(row[3])
        rows.append(row[4:])
    return days


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_stored_rows_stay_on_days_that_have_the_same(change, fill, con):
    world = usual_world(7)
    assert fill(world)
    before = stored_days(con)
    change(world)
    assert fill(world)
    after = stored_days(con)
    stayed = {day for day, (places, _) in after.items() if day in before and before[day][0] == places}
    assert stayed == {day for day, (_, rows) in after.items() if day in before and before[day][1] == rows}
    assert len(stayed) > 100


def test_rows_of_another_version_do_not_stay(fill, con, monkeypatch):
    world = usual_world(7)
    assert fill(world)
    con.execute("alter table by_code add column more integer")
    assert fill(world)
    con.execute("alter table by_code alter burned_units type integer")
    assert fill(world)
    con.execute("update by_code set cost = 1")
    monkeypatch.setattr(job, "CODE", b"")
    assert fill(world)


def test_rows_of_other_classes_do_not_stay(fill):
    world = usual_world(7)
    assert fill(world)
    for classes in ([*CLASSES, 5], [95 if age == 90 else age for age in CLASSES], CLASSES):
        assert fill(world, classes)


def test_profit_of_worthless_coins_is_unknown_once_a_day_has_no_close(fill):
    world = usual_world(7)
    forget(world, [350])
    world.add(TABLES.flow, CHAIN, FIRST + DAY * 350, FIRST, "transfer", 0)
    for close in (Decimal(1), None):
        close_of(close, 350)(world)
        assert fill(world)


def test_rows_that_sql_gave_do_not_stay(fill, con):
    world = usual_world(7)
    world.write(con, CLASSES)
    con.execute("create table by_code as from by_sql; update by_code set cost = 1")
    assert fill(world)


def test_rows_of_a_failed_build_do_not_stay(fill, con, monkeypatch):
    world = usual_world(7)
    assert fill(world)
    coins_in_the_middle(world)
    con.execute("begin")
    with monkeypatch.context() as patched:
        patched.setattr(job, "INSERT", job.INSERT + " where error('no space left')")
        with pytest.raises(duckdb.Error, match="no space left"):
            fill(world)
    con.execute("rollback")
    assert fill(world)
