"""Token holders against plain Python, which follows coins holder by holder, first in first out, in dictionaries
and lists.

Streams are random, with mints, burns, transfers to oneself and within an entity, several within a day and idle days.
"""

import math
import random
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path

import duckdb
import polars as pl
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from ingestion import registry
from ingestion.bitcoin.rows import TABLES
from ingestion.evm import ledger
from ingestion.evm.rows import SUPPLY_EVENTS, TRANSFER, ZERO_ADDRESS
from ingestion.sources import binance_vision, holder_series
from orchestration import dbt as orchestrated
from orchestration import graph, own_seeds
from orchestration.dbt import Project
from orchestration.home import DBT_PROJECT, Home
from orchestration.settings import Settings

BAD = ("error", "fail")
DAY = timedelta(days=1)
FIRST = date(2020, 1, 1)
WALLETS = [f"0x{number:040x}" for number in range(1, 9)]
ENTITY = ("0x5b000000000000000000000000000000000000e1", "0x5b000000000000000000000000000000000000e2")
"""Two addresses of the sample's exchange."""
EXCHANGE = dict.fromkeys(ENTITY, "Sample exchange")


@dataclass(frozen=True)
class Token:
    network: str
    asset: str
    address: str
    decimals: int


SIMBTC = Token("anvil", "SIMBTC", "0x5b00000000000000000000000000000000000001", 8)
SIMUSD = Token("anvil", "SIMUSD", "0x5b00000000000000000000000000000000000002", 6)
TBTC = Token("ethereum", "tBTC", "0x18084fba666a33d37592fa2633fd49a74dd93a88", 18)
USDE = Token("ethereum", "USDe", "0x4c9edd5852cd905f086c759e8383e09bff1e68b3", 18)
USDT = Token("ethereum", "USDT", "0xdac17f958d2ee523a2206206994597c13d831ec7", 6)
CBBTC = Token("ethereum", "cbBTC", "0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf", 8)
ARBITRUM = Token("arbitrum", "WBTC", "0x2f2a2543b76a4166549f7aab2e75bef0aefc5b0f", 8)
USDC = Token("ethereum", "USDC", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 6)
WBTC = Token("ethereum", "WBTC", "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", 8)


@dataclass(frozen=True)
class Transfer:
    number: int
    day: date
    sender: str
    receiver: str
    units: int
    branch: str = ""

    def row(self, token: Token) -> dict:
        return {
            "network": token.network,
            "chain_id": 1,
            "token": token.address,
            "block_number": self.number // 2,
            "block_hash": f"0x{self.number // 2}{self.branch}",
            "log_index": self.number % 2,
            "value_date": self.day,
            "transaction_hash": f"0x{self.number}",
            "from_address": self.sender,
            "to_address": self.receiver,
            "value_bytes": None,
            "amount_units": self.units,
            "is_overflow": False,
            "is_final": True,
        }


def stream(rng: random.Random, days: int, count: int, one: int, begin: list[Transfer] = ()) -> list[Transfer]:
    """`count` transfers that could happen, on about half of the days; `one` is about a coin, `begin` is the past."""
    transfers, balances = list(begin), defaultdict(int)
    for each in transfers:
        balances[each.sender] -= each.units
        balances[each.receiver] += each.units
    first = transfers[-1].day + DAY * 8 if transfers else FIRST
    dates = sorted(first + DAY * (rng.randrange(days) // 2 * 2) for _ in range(count))
    for number, day in enumerate(dates, transfers[-1].number + 1 if transfers else 0):
        sender, receiver = (rng.choice([ZERO_ADDRESS, *WALLETS, *ENTITY, ENTITY[0], ENTITY[1]]) for _ in range(2))
        if sender == ZERO_ADDRESS or balances[sender] == 0:
            sender, receiver = ZERO_ADDRESS, rng.choice(WALLETS)
            units = rng.randint(1, one)
        else:
            units = rng.choice([0, balances[sender], rng.randint(1, balances[sender])])
        balances[sender] -= units
        balances[receiver] += units
        transfers.append(Transfer(number, day, sender, receiver, units))
    return transfers


@dataclass
class Books:
    """The result of plain Python for a stream: coins by holder, day, day of birth and kind."""

    rows: dict[tuple, int] = field(default_factory=lambda: defaultdict(int))
    balances: dict[date, dict[str, int]] = field(default_factory=dict)


def follow(transfers: list[Transfer], entities: dict[str, str]) -> Books:
    """Each holder's lots in a list, the oldest first; within a day coins come, then go by transfer, then are burned."""
    books, lots = Books(), defaultdict(list)
    for day, of_day in groupby(transfers, key=lambda each: each.day):
        received, sent, burned = defaultdict(int), defaultdict(int), defaultdict(int)
        for each in of_day:
            sender, receiver = (entities.get(side, side) for side in (each.sender, each.receiver))
            if sender == receiver or not each.units:
                continue
            if receiver != ZERO_ADDRESS:
                received[receiver] += each.units
                books.rows[receiver, day, day, "mint" if sender == ZERO_ADDRESS else "received"] += each.units
            if sender != ZERO_ADDRESS:
                (burned if receiver == ZERO_ADDRESS else sent)[sender] += each.units
        for holder, units in received.items():
            lots[holder].append([day, units])
        for kind, going in (("transfer", sent), ("burn", burned)):
            for holder, units in going.items():
                while units:
                    birth, held = lots[holder][0]
                    taken = min(held, units)
                    books.rows[holder, day, birth, kind] += taken
                    units -= taken
                    lots[holder][0][1] -= taken
                    if taken == held:
                        lots[holder].pop(0)
        books.balances[day] = {holder: sum(units for _, units in held) for holder, held in lots.items()}
    return books


# The lake and the runs of dbt.


def write_lake(
    home: Home, streams: dict[Token, list[Transfer]], settled: date, last: date, **others: list[dict]
) -> None:
    """Transfers up to the end of `last`, of which the days up to `settled` are finalized."""
    ledger.create_tables(home.lake)
    own_seeds.update(home, Settings())
    tables = {"transfers": [], **others, "coverage": [*others.get("coverage", [])]}
    for token, transfers in streams.items():
        tables["transfers"] += [each.row(token) for each in transfers if each.day <= last]
        covered = {"network": token.network, "chain_id": 1, "contract": token.address, "from_block": 0}
        covered |= {"to_block": 10**6, "to_block_hash": "0x", "is_final": True, "to_value_date": settled + DAY}
        tail = {"from_block": 10**6 + 1, "to_block": 2 * 10**6, "is_final": False, "to_value_date": last}
        for topic in (TRANSFER, *SUPPLY_EVENTS["issue_redeem" if token == USDT else "transfer"]):
            tables["coverage"] += [each | {"topic": topic} for each in (covered, covered | tail)]
    for table, rows in tables.items():
        home.lake.write("evm", table, pl.DataFrame(rows, schema=ledger.TABLES[table]))


def dbt(home: Home, *command: str) -> None:
    """A run of dbt in this process, which costs a third of the CPU of one in its own, and of a parse that is kept: a
    home's own takes 5 s of CPU.
    """
    manifest = Project(home).manifest
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{home.lake.root},{home.build}"}
    call = ["--quiet", "--no-print", *command, "--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT]
    call += ["--target-path", home.dbt_target, "--log-path", home.dbt_target]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in where.items():
            patch.setenv(name, value)
        try:
            run = dbtRunner(manifest=manifest).invoke(list(map(str, call)))
        finally:
            DuckDBConnectionManager.close_all_connections()
    bad = [] if run.success else [f"{each.node.name}: {each.message}" for each in run.result if each.status in BAD]
    assert run.success, bad or run.exception


def seed(home: Home, entities: dict[str, str]) -> None:
    """The seeds that lots are matched by, with the test's entity map."""
    with duckdb.connect(str(home.build_file)) as build:
        build.sql("create schema if not exists seeds")
        build.sql(f"create or replace table seeds.tokens as from read_csv('{DBT_PROJECT}/seeds/tokens.csv')")
        build.sql(
            "create or replace table seeds.entities"
            " (network text, address text, entity text, kind text, label_verdict text)"
        )
        rows = [(network, address, name) for network in ("anvil", "ethereum") for address, name in entities.items()]
        for row in rows:
            build.execute("insert into seeds.entities values (?, ?, ?, 'exchange', 'in_use')", row)


LOTS = """
    intermediate.int_tokens__lots as lots
    inner join seeds.tokens as tokens on token_number = hash(network, address)
"""
"""With the tokens that they are of."""


def match(home: Home, *more: str) -> None:
    lists = ("stg_own_seeds__tokens", "stg_own_seeds__entities", "int_tokens__listed", "int_tokens__entities")
    dbt(home, "run", "--select", "path:models/staging/evm", *lists, "int_tokens__lots", *more)


def lots(home: Home) -> list[tuple]:
    """All lots, of all holders together, and how the number of holders changed from day to day."""
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        rows = build.sql(
            "select address, value_date, birth_date, lots.kind, amount_units, coalesce(lots, new_holders)"
            f" from {LOTS}"
            " where lots.kind not in ('settled', 'unspent') and coalesce(new_holders <> 0, true)"
        )
        return sorted(rows.fetchall(), key=str)


def expected_lots(streams: dict[Token, list[Transfer]], entities: dict[str, str]) -> list[tuple]:
    found = []
    for token, transfers in streams.items():
        books = follow(transfers, entities)
        amounts, counts = defaultdict(int), defaultdict(int)
        for (_, *lot), units in books.rows.items():
            amounts[tuple(lot)] += units
            counts[tuple(lot)] += 1
        found += [(token.address, *lot, Decimal(units), counts[lot]) for lot, units in amounts.items()]
        holders = [sum(units > 0 for units in balances.values()) for balances in books.balances.values()]
        for day, now, before in zip(books.balances, holders, [0, *holders], strict=False):
            found += [(token.address, day, None, "holders", None, now - before)] * (now != before)
    return sorted(found, key=str)


def numbers(token: Token, names: set[str]) -> dict[str, int]:
    """The hashes of holders."""
    names = sorted(names)
    hashed = duckdb.sql(f"select hash('{token.network}', '{token.address}', unnest({names}))")
    return dict(zip(names, (number for (number,) in hashed.fetchall()), strict=True))


def unspent(home: Home) -> dict[tuple, Decimal]:
    """The state: what each holder has left of each day of birth."""
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        rows = build.sql(
            f"select address, holder, birth_date, amount_units from {LOTS} where lots.kind = 'unspent'"
        ).fetchall()
    held = {tuple(key): units for *key, units in rows}
    assert len(held) == len(rows)
    return held


def expected_unspent(streams: dict[Token, list[Transfer]], entities: dict[str, str]) -> dict[tuple, Decimal]:
    left = defaultdict(Decimal)
    for token, transfers in streams.items():
        rows = follow(transfers, entities).rows
        number_of = numbers(token, {holder for holder, *_ in rows})
        for (holder, _, birth, kind), units in rows.items():
            left[token.address, number_of[holder], birth] += units if kind in ("mint", "received") else -units
    return {key: units for key, units in left.items() if units}


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path)
    home.write_control(home.build)
    return home


def until(transfers: list[Transfer], last: date) -> list[Transfer]:
    return [each for each in transfers if each.day <= last]


def test_lots_of_any_splits_into_days_are_those_of_plain_python(home):
    rng = random.Random(3)
    streams = {SIMBTC: stream(rng, 60, 500, 10**8), SIMUSD: stream(rng, 40, 60, 10**6)}
    seed(home, EXCHANGE)
    for last in sorted(rng.sample(range(1, 50), 3)):
        known = FIRST + DAY * last
        settled = known - DAY * rng.randint(1, 5)
        write_lake(home, streams, settled, known)
        match(home)
        assert lots(home) == expected_lots(
            {token: until(transfers, known) for token, transfers in streams.items()}, EXCHANGE
        )
        held = {token: until(transfers, settled) for token, transfers in streams.items()}
        assert unspent(home) == expected_unspent(held, EXCHANGE)


def test_lots_follow_a_reorg_a_changed_map_and_a_chain_that_is_another(home):
    rng = random.Random(4)
    transfers = stream(rng, 40, 300, 10**8)
    settled, last = FIRST + DAY * 30, FIRST + DAY * 40
    seed(home, EXCHANGE)
    write_lake(home, {SIMBTC: transfers}, settled, last)
    match(home)
    first = lots(home)
    # the newest days become others
    held = until(transfers, settled)
    assert settled - DAY * 7 < held[-1].day <= settled
    transfers = [
        *held,
        *(Transfer(**vars(each) | {"branch": "b"}) for each in stream(rng, 6, 30, 10**8, held)[len(held) :]),
    ]
    write_lake(home, {SIMBTC: transfers}, settled, transfers[-1].day)
    match(home)
    assert lots(home) == expected_lots({SIMBTC: transfers}, EXCHANGE) != first
    # another address is the exchange's
    wider = EXCHANGE | {WALLETS[0]: "Sample exchange"}
    seed(home, wider)
    match(home)
    assert lots(home) == expected_lots({SIMBTC: transfers}, wider) != expected_lots({SIMBTC: transfers}, EXCHANGE)
    # another chain by the same name
    other = [Transfer(**vars(each) | {"branch": "c"}) for each in stream(rng, 40, 300, 10**8)]
    write_lake(home, {SIMBTC: other}, settled, last)
    match(home)
    assert lots(home) == expected_lots({SIMBTC: other}, wider)
    # it is read again, but less of it, and then goes on elsewhere
    half = settled - DAY * 15
    write_lake(home, {SIMBTC: until(other, half)}, half, half)
    match(home)
    assert lots(home) == expected_lots({SIMBTC: until(other, half)}, wider)
    # a token that is no longer held without a gap
    write_lake(home, {}, settled, last)
    match(home)
    assert lots(home) == []


def test_a_read_that_ends_earlier_forgets_that_later_days_were_matched(home):
    mint, later = (Transfer(n, FIRST + DAY * n * 8, ZERO_ADDRESS, WALLETS[0], 5) for n in range(2))
    seed(home, {})
    for transfers, settled in (([mint], 10), ([mint], 6), ([mint, later], 12)):
        write_lake(home, {SIMBTC: transfers}, FIRST + DAY * settled, FIRST + DAY * 12)
        match(home)
    assert lots(home) == expected_lots({SIMBTC: [mint, later]}, {})


def test_a_holder_has_something_at_the_end_of_the_day(home):
    """Day 0: two get coins. Day 1: one hands all it has to a third. Day 3: a fourth gets coins and burns them that day,
    and the first hands all to the one who had nothing left. Day 5: that one burns all it has."""
    first, second, third, fourth = WALLETS[:4]
    moves = [
        (0, ZERO_ADDRESS, first, 100),
        (0, ZERO_ADDRESS, second, 50),
        (1, second, third, 50),
        (3, ZERO_ADDRESS, fourth, 10),
        (3, fourth, ZERO_ADDRESS, 10),
        (3, first, second, 100),
        (5, second, ZERO_ADDRESS, 100),
    ]
    transfers = [Transfer(number, FIRST + DAY * day, *rest) for number, (day, *rest) in enumerate(moves)]
    seed(home, {})
    for settled in (2, 9):
        write_lake(
            home, {SIMBTC: until(transfers, FIRST + DAY * settled)}, FIRST + DAY * settled, FIRST + DAY * settled
        )
        match(home)
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        changes = "select value_date, new_holders from intermediate.int_tokens__lots where new_holders <> 0 order by 1"
        assert build.sql(changes).fetchall() == [(FIRST, 2), (FIRST + DAY * 5, -1)]


def numbered(home: Home) -> set[tuple[int, int]]:
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        unspent = "select token_number, holder from intermediate.int_tokens__lots where kind = 'unspent'"
        return set(build.sql(unspent).fetchall())


def test_holders_are_numbered_again_when_the_way_of_numbering_changes(home, tmp_path, monkeypatch):
    transfers = [Transfer(0, FIRST, ZERO_ADDRESS, WALLETS[0], 5)]
    seed(home, {})
    write_lake(home, {SIMBTC: transfers}, FIRST + DAY * 2, FIRST + DAY * 2)
    match(home)
    before = numbered(home)
    project = shutil.copytree(DBT_PROJECT, tmp_path / "project")
    engine = project / "macros" / "engine.sql"
    changed = engine.read_text().replace('"hash(" ~ columns', '"hash(1, " ~ columns')
    assert changed != engine.read_text()
    engine.write_text(changed)
    monkeypatch.setitem(globals(), "DBT_PROJECT", project)
    for module in (orchestrated, graph):
        monkeypatch.setattr(module, "DBT_PROJECT", project)
    match(home)
    after = numbered(home)
    assert len(before) == len(after) == 1
    assert before != after


def test_lots_that_an_older_version_left_are_matched_again(home):
    transfers = stream(random.Random(6), 20, 100, 10**8)
    seed(home, {})
    write_lake(home, {SIMBTC: transfers}, FIRST + DAY * 20, FIRST + DAY * 20)
    match(home)
    for column in ("new_holders", "token_number"):
        with duckdb.connect(str(home.build_file)) as build:
            build.sql(f"alter table intermediate.int_tokens__lots drop {column}")
            build.sql("update intermediate.int_tokens__lots set history = 'older' where kind = 'settled'")
        match(home)
        assert lots(home) == expected_lots({SIMBTC: transfers}, {})


def test_days_without_transfers_are_settled_by_the_last_block_before_them(home):
    seed(home, {})
    for settled in (5, 9):
        write_lake(
            home, {SIMBTC: [Transfer(0, FIRST, ZERO_ADDRESS, WALLETS[0], 5)]}, FIRST + DAY * settled, FIRST + DAY * 12
        )
        match(home)
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        settled = build.sql(
            "select value_date, birth_date, history from intermediate.int_tokens__lots"
            " where kind = 'settled' order by all"
        ).fetchall()
    history = settled[0][-1]
    assert history.endswith(" 0x0")
    assert settled == [(FIRST + DAY * 5, FIRST, history), (FIRST + DAY * 9, FIRST, history)]


def test_as_of_a_time_the_days_over_by_then_are_matched(tmp_path):
    home = Home(tmp_path, as_of=datetime(2020, 1, 20, 12))
    home.write_control(home.build)
    transfers = stream(random.Random(5), 40, 200, 10**8)
    seed(home, {})
    write_lake(home, {SIMBTC: transfers}, FIRST + DAY * 40, FIRST + DAY * 40)
    match(home)
    assert lots(home) == expected_lots({SIMBTC: until(transfers, date(2020, 1, 19))}, {})
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        days = "select value_date from intermediate.int_tokens__lots where kind = 'settled'"
        assert build.sql(days).fetchall() == [(date(2020, 1, 19),)]


# The marts.

MATCHED = {SIMBTC: 10**8, SIMUSD: 10**6, TBTC: 10**18}
"""Tokens that conserve their amounts, and about how many units the random amounts are."""
UNMATCHED = {
    USDE: "nothing says that its first transfers are held",
    USDC: "somebody sent more of it than was received",
    WBTC: "its transfers do not add up to its supply",
    USDT: "its amounts are too large to be summed exactly",
    CBBTC: "its amounts are too large to be summed exactly",
    ARBITRUM: "its transfers are not held from the first block on without a gap",
}
SETTLED, LAST = FIRST + DAY * 395, FIRST + DAY * 400
STREAMS = {token: stream(random.Random(token.asset), 401, 400, one) for token, one in MATCHED.items()} | {
    USDE: stream(random.Random(1), 20, 20, 10**18),
    USDC: [
        Transfer(0, FIRST, ZERO_ADDRESS, WALLETS[0], 5),
        Transfer(2, FIRST + DAY, *WALLETS[:2], 6),
        Transfer(4, FIRST + DAY * 2, ZERO_ADDRESS, WALLETS[0], 5),
    ],
    WBTC: stream(random.Random(2), 20, 20, 10**8),
    USDT: [Transfer(number, FIRST, ZERO_ADDRESS, WALLETS[0], 9 * 10**37) for number in range(2)],
    CBBTC: [Transfer(number, FIRST, ZERO_ADDRESS, WALLETS[0], 6 * 10**28) for number in range(2)],
    ARBITRUM: [Transfer(0, FIRST, ZERO_ADDRESS, WALLETS[0], 5)],
}
BOOKS = {token: follow(STREAMS[token], EXCHANGE if token.network == "anvil" else {}) for token in MATCHED}
WEIGHTS = {
    "age_155d_step": lambda age: 10**9 if age >= 155 else 0,
    "age_150d_step": lambda age: 10**9 if age >= 150 else 0,
    "age_114d_step": lambda age: 10**9 if age >= 114 else 0,
    "age_155d_logistic": lambda age: round(10**9 / (1 + math.exp(-(age - 155) / 10))),
}


def close(day: date) -> Decimal:
    return Decimal(9000 + (day - FIRST).days * 7 % 1000)


def native(units: int, digits: int) -> Decimal:
    return (Decimal(units).scaleb(-digits)).quantize(Decimal("1e-8"), ROUND_HALF_UP)


def days(token: Token) -> list[date]:
    first = STREAMS[token][0].day
    return [first + DAY * number for number in range((LAST - first).days + 1)]


@pytest.fixture(scope="module")
def mart(tmp_path_factory):
    """Rows of a mart, by its name, of a home with the streams and without Bitcoin."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.write_control(home.build)
    for source in registry.sources():
        home.lake.write(source.name, source.table, pl.DataFrame(schema=source.schema))
    home.lake.write("holder_series", "definitions", pl.DataFrame(schema=holder_series.DEFINITIONS_SCHEMA))
    for table, schema in TABLES.items():
        home.lake.write("bitcoin", table, pl.DataFrame(schema=schema))
    closes = [
        {"asset": "BTC", "venue": "binance", "value_date": FIRST + DAY * number, "metric": "close_usd"}
        | {
            "value": float(close(FIRST + DAY * number)),
            "observed_at": datetime(2020, 1, 1),
            "raw_text": "",
            "archive_sha256": "0",
        }
        for number in range(401)
    ]
    schema = binance_vision.SOURCE.schema
    home.lake.write("binance_vision", "bars_daily", pl.DataFrame(closes, schema=schema))
    supply = {"chain_id": 1, "value_date": FIRST, "block_number": 1, "block_hash": "0x"}
    judged = [(TBTC, True), (WBTC, False), (SIMBTC, True)]
    supplies = [{"network": t.network, "token": t.address, "is_reconciled": is_well} | supply for t, is_well in judged]
    gap = {"network": "arbitrum", "contract": ARBITRUM.address, "topic": TRANSFER, "from_block": 3 * 10**6}
    gap |= {"to_block": 3 * 10**6, "is_final": True, "to_value_date": LAST}
    write_lake(home, STREAMS, SETTLED, LAST, supplies=supplies, coverage=[gap])
    onchain = ["--select", "+path:models/marts/onchain", "--indirect-selection", "cautious"]
    dbt(home, "build", *onchain, "--exclude-resource-type", "unit_test")
    with duckdb.connect(str(home.build_file), read_only=True) as con:
        names = [path.stem for path in Path(DBT_PROJECT, "models/marts/onchain").glob("*.sql")]
        held = {name: con.sql(f"select * from marts.{name}").pl().to_dicts() for name in names}
    return held.__getitem__


def of(token: Token, rows: list[dict], *key: str) -> dict[tuple, dict]:
    chosen = [row for row in rows if (row["asset"], row["network"]) == (token.asset, token.network)]
    return {tuple(row[name] for name in key): row for row in chosen}


def test_a_token_that_cannot_be_matched_is_named_and_nowhere_else(mart):
    reasons = {(row["network"], row["asset"]): row["unmatched_because"] for row in mart("onchain_tokens")}
    assert reasons == {
        (token.network, token.asset): because for token, because in (dict.fromkeys(MATCHED) | UNMATCHED).items()
    }
    matched = {(token.network, token.asset) for token in MATCHED}
    for name in ("onchain_coin_flow", "onchain_coin_created", "onchain_value_daily", "onchain_token_supply_daily"):
        assert {(row["network"], row["asset"]) for row in mart(name)} == matched, name
    assert {(row["network"], row["asset"]) for row in mart("onchain_token_flows_daily")} == set(reasons)
    assert mart("onchain_blocks_daily") == []


@pytest.mark.parametrize("token", MATCHED, ids=lambda token: token.asset)
def test_coin_flow_and_created_are_the_sums_over_holders(mart, token):
    flow, created = defaultdict(int), defaultdict(int)
    for (_, day, birth, kind), units in BOOKS[token].rows.items():
        if kind in ("mint", "received"):
            created[birth, kind.replace("received", "transfer")] += units
        else:
            flow[day, birth, kind] += units
    assert {kind for *_, kind in flow} == {"transfer", "burn"}
    found = of(token, mart("onchain_coin_flow"), "spend_date", "birth_date", "kind")
    assert {key: row["amount_native"] for key, row in found.items()} == {
        key: native(units, token.decimals) for key, units in flow.items()
    }
    found = of(token, mart("onchain_coin_created"), "birth_date", "kind")
    assert {key: row["amount_native"] for key, row in found.items()} == {
        key: native(units, token.decimals) for key, units in created.items()
    }


@pytest.mark.parametrize("token", MATCHED, ids=lambda token: token.asset)
def test_supply_and_holders_are_what_the_books_hold(mart, token):
    found = of(token, mart("onchain_token_supply_daily"), "value_date")
    assert sorted(found) == [(day,) for day in days(token)]
    balances = {}
    for day in days(token):
        balances = BOOKS[token].balances.get(day, balances)
        rows = dict.fromkeys(("mint", "burn"), 0)
        for (_, on, _, kind), units in BOOKS[token].rows.items():
            if on == day and kind in rows:
                rows[kind] += units
        row = found[(day,)]
        assert row["minted_native"] == native(rows["mint"], token.decimals)
        assert row["burned_native"] == native(rows["burn"], token.decimals)
        assert row["supply_native"] == native(sum(balances.values()), token.decimals)
        assert row["holders"] == sum(units > 0 for units in balances.values())
        assert row["is_final"] == (day <= SETTLED)


@pytest.mark.parametrize("definition", WEIGHTS)
@pytest.mark.parametrize("token", MATCHED, ids=lambda token: token.asset)
def test_long_term_supply_and_what_was_spent_of_it_are_the_weighted_lots(mart, token, definition):
    weight = WEIGHTS[definition]
    supply = of(token, mart("onchain_holder_supply_daily"), "definition_id", "value_date")
    flows = of(token, mart("onchain_lth_flows_daily"), "definition_id", "value_date")
    for day in [*days(token)[::7], LAST]:
        held = spent = 0
        for (_, on, birth, kind), units in BOOKS[token].rows.items():
            sign = 1 if kind in ("mint", "received") else -1
            held += sign * units * weight((day - birth).days) if on <= day else 0
            spent += units * weight((day - birth).days) if on == day and sign < 0 else 0
        assert supply[definition, day]["lth_native"] == native(held, token.decimals + 9)
        assert flows[definition, day]["spent_native"] == native(spent, token.decimals + 9)


@pytest.mark.parametrize("token", [SIMBTC, TBTC], ids=lambda token: token.asset)
def test_wrapped_coins_are_worth_the_close_of_what_they_wrap(mart, token):
    found = of(token, mart("onchain_value_daily"), "value_date")
    for day in [*days(token)[::50], LAST]:
        cap = sum(
            (1 if kind in ("mint", "received") else -1) * units * close(birth)
            for (_, on, birth, kind), units in BOOKS[token].rows.items()
            if on <= day
        )
        assert found[(day,)]["realized_cap_usd"] == pytest.approx(float(cap.scaleb(-token.decimals)), rel=1e-9)


def test_a_coin_without_a_price_has_no_value(mart):
    values = of(SIMUSD, mart("onchain_value_daily"), "value_date").values()
    assert {row["unpriced_native"] == row["supply_native"] for row in values} == {True}
    assert {row["market_cap_usd"] for row in values} == {None}


@pytest.mark.parametrize("token", [SIMBTC, TBTC], ids=lambda token: token.asset)
def test_flows_between_kinds_of_entity_leave_out_what_stays_within_one(mart, token):
    entities = EXCHANGE if token.network == "anvil" else {}
    expected = defaultdict(list)
    for each in STREAMS[token]:
        sender, receiver = (entities.get(side, side) for side in (each.sender, each.receiver))
        if sender != receiver and each.units:
            kinds = ["exchange" if side in EXCHANGE.values() else "other" for side in (sender, receiver)]
            kinds[0] = "mint" if sender == ZERO_ADDRESS else kinds[0]
            kinds[1] = "burn" if receiver == ZERO_ADDRESS else kinds[1]
            expected[each.day, *kinds].append(each.units)
    found = of(token, mart("onchain_token_flows_daily"), "value_date", "from_kind", "to_kind")
    assert {key: (row["transfers"], row["amount_native"]) for key, row in found.items()} == {
        key: (len(units), native(sum(units), token.decimals)) for key, units in expected.items()
    }


def test_flows_of_amounts_too_large_are_counted_only(mart):
    (row,) = of(USDT, mart("onchain_token_flows_daily"), "value_date").values()
    assert (row["transfers"], row["amount_native"]) == (2, None)
