"""Days that are flagged for house-keeping, on made traffic whose truth is known, and the score against plain Python.

Each transaction is made as bytes, with the record of the coins it spends, and goes through the compiled loops that read
a node's files. Traffic of a day: sales with change and without, whole wallets sold, batched payouts, and a custodian's
small merges. Known beside it: days on which an owner merges or migrates several days' worth of old coins, and days on
which as much is sold.
"""

import random
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.networks import COIN
from ingestion.sample.regtest import Coin, Input, Output, Transaction
from ingestion.sample.serialization import compact_size

FIRST = date(2024, 1, 1)
DAYS, WARM_UP, OLD = 130, 31, 400
"""Days of traffic, those before the first score, and heights before the first day: one block is a day."""
KINDS = ("merge", "sell_off", "migrate", "sweeps", "merge", "payouts", "migrate", "wallets")
EVENTS = {36 + 13 * n: kind for n, kind in enumerate(KINDS)}
"""What happens beside the ordinary on some days."""
SCRIPTS = [
    b"\x76\xa9\x14" + bytes(20) + b"\x88\xac",
    b"\xa9\x14" + bytes(20) + b"\x87",
    b"\x00\x14" + bytes(20),
    b"\x51\x20" + bytes(32),
]
COLUMNS = ("transactions", "lth_sats", "spent_sats", "large_transactions", "large_lth_sats")


@dataclass(frozen=True)
class Made:
    """A transaction's coins and outputs, and whether it is house-keeping in truth."""

    coins: tuple[Coin, ...]
    paid_to: tuple[bytes, ...]
    is_house_keeping: bool = False

    @property
    def lth_sats(self) -> int:
        return sum(coin.amount for coin in self.coins)

    def transaction(self) -> Transaction:
        share = self.lth_sats // len(self.paid_to)
        inputs = tuple(Input(bytes(32), n) for n in range(len(self.coins)))
        return Transaction(inputs, tuple(Output(share, script) for script in self.paid_to))


def coins(chance: random.Random, count: int, total: float, script: bytes) -> tuple[Coin, ...]:
    """Old coins of one script, `total` coins of value in all."""
    return tuple(Coin(int(total * COIN / count), script, chance.randint(1, OLD - 160), False) for _ in range(count))


def ordinary(chance: random.Random) -> Iterable[Made]:
    """A day's traffic of about 4,000 long-term coins."""
    for _ in range(20):  # sales with change
        own, theirs = chance.choice(SCRIPTS), chance.choice(SCRIPTS)
        yield Made(coins(chance, chance.randint(1, 4), chance.uniform(20, 200), own), (theirs, own))
    for _ in range(6):  # a coin sold whole, to a script of its type or another
        yield Made(coins(chance, 1, chance.uniform(20, 150), chance.choice(SCRIPTS)), (chance.choice(SCRIPTS),))
    for _ in range(3):  # a wallet sold whole
        yield Made(coins(chance, chance.randint(2, 9), chance.uniform(20, 150), SCRIPTS[2]), (chance.choice(SCRIPTS),))
    for _ in range(3):  # payouts
        own = chance.choice(SCRIPTS)
        yield Made(coins(chance, 5, chance.uniform(50, 150), own), (*chance.choices(SCRIPTS, k=20), own))
    yield Made(coins(chance, 40, chance.uniform(50, 200), SCRIPTS[1]), (SCRIPTS[1],), True)


def event(chance: random.Random, kind: str) -> Iterable[Made]:
    """One to three weeks' worth of long-term coins on one day; `wallets` are sold whole."""
    left = chance.uniform(30_000, 90_000)
    while left > 0:
        part = chance.uniform(300, 5_000)
        left -= part
        if kind == "merge":
            yield Made(coins(chance, 60, part, SCRIPTS[0]), (SCRIPTS[0],), True)
        elif kind == "migrate":
            yield Made(coins(chance, 30, part, SCRIPTS[1]), (SCRIPTS[3],) * chance.randint(1, 4), True)
        elif kind == "sell_off":
            yield Made(coins(chance, 5, part, SCRIPTS[2]), (SCRIPTS[1], SCRIPTS[2]))
        elif kind == "sweeps":
            yield Made(coins(chance, 1, part, SCRIPTS[2]), (SCRIPTS[2],))
        elif kind == "payouts":
            yield Made(coins(chance, 20, part, SCRIPTS[2]), (*chance.choices(SCRIPTS, k=30), SCRIPTS[2]))
        else:
            yield Made(coins(chance, 60, part, SCRIPTS[0]), (SCRIPTS[0],))


def traffic(seed: int) -> dict[int, list[Made]]:
    """Transactions by day."""
    chance = random.Random(seed)
    made = {day: list(ordinary(chance)) for day in range(DAYS)}
    for day, kind in EVENTS.items():
        made[day] += event(chance, kind)
    return made


def read(day: int, made: list[Made]) -> np.ndarray:
    """Sums of the day's signatures, by the loops that read a block and its undo record."""
    coinbase = Transaction((Input(bytes(32), 0xFFFFFFFF),), (Output(0),))
    bodies = [coinbase.serialized(), *(each.transaction().serialized() for each in made)]
    block = bytes(80) + compact_size(len(bodies)) + b"".join(bodies)
    undo = compact_size(len(made)) + b"".join(
        compact_size(len(each.coins)) + b"".join(coin.undo() for coin in each.coins) for each in made
    )
    heights = np.arange(OLD + DAYS, dtype=np.int32)
    cells, totals = np.zeros((OLD + DAYS, 2, 2), dtype=np.int64), np.zeros(3, dtype=np.int64)
    spent, sums = signatures.room_for_spent(len(made) + 1), signatures.empty_sums()
    record = np.frombuffer(undo, dtype=np.uint8), 0, len(undo)
    scripts = signatures.empty_scripts()
    assert decode.fold_undo(*record, OLD + day, heights, cells, scripts, spent, totals) == decode.OK
    body = np.frombuffer(block, dtype=np.uint8)
    read_now = decode.read_block(body, spent, np.zeros((2, 4), dtype=np.int64), sums, signatures.room_for_large())
    assert read_now[0] == len(bodies)
    return sums


def rows(sums: np.ndarray, day: int, network: str, blocks: int = 1) -> list[dict]:
    key = {"asset": "BTC", "network": network, "spend_date": FIRST + timedelta(days=day), "blocks": blocks}
    return [
        key | {"signature": name} | dict(zip(COLUMNS, map(int, row), strict=True))
        for name, row in zip(signatures.SIGNATURES, sums, strict=True)
    ]


@pytest.fixture(scope="session")
def flagged(compiled):
    """The mart, over days with one block each and these signatures."""

    def flagged(found: list[dict], days: Iterable[tuple[str, int]], without_flows: int = -1) -> pl.DataFrame:
        dates = [(network, day, FIRST + timedelta(days=day)) for network, day in days]
        day_rows = [
            {"asset": "BTC", "network": network, "value_date": at, "is_final": True, "is_token": False}
            | {"has_flows": day != without_flows}
            for network, day, at in dates
        ]
        blocks = [{"asset": "BTC", "network": network, "value_date": at, "blocks": 1} for network, _, at in dates]
        with duckdb.connect() as con:
            for schema in ("staging", "intermediate"):
                con.execute(f"create schema if not exists {schema}")
            for table, held in (
                ("intermediate.int_onchain__days", day_rows),
                ("staging.stg_bitcoin__blocks_daily", blocks),
                ("staging.stg_bitcoin__transfer_signatures", found),
            ):
                con.register("given", pl.DataFrame(held, infer_schema_length=None).to_arrow())
                con.execute(f"create table {table} as from given")
            return con.sql(compiled["onchain_transfer_signatures_daily"]).pl()

    return flagged


@pytest.fixture(scope="module")
def made() -> dict[str, dict[int, list[Made]]]:
    return {f"seed{seed}": traffic(seed) for seed in range(2)}


@pytest.fixture(scope="module")
def mart(made, flagged) -> pl.DataFrame:
    found = [
        row
        for network, days in made.items()
        for day, transactions in days.items()
        for row in rows(read(day, transactions), day, network)
    ]
    return flagged(found, [(network, day) for network in made for day in range(DAYS)])


def signature_of(made: Made) -> str:
    types = {script: signatures.script_type(np.frombuffer(script, np.uint8), 0, len(script)) for script in SCRIPTS}
    paid = sum({1 << types[script] for script in made.paid_to})
    kind = signatures.signature(len(made.coins), len(made.paid_to), 1 << types[made.coins[0].script], paid)
    return signatures.SIGNATURES[kind]


def flags(mart: pl.DataFrame) -> set[tuple[str, int, str]]:
    rows = mart.filter("is_flagged").select("network", "value_date", "signature").iter_rows()
    return {(network, (day - FIRST).days, name) for network, day, name in rows}


def test_days_of_house_keeping_are_flagged_and_days_of_sales_are_not(made, mart):
    """But for wallets sold whole, which leave no change either: a flag is a candidate, not a verdict."""
    found = {(network, day) for network, day, _ in flags(mart)}
    kinds = {"merge", "migrate", "wallets"}
    assert found == {(network, day) for network in made for day, kind in EVENTS.items() if kind in kinds}


def test_the_share_of_house_keeping_found_and_the_share_falsely_flagged(made, mart):
    """Without the day of wallets sold whole; what is missed are the small merges of ordinary days."""
    flagged_rows, sums = flags(mart), defaultdict(int)
    for network, days in made.items():
        for day, transactions in days.items():
            for each in transactions if day >= WARM_UP and EVENTS.get(day) != "wallets" else ():
                sums[each.is_house_keeping, (network, day, signature_of(each)) in flagged_rows] += each.lth_sats
    assert sums[True, True] / (sums[True, True] + sums[True, False]) > 0.94
    assert sums[False, True] / (sums[False, True] + sums[True, True]) < 0.01


def test_score_and_flag_are_those_of_plain_python(made, mart):
    by_day = defaultdict(lambda: [0] * DAYS)
    for network, days in made.items():
        for day, transactions in days.items():
            for each in transactions:
                by_day[network, signature_of(each)][day] += each.lth_sats
    found = {
        (row["network"], (row["value_date"] - FIRST).days, row["signature"]): row for row in mart.iter_rows(named=True)
    }
    assert len(found) == len(made) * DAYS * 5
    for network in made:
        of = {name: by_day[network, name] for name in signatures.SIGNATURES}
        totals = [sum(each) for each in zip(*of.values(), strict=True)]
        for day in range(DAYS):
            before = slice(day - WARM_UP, day)
            excess = (
                {name: max(0, of[name][day] - statistics.median(of[name][before])) for name in of}
                if day >= WARM_UP
                else {}
            )
            kept = [excess[name] for name in ("consolidation", "migration")] if excess else []
            for name in of:
                row = found[network, day, name]
                assert row["lth_spent_native"] * COIN == of[name][day]
                if not excess:
                    assert (row["score"], row["day_score"], row["usual_native"], row["is_flagged"]) == (
                        None,
                        None,
                        None,
                        False,
                    )
                    continue
                usual_day = statistics.median(totals[before])
                assert row["usual_native"] * COIN == statistics.median(of[name][before])
                assert row["usual_day_native"] * COIN == usual_day
                assert row["score"] == pytest.approx(excess[name] / totals[day], rel=1e-12)
                assert row["day_score"] == pytest.approx(sum(kept) / totals[day], rel=1e-12)
                is_part = name in ("consolidation", "migration") and excess[name] > 0
                assert row["is_flagged"] == (is_part and 2 * sum(kept) >= totals[day] and sum(kept) >= usual_day)


def test_a_day_with_a_block_that_was_not_read_whole_is_unknown_and_so_is_what_is_usual_after_it(flagged):
    big = signatures.empty_sums()
    big[signatures.CONSOLIDATION] = 1, 10**11, 10**11, 1, 10**11
    quiet, days = signatures.empty_sums(), range(80)
    quiet[signatures.PAYMENT] = 1, 1, 1, 0, 0
    found = [
        row for day in days for row in rows(big if day in (40, 79) else quiet, day, "main", int(day not in (5, 41)))
    ]
    mart = (
        flagged(found, [("main", day) for day in days], without_flows=0)
        .filter(signature="consolidation")
        .sort("value_date")
    )
    unknown = [day for day, amount in enumerate(mart["lth_spent_native"]) if amount is None]
    assert unknown == [0, 5, 41]
    assert [day for day, usual in enumerate(mart["usual_native"]) if usual is not None] == [
        *range(37, 41),
        *range(73, 80),
    ]
    assert [day for day, is_flagged in enumerate(mart["is_flagged"]) if is_flagged] == [40, 79]
