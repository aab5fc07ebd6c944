"""Lots that compiled code matches are those of the SQL, in every row and column, and of plain Python.

Each token of a lake is a case of its own: amounts from one unit to the largest, holders who send more than they have,
mints, burns, transfers to oneself and within an entity, amounts of zero and too large ones, idle and unsettled days.
"""

import itertools
import multiprocessing
import os
import random
import signal
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import examples
from test_tokens import (
    DAY,
    ENTITY,
    EXCHANGE,
    FIRST,
    LOTS,
    WALLETS,
    Token,
    Transfer,
    follow,
    match,
    numbers,
    seed,
    stream,
    until,
    write_lake,
)

from ingestion.evm import ledger
from ingestion.evm.rows import ZERO_ADDRESS
from orchestration.home import Home
from orchestration.token_lots import job, matching
from orchestration.token_lots.matching import Matching

BY_CODE = ("--vars", '{"compiled_from_transfers": 0}')
TOO_MANY = 10**29
LARGEST = (1, 3, 10**9, 2**63, 2**64, 2**65, 10**20, TOO_MANY - 1)
TOKENS = [
    Token(network, f"T{n}", f"0x{n:040x}", 18)
    for n, network in enumerate(("ethereum", "anvil") * len(LARGEST), 0xF0000)
]
LAST = FIRST + DAY * 30


def any_stream(rng: random.Random, largest: int, count: int = 80) -> list[Transfer]:
    """Transfers that nobody need have the coins for; many take all that a side has, or come back the same day."""
    sides = [ZERO_ADDRESS, *WALLETS[:4], *ENTITY]
    days = sorted(rng.choice([0, 1, 2, 5, 6, 7, 13, 20, 27, 29, 30]) for _ in range(count))
    balances = defaultdict(int)
    transfers = []
    for number, day in enumerate(days):
        sender, receiver = rng.choice(sides), rng.choice(sides)
        units = rng.choice([rng.randint(1, largest), abs(balances[sender]), abs(balances[receiver]), largest])
        units = min(units, TOO_MANY - 1) if rng.random() < 0.95 else rng.choice([0, TOO_MANY])
        balances[sender] -= units
        balances[receiver] += units
        transfers.append(Transfer(number, FIRST + DAY * day, sender, receiver, units))
    return transfers


def expected(transfers: list[Transfer], entities: dict[str, str], settled: date) -> Counter:
    """Rows of coins, from the rule alone: the first coin that a holder sends is the first that came, and so on."""
    came, went = (defaultdict(lambda: defaultdict(int)) for _ in range(2))
    rows, units_of = Counter(), Counter()
    for each in transfers:
        sender, receiver = (entities.get(side, side) for side in (each.sender, each.receiver))
        if sender == receiver or not 0 < each.units < TOO_MANY:
            continue
        if receiver != ZERO_ADDRESS:
            came[receiver][each.day] += each.units
            units_of[each.day, each.day, "mint" if sender == ZERO_ADDRESS else "received", receiver] += each.units
        if sender != ZERO_ADDRESS:
            went[sender][each.day, "burn" if receiver == ZERO_ADDRESS else "transfer"] += each.units
    for holder in came | went:
        for birth, (day, kind), units in pairs(came[holder], went[holder]):
            if day:
                units_of[day, birth if birth and birth <= day else None, kind, (holder, birth)] += units
            if birth and birth <= settled and not (day and day <= settled):
                units_of[settled, birth, "unspent", holder] += units
    for (day, birth, kind, holder), units in units_of.items():
        key = (birth, birth, kind, holder) if kind == "unspent" else (day, birth, kind, None)
        rows[key, "units"] += units
        rows[key, "lots"] += 1
    return rows


def pairs(came: dict, went: dict):
    """(birth, (day, kind), units) of the coins of a holder, in their order; none for what is left or never came."""
    ins = sorted(came.items())
    outs = sorted(went.items(), key=lambda each: (each[0][0], each[0][1] == "burn"))
    while ins or outs:
        birth, has = ins[0] if ins else (None, outs[0][1])
        gone, sent = outs[0] if outs else ((None, None), has)
        units = min(has, sent)
        yield birth, gone, units
        ins[:1] = [(birth, has - units)] if ins and has > units else []
        outs[:1] = [(gone, sent - units)] if outs and sent > units else []


def list_tokens(home: Home) -> None:
    with duckdb.connect(str(home.build_file)) as build:
        for token in TOKENS:
            row = {"network": token.network, "address": token.address, "asset": token.asset, "decimals": 18}
            names = ", ".join(row)
            build.execute(f"insert into seeds.tokens ({names}) values (?, ?, ?, ?)", list(row.values()))


def rows(home: Home) -> Counter:
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        rows = build.sql(f"select network, address, lots.* exclude (token_number) from {LOTS}").fetchall()
        assert build.sql("select count(*) from intermediate.int_tokens__lots").fetchall() == [(len(rows),)]
        return Counter(rows)


def types(home: Home) -> list:
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        return build.sql("describe intermediate.int_tokens__lots").fetchall()


def by_plain_python(found: Counter, token: Token, names: set[str]) -> Counter:
    """A token's rows of coins, as plain Python has them."""
    number_of = {number: name for name, number in numbers(token, names).items()}
    coins = Counter()
    for network, address, holder, day, birth, kind, units, lots, *_ in found:
        if (network, address) == (token.network, token.address) and kind not in ("holders", "settled"):
            coins[(day, birth, kind, holder and number_of[holder]), "units"] += int(units)
            coins[(day, birth, kind, holder and number_of[holder]), "lots"] += lots
    return coins


TOKEN_ROWS = """
    select
        hash(network, token) as token_number,
        hash(network, token, '{zero}') as zero,
        last_date,
        settled_date
    from tokens
"""
ENTITIES = """
    select hash(network, token, address) as holder, hash(network, token, entity) as entity
    from entities cross join tokens
"""
MOVES = """
    select
        hash(network, token) as token_number,
        value_date,
        hash(network, token, from_address) as sender,
        hash(network, token, to_address) as receiver,
        amount_units
    from transfers
    where value_date between ? and ? and amount_units > 0 and amount_units < {too_many}
"""
STORE = """
    insert into lots
    select
        network, token, holder, value_date, birth_date, kind, amount_units, lots, new_holders
    from matched_lots
    inner join tokens on hash(network, token) = token_number
"""
MERGE = """
    create or replace table merged as
    select * replace (sum(amount_units) as amount_units, sum(lots) as lots)
    from lots
    where kind in ('transfer', 'burn')
    group by all;
    delete from lots where kind in ('transfer', 'burn');
    insert into lots from merged
"""
TRANSFER_COLUMNS = ("network", "token", "value_date", "from_address", "to_address", "amount_units")


def prepare(con: duckdb.DuckDBPyConnection, streams: dict[Token, list[Transfer]], settled: date) -> None:
    """Transfers of tokens, of which the first half are asked for, and nothing matched yet."""
    schema = {name: ledger.TABLES["transfers"][name] for name in TRANSFER_COLUMNS}
    moved = [
        (token.network, token.address, each.day, each.sender, each.receiver, each.units)
        for token, transfers in streams.items()
        for each in transfers
    ]
    con.register("moved", pl.DataFrame(moved, schema, orient="row").to_arrow())
    con.execute("create table transfers as from moved")
    con.execute("create table entities (address text, entity text)")
    con.execute("create table tokens (network text, token text, last_date date, settled_date date)")
    for token in list(streams)[: (len(streams) + 1) // 2]:
        con.execute("insert into tokens values (?, ?, ?, ?)", [token.network, token.address, LAST + DAY, settled])
    con.execute(
        "create table lots (network text, token text, holder ubigint, value_date date, birth_date date, kind text,"
        " amount_units decimal(38), lots bigint, new_holders bigint)"
    )


def run_job(con: duckdb.DuckDBPyConnection) -> None:
    job.match(
        con,
        TOKEN_ROWS.format(zero=ZERO_ADDRESS),
        ENTITIES,
        "select value_date, count(*) from transfers group by all",
        MOVES.format(too_many=TOO_MANY),
        STORE,
        MERGE,
    )


def matched(streams: dict[Token, list[Transfer]], settled: date, entities: dict[str, str]) -> Counter:
    """Rows of the first half of the tokens, as the job writes them."""
    with duckdb.connect() as con:
        prepare(con, streams, settled)
        for each in entities.items():
            con.execute("insert into entities values (?, ?)", each)
        run_job(con)
        return Counter(con.sql("from lots").fetchall())


def are_added_up(found: Counter) -> bool:
    """Whether shares of the holders have no rows of their own."""
    return len({row[:6] for row in found}) == found.total()


def divide(monkeypatch, rng: random.Random) -> None:
    """Pieces, insertions and shares of the holders as small as may be."""
    monkeypatch.setattr(job, "PIECE", rng.choice([1, 7, 30, 1000]))
    group = rng.choice([1, 7, 1000])
    monkeypatch.setattr(job, "GROUP", group)
    monkeypatch.setattr(job, "WRITTEN", 2 * group)
    monkeypatch.setattr(matching, "ROOM", rng.choice([1, 5, 1000]))
    is_larger = Matching.is_larger_than
    # what little room there is counts only where there is more than one holder
    monkeypatch.setattr(Matching, "is_larger_than", lambda share, room: is_larger(share, rng.choice([0, 10**6])))


@pytest.mark.parametrize("number", range(40))
def test_compiled_lots_are_those_of_plain_python(number, monkeypatch):
    rng = random.Random(number)
    divide(monkeypatch, rng)
    transfers = any_stream(rng, rng.choice(LARGEST), rng.choice([1, 10, 80, 300]))
    settled = FIRST + DAY * rng.choice([-1, 0, 3, 10, 29, 30, 31])
    found = matched({TOKENS[0]: transfers}, settled, {})
    assert are_added_up(found)
    names = {side for each in transfers for side in (each.sender, each.receiver)}
    lots = by_plain_python(found, TOKENS[0], names)
    assert lots == expected(transfers, {}, settled)


SIDES = st.sampled_from([ZERO_ADDRESS, *WALLETS[:4], *ENTITY])
UNITS = st.one_of(st.integers(0, 5), st.sampled_from(LARGEST), st.integers(0, TOO_MANY))
STEPS = st.tuples(st.integers(0, 3), st.integers(0, 32), SIDES, SIDES, UNITS)


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=60), st.integers(-1, 33), st.randoms())
def test_tokens_do_not_disturb_each_other(steps, settled, rng):
    streams = {token: [] for token in TOKENS[:4]}
    for number, (token, day, sender, receiver, units) in enumerate(sorted(steps, key=lambda step: step[1])):
        streams[TOKENS[token]].append(Transfer(number, FIRST + DAY * day, sender, receiver, units))
    with pytest.MonkeyPatch.context() as monkeypatch:
        divide(monkeypatch, rng)
        found = matched(streams, FIRST + DAY * settled, EXCHANGE)
    assert are_added_up(found)
    assert {row[1] for row in found} <= {token.address for token in TOKENS[:2]}
    for token in TOKENS[:2]:
        transfers = until(streams[token], LAST + DAY)
        names = {EXCHANGE.get(side, side) for each in transfers for side in (each.sender, each.receiver)}
        lots = by_plain_python(found, token, names)
        assert lots == expected(transfers, EXCHANGE, FIRST + DAY * settled)


def run_and_die(path: Path) -> None:
    """The job, which is killed once half of the holders are put off and the next piece has been matched."""
    job.PIECE, add = 1, Matching.add
    Matching.is_larger_than = lambda share, room: not share.share.mask

    def add_and_die(share, day, *moves):
        return os.kill(os.getpid(), signal.SIGKILL) if day > 2 else add(share, day, *moves)

    Matching.add = add_and_die
    with duckdb.connect(path) as con:
        con.execute("begin")
        run_job(con)
        con.execute("commit")


def test_a_killed_job_leaves_everything_as_it_was(tmp_path):
    transfers = any_stream(random.Random(1), 10**9, 300)
    with duckdb.connect(tmp_path / "build.duckdb") as con:
        prepare(con, {TOKENS[0]: transfers}, LAST)
        con.execute("insert into lots (kind) values ('of an earlier build')")
    before = {path.name for path in tmp_path.iterdir()}
    process = multiprocessing.get_context("spawn").Process(target=run_and_die, args=(tmp_path / "build.duckdb",))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with duckdb.connect(tmp_path / "build.duckdb") as con:
        assert [row[5] for row in con.sql("from lots").fetchall()] == ["of an earlier build"]
        assert {path.name for path in tmp_path.iterdir()} - {"build.duckdb.wal", "build.duckdb.tmp"} == before
        con.execute("truncate lots")
        run_job(con)
        found = Counter(con.sql("from lots").fetchall())
    names = {side for each in transfers for side in (each.sender, each.receiver)}
    assert by_plain_python(found, TOKENS[0], names) == expected(transfers, {}, LAST)


def test_rows_that_are_stored_do_not_stay_in_memory_until_the_transaction_ends():
    """A row is of 60 bytes; on DuckDB 2.0 an insertion leaves 3 kB, of however many rows."""
    with duckdb.connect() as con:
        prepare(con, {token: any_stream(random.Random(1), 10**9, 300) for token in TOKENS}, LAST)
        con.execute("begin")
        before = pa.total_allocated_bytes()
        run_job(con)
        ((count,),) = con.sql("select count(*) from lots").fetchall()
        assert pa.total_allocated_bytes() - before < 10 * count


@pytest.mark.parametrize("number", range(10))
def test_holders_are_those_who_have_something_at_the_end_of_the_day(number):
    transfers = stream(random.Random(number), 30, 200, 10**8)
    changes = {row[3]: row[8] for row in matched({TOKENS[0]: transfers}, LAST, {}) if row[8]}
    balances = follow(transfers, {}).balances
    holders = [sum(units > 0 for units in held.values()) for held in balances.values()]
    expected = zip(balances, holders, [0, *holders], strict=False)
    assert changes == {day: now - before for day, now, before in expected if now != before}


@pytest.fixture
def homes(tmp_path) -> dict[str, Home]:
    homes = {name: Home(tmp_path / name) for name in ("sql", "code")}
    for home in homes.values():
        home.write_control(home.build)
        seed(home, EXCHANGE)
        list_tokens(home)
    return homes


def test_compiled_lots_are_those_of_sql_and_of_plain_python_and_go_on_as_these(homes, monkeypatch):
    rng = random.Random(15)
    little_room = itertools.chain([0] * 2, itertools.repeat(10**9))
    is_larger = Matching.is_larger_than
    monkeypatch.setattr(Matching, "is_larger_than", lambda share, room: is_larger(share, next(little_room)))
    streams = {token: any_stream(rng, LARGEST[n % len(LARGEST)]) for n, token in enumerate(TOKENS)}
    for settled, last in ((FIRST + DAY * 10, FIRST + DAY * 13), (FIRST + DAY * 21, LAST)):
        # the second half of the tokens is read from the second run on
        given = streams if last == LAST else dict(list(streams.items())[: len(streams) // 2])
        for home in homes.values():
            write_lake(home, given, settled, last)
        match(homes["sql"])
        match(homes["code"], *BY_CODE)
        assert next(little_room) == 10**9
        assert types(homes["code"]) == types(homes["sql"])
        assert rows(homes["code"]) == rows(homes["sql"])
    started = list(streams)[len(streams) // 2 :]
    for token in started:
        transfers = until(streams[token], last)
        names = {EXCHANGE.get(side, side) for each in transfers for side in (each.sender, each.receiver)}
        assert by_plain_python(rows(homes["code"]), token, names) == expected(transfers, EXCHANGE, settled)
