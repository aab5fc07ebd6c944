"""Lots that compiled code matches are those of the SQL, in every row and column, and of plain Python.

Each token of a lake is a case of its own: amounts from one unit to the largest, holders who send more than they have,
mints, burns, transfers to oneself and within an entity, amounts of zero and too large ones, idle and unsettled days.
"""

import itertools
import random
from collections import Counter, defaultdict
from datetime import date

import duckdb
import polars as pl
import pytest
from test_tokens import (
    DAY,
    ENTITY,
    EXCHANGE,
    FIRST,
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
        return Counter(build.sql("from intermediate.int_tokens__lots").fetchall())


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


MOVES = """
    select
        0 as token_number,
        value_date,
        cast(case {zero} when from_address then 0 when to_address then 2 else 1 end as tinyint) as kind,
        hash('ethereum', '{token}', from_address) as sender,
        hash('ethereum', '{token}', to_address) as receiver,
        amount_units
    from transfers
    where
        value_date between ? and ?
        and from_address <> to_address
        and amount_units > 0
        and amount_units < {too_many}
"""


TRANSFER_COLUMNS = ("value_date", "from_address", "to_address", "amount_units")


def matched(transfers: list[Transfer], settled: date) -> Counter:
    """Rows of one token, as the job writes them."""
    with duckdb.connect() as con:
        schema = {name: ledger.TABLES["transfers"][name] for name in TRANSFER_COLUMNS}
        moved = [(each.day, each.sender, each.receiver, each.units) for each in transfers]
        con.register("transfers", pl.DataFrame(moved, schema, orient="row").to_arrow())
        con.execute(
            "create table lots (network text, token text, holder ubigint, value_date date, birth_date date, kind text,"
            " amount_units decimal(38), lots bigint, new_holders bigint)"
        )
        job.match(
            con,
            f"select 0, date '{settled}'",
            "select value_date, count(*) from transfers group by all",
            MOVES.format(zero=f"'{ZERO_ADDRESS}'", token=TOKENS[0].address, too_many=TOO_MANY),
            f"insert into lots select 'ethereum', '{TOKENS[0].address}', holder, date '1970-01-01' + moment // 4,"
            " date '1970-01-01' + birth // 4, kind, amount_units, lots, new_holders from matched_lots",
            "create or replace table merged as select * replace (sum(amount_units) as amount_units, sum(lots) as lots)"
            " from lots where kind in ('transfer', 'burn') group by all; delete from lots where kind in ('transfer',"
            " 'burn'); insert into lots from merged",
        )
        return Counter(con.sql("from lots").fetchall())


@pytest.mark.parametrize("number", range(40))
def test_compiled_lots_are_those_of_plain_python(number, monkeypatch):
    rng = random.Random(number)
    monkeypatch.setattr(job, "PIECE", rng.choice([1, 7, 30, 1000]))
    monkeypatch.setattr(job, "WRITTEN", rng.choice([0, 1000]))
    monkeypatch.setattr(matching, "ROOM", rng.choice([1, 5, 1000]))
    # what little room there is counts only where there is more than one holder
    monkeypatch.setattr(job, "_room", lambda con: rng.choice([0, 10**6]))
    transfers = any_stream(rng, rng.choice(LARGEST), rng.choice([1, 10, 80, 300]))
    settled = FIRST + DAY * rng.choice([-1, 0, 3, 10, 29, 30, 31])
    found = matched(transfers, settled)
    assert set(found.values()) <= {1}
    names = {side for each in transfers for side in (each.sender, each.receiver)}
    lots = by_plain_python(found, TOKENS[0], names)
    assert lots == expected(transfers, {}, settled)


@pytest.mark.parametrize("number", range(10))
def test_holders_are_those_who_have_something_at_the_end_of_the_day(number):
    transfers = stream(random.Random(number), 40, 200, 10**8)
    changes = {row[3]: row[8] for row in matched(transfers, LAST) if row[8]}
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
    little_room = itertools.chain([0] * 4, itertools.repeat(10**9))
    monkeypatch.setattr(job, "_room", lambda con: next(little_room))
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
