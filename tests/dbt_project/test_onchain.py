"""Every figure of the on-chain marts against a sum over single coins: random chains, one run of dbt for all of them.

`main` has blocks on most of 420 days from before there was a market, closes missing on some; `regtest` few blocks in
eleven years, bodies not read, and blocks beyond the time as of which the build is; `signet` begins with a snapshot and
has no prices.
"""

import json
import math
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingestion.archive import Capture
from ingestion.bitcoin.rows import TABLES
from ingestion.evm import ledger
from ingestion.lake.observations import observation_schema, observe
from ingestion.sources import alternative_me, binance_vision, bitview, coin_metrics, holder_series, prices
from orchestration import own_definitions, own_seeds
from orchestration.home import DBT_PROJECT, Home
from orchestration.settings import Settings

DAY = timedelta(days=1)
SATS = 100_000_000
ONE = 10**9
AS_OF_CUTOFF = datetime(2021, 3, 5, 12)
MARKET_OPENED = date(2010, 7, 17)
SELECTION = ["+path:models/marts/onchain", "+onchain_lth_adjusted_daily", "market_prices_daily"]
"""With the tests of these, of which none fails for what a publisher says."""

WEIGHTS: dict[str, Callable[[int], int]] = {
    "age_155d_step": lambda age: ONE if age >= 155 else 0,
    "age_150d_step": lambda age: ONE if age >= 150 else 0,
    "age_114d_step": lambda age: ONE if age >= 114 else 0,
    "mine": lambda age: 250_000_001 if 3 <= age < 40 else 0 if age < 400 else ONE,
    "age_155d_logistic": cache(lambda age: round(ONE / (1 + math.exp(-(age - 155) / 10)))),
}
OWN_DEFINITIONS = {"mine": b"age_days,weight\n3,0.250000001\n40,0\n400,1\n"}
"""A definition of the user's own, whose weight falls again."""
BANDS = {
    "0d": (0, 1),
    "1d-1w": (1, 7),
    "1w-1m": (7, 30),
    "1m-3m": (30, 90),
    "3m-6m": (90, 180),
    "6m-1y": (180, 365),
    "1y-2y": (365, 730),
    "2y-3y": (730, 1095),
    "3y-5y": (1095, 1825),
    "5y-7y": (1825, 2555),
    "7y-10y": (2555, 3650),
    "10y+": (3650, 10**6),
}


@dataclass
class Coin:
    birth: date
    kind: str
    sats: int
    spend: date | None = None

    def is_held(self, day: date) -> bool:
        """Whether it is unspent at the end of the day."""
        return self.birth <= day and (self.spend is None or self.spend > day)

    def age(self, day: date) -> int:
        return (day - self.birth).days


@dataclass
class Block:
    day: date
    height: int
    blocks: int = 1
    transactions: int = 1
    spends: int = 0
    outputs: int = 0
    fees: int = 0
    subsidy: int = 50 * SATS
    unclaimed: int = 0
    unspendable: int = 0
    coinbase: int = 0
    is_read: bool = True


@dataclass
class Chain:
    network: str
    coins: list[Coin] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    @property
    def days(self) -> list[date]:
        first, last = self.blocks[0].day, self.blocks[-1].day
        return [first + DAY * number for number in range((last - first).days + 1)]

    def blocks_of(self, day: date) -> list[Block]:
        return [block for block in self.blocks if block.day == day]

    @property
    def is_from_genesis(self) -> bool:
        return self.blocks[0].height == 0


def simulate(network: str, days: list[date], rng: random.Random, spent_per_day: float, may_burn: bool) -> Chain:
    """Blocks on `days`: coins are spent in transactions whose outputs some block of the same day may spend again."""
    chain = Chain(network)
    for height, day in enumerate(sorted(days)):
        block = Block(day, height)
        if height == 0:
            block.unspendable, block.coinbase, block.outputs = block.subsidy, block.subsidy, 1
            chain.blocks.append(block)
            continue
        for _ in range(int(spent_per_day + rng.random())):
            held = [coin for coin in chain.coins if coin.spend is None]
            spent = rng.sample(held, min(len(held), rng.randint(1, 3)))
            if not spent:
                break
            for coin in spent:
                coin.spend = day
            total = sum(coin.sats for coin in spent)
            fee = rng.randint(0, total // 50)
            burned = rng.randint(1, total // 20 + 1) if may_burn and rng.random() < 0.1 and total > fee + 1 else 0
            rest = total - fee - burned
            cuts = [0, *sorted(rng.randint(0, rest) for _ in range(rng.randint(0, 2))), rest]
            outputs = [high - low for low, high in pairwise(cuts)]
            chain.coins += [Coin(day, "transfer", sats) for sats in outputs]
            block.transactions += 1
            block.spends += len(spent)
            block.outputs += len(outputs) + (burned > 0)
            block.fees += fee
            block.unspendable += burned
        block.unclaimed = rng.randint(0, block.subsidy + block.fees) if may_burn and rng.random() < 0.1 else 0
        block.coinbase = block.subsidy + block.fees - block.unclaimed
        chain.coins.append(Coin(day, "coinbase", block.coinbase))
        block.outputs += 1
        chain.blocks.append(block)
    return chain


def from_snapshot(chain: Chain, day: date, rng: random.Random) -> Chain:
    """What is known of a chain that begins with a snapshot within `day`: some of that day's spends are before it."""
    coins = [
        coin
        for coin in chain.coins
        if coin.spend is None or coin.spend > day or (coin.spend == day and rng.random() < 0.5)
    ]
    rest = [block for block in chain.blocks if block.day >= day]
    base = Block(day, rest[0].height - 1, blocks=0, transactions=0, subsidy=0, is_read=False)
    return Chain(chain.network, coins, [base, *rest])


def as_of(chain: Chain, last: date) -> Chain:
    """The chain without what came after `last`."""
    coins = [
        Coin(coin.birth, coin.kind, coin.sats, coin.spend if coin.spend and coin.spend <= last else None)
        for coin in chain.coins
        if coin.birth <= last
    ]
    blocks = [block for block in chain.blocks if block.day <= last]
    return Chain(chain.network, coins, blocks)


def random_days(first: date, last: date, count: int, rng: random.Random) -> list[date]:
    """That many days, some of them twice, with the first and the last among them."""
    span = (last - first).days
    return [first, last, *(first + DAY * rng.randint(1, span) for _ in range(count))]


def chains() -> dict[str, Chain]:
    """The chains as their nodes know them, by network."""
    rng = random.Random(20101)
    main = simulate("main", random_days(date(2010, 3, 20), date(2011, 5, 14), 500, rng), rng, 1.4, True)
    old = simulate("regtest", random_days(date(2010, 6, 1), date(2021, 3, 20), 70, rng), rng, 0.4, False)
    old.blocks = [replace(block, is_read=False) for block in old.blocks]
    signet = simulate("signet", random_days(date(2019, 1, 10), date(2020, 2, 20), 260, rng), rng, 1.2, True)
    return {"main": main, "regtest": old, "signet": from_snapshot(signet, date(2019, 12, 1), rng)}


UNFOLDED = {"main": date(2011, 5, 9), "regtest": date(2022, 1, 1), "signet": date(2020, 2, 20)}
"""The first day with blocks that are not finalized yet."""


MISSING = {
    start + DAY * number
    for start, days in ((date(2020, 3, 1), 7), (date(2020, 5, 1), 8), (date(2020, 7, 1), 30))
    for number in range(days)
}
"""Days without a close: the gap of a week is carried over, the longer ones are not."""


def closes(rng: random.Random) -> dict[tuple[str, date], Decimal]:
    """Closes by venue and day; some days have none, on none of the venues."""
    held = {}
    for number in range((date(2021, 3, 21) - date(2010, 7, 1)).days):
        day = date(2010, 7, 1) + DAY * number
        price = round(Decimal(10 ** rng.uniform(-2, 5)), rng.choice([2, 4, 6])) + Decimal("0.01")
        if rng.random() < 0.03 or day in MISSING:
            continue
        if day >= date(2010, 12, 1):
            held["binance", day] = price
        if rng.random() < 0.9 or day < date(2010, 12, 1):
            held["own", day] = price * 2
        held["zz", day] = price * 3
    return held


CHAINS = chains()
CLOSES = closes(random.Random(7))
KNOWN = {network: as_of(chain, AS_OF_CUTOFF.date() - DAY) for network, chain in CHAINS.items()}


VENUES = ("binance", "own", "zz")
LAST_CLOSE = max(day for _, day in CLOSES)


@cache
def known_close(network: str, day: date) -> Decimal | None:
    """The close of a day itself: 0 before there was a market, else that of the first venue that has one."""
    if day < MARKET_OPENED:
        return Decimal(0)
    if network == "signet":
        return None
    return next((CLOSES[venue, day] for venue in VENUES if (venue, day) in CLOSES), None)


@cache
def carried(network: str, day: date) -> int | None:
    """From how many days before the close that values a day is; None where there is none within a gap of a week."""
    last = max(LAST_CLOSE, CHAINS[network].blocks[-1].day) if network != "signet" else KNOWN[network].blocks[-1].day
    before = next(n for n in range(10_000) if known_close(network, day - n * DAY) is not None)
    after = next(
        (n for n in range(1, 10_000) if known_close(network, day + n * DAY) is not None), (last - day).days + 1
    )
    return before if before == 0 or before + after - 1 <= 7 else None


@cache
def close(network: str, day: date) -> Decimal | None:
    """The close that values a day."""
    days = carried(network, day)
    return None if days is None else known_close(network, day - days * DAY)


@cache
def is_uncertain(network: str, day: date) -> bool:
    """Whether a day is valued by a close of another day, or by one that another venue's differs from by a tenth."""
    if close(network, day) is None or day < MARKET_OPENED:
        return False
    of = day - (carried(network, day) or 0) * DAY
    quoted = [CLOSES[venue, of] for venue in VENUES if (venue, of) in CLOSES]
    return of != day or any(abs(each - quoted[0]) * 10 > min(each, quoted[0]) for each in quoted)


# The lake.


def parts(rows: pl.DataFrame, rng: random.Random) -> Iterator[pl.DataFrame]:
    """The rows cut into two files at random."""
    mask = pl.Series([rng.random() < 0.5 for _ in range(rows.height)], dtype=pl.Boolean)
    yield rows.filter(mask)
    yield rows.filter(~mask)


def write(home: Home, table: str, rows: list[dict], schema: dict) -> None:
    """A raw table of the chain in two files, the rows of one cell anywhere."""
    folder = home.lake.root / "bitcoin" / table
    folder.mkdir(parents=True)
    for number, part in enumerate(parts(pl.DataFrame(rows, schema=schema), random.Random(table))):
        part.write_parquet(folder / f"{number}.parquet")


def folded(coins: list[dict]) -> list[dict]:
    """Rows of coin flow as the ledger leaves them: one per cell on finalized days, any number on later ones."""
    cells, rows = defaultdict(list), []
    for coin in coins:
        is_folded = coin["spend_date"] < UNFOLDED[coin["network"]]
        cell = cells[coin["network"], coin["spend_date"], coin["birth_date"], coin["kind"]] if is_folded else rows
        cell.append(coin)
    sums = (
        cell[0] | {"amount_sats": sum(coin["amount_sats"] for coin in cell), "coins": len(cell)}
        for cell in cells.values()
    )
    return [*rows, *sums]


def write_chains(home: Home) -> None:
    chain_key = {"asset": pl.String, "network": pl.String}
    amounts = {"kind": pl.String, "amount_sats": pl.Int64, "coins": pl.Int64}
    flow, created, blocks = [], [], []
    for chain in CHAINS.values():
        key = {"asset": "BTC", "network": chain.network}
        for coin in chain.coins:
            amount = {"birth_date": coin.birth, "kind": coin.kind, "amount_sats": coin.sats, "coins": 1}
            created.append(key | amount)
            if coin.spend:
                flow.append(key | amount | {"spend_date": coin.spend})
        for block in chain.blocks:
            blocks.append(
                key
                | {
                    "value_date": block.day,
                    "blocks": block.blocks,
                    "transactions": block.transactions,
                    "spends": block.spends,
                    "outputs": block.outputs if block.is_read else None,
                    "fees_sats": block.fees if block.is_read else None,
                    "subsidy_sats": block.subsidy,
                    "unclaimed_sats": block.unclaimed if block.is_read else None,
                    "unspendable_sats": block.unspendable if block.is_read else None,
                    "coinbase_sats": block.coinbase if block.is_read else None,
                    "unfolded_blocks": block.blocks * int(block.day >= UNFOLDED[chain.network]),
                    "first_height": block.height,
                    "last_height": block.height,
                }
            )
    counts = [name for name in blocks[0] if name not in ("asset", "network", "value_date")]
    write(home, "coin_flow", folded(flow), chain_key | {"spend_date": pl.Date, "birth_date": pl.Date} | amounts)
    write(home, "coin_created", created, chain_key | {"birth_date": pl.Date} | amounts)
    for table in TABLES.keys() - {"coin_flow", "coin_created", "blocks_daily"}:
        write(home, table, [], TABLES[table])
    write(home, "blocks_daily", blocks, chain_key | {"value_date": pl.Date} | dict.fromkeys(counts, pl.Int64))


def observed(key: dict, cells: list[dict], at: datetime) -> pl.DataFrame:
    """Cells seen at one time, unless they say when."""
    rows = [{"observed_at": at, "raw_text": str(cell["value"]), "archive_sha256": "0"} | cell for cell in cells]
    return pl.DataFrame(rows, schema=observation_schema(key))


def write_closes(home: Home) -> None:
    seen = datetime(2021, 3, 1)
    cells = [
        {"asset": "BTC", "venue": venue, "value_date": day, "metric": "close_usd", "value": float(price)}
        for (venue, day), price in CLOSES.items()
    ]
    day = next(day for venue, day in CLOSES if venue == "own")
    superseded = [
        {"asset": "BTC", "venue": "own", "value_date": day, "metric": "close_usd", "value": 1e6} | {"observed_at": at}
        for at in (datetime(2021, 2, 1), datetime(2021, 4, 1))  # before the state in force, and after the build's time
    ]
    own = [cell for cell in cells if cell["venue"] != "binance"]
    bars = [cell for cell in cells if cell["venue"] == "binance"]
    home.lake.write("prices", "closes", observed(prices.SOURCE.key, own + superseded, seen))
    home.lake.write("binance_vision", "bars_daily", observed(binance_vision.SOURCE.key, bars, seen))
    home.lake.write("coin_metrics", "closes", pl.DataFrame(schema=observation_schema(coin_metrics.SOURCE.key)))
    home.lake.write("alternative_me", "fng", pl.DataFrame(schema=observation_schema(alternative_me.SOURCE.key)))


SERIES_DAYS = [date(2012, 1, 1) + DAY * number for number in range(70)]
SERIES_GAP = SERIES_DAYS[40]
SERIES = {"published_utxo": "age_155d_step", "mine": "age_150d_step", "other": "as_published"}
SUPPLY = {
    (series, day): (Decimal(5_000_000 + 1000 * number**2 % 77777) / 10, Decimal(3_000_000 + number) / 10)
    for series in SERIES
    for number, day in enumerate(SERIES_DAYS)
    if day != SERIES_GAP
}
LAST_SEEN = datetime.combine(SERIES_DAYS[-1], datetime.min.time()) + timedelta(hours=20)
"""Before the last day of the series was over."""


def write_series(home: Home) -> None:
    cells = [
        {"series": series, "value_date": day, "metric": metric, "value": float(value)}
        for (series, day), values in SUPPLY.items()
        for metric, value in zip(("lth_native", "sth_native"), values, strict=True)
    ]
    first = {"observed_at": datetime(2012, 1, 2), "value": 1.0}
    superseded = [cell | first for cell in cells if cell["value_date"] == SERIES_DAYS[0]]
    frame = observed(holder_series.SOURCE.key, cells + superseded, LAST_SEEN)
    home.lake.write("holder_series", "supply", frame)
    chosen = [("mine", datetime(2012, 2, 1), "age_155d_step"), ("mine", datetime(2012, 2, 2), "age_150d_step")]
    home.lake.write(
        "holder_series",
        "definitions",
        pl.DataFrame(chosen, schema=holder_series.DEFINITIONS_SCHEMA, orient="row"),
    )
    stored = pl.DataFrame(schema=observation_schema(bitview.SOURCE.key))
    pages = [
        (Capture("bitview", resource, "", at, "", 0, f"{at}", "made"), bitview.SOURCE.read(content, resource))
        for at, resource, content in kit_pages()
    ]
    home.lake.write("bitview", "supply", observe(stored, pages, bitview.SOURCE.key))


KIT_DAYS = [date(2020, 1, 1) + DAY * number for number in range(8)]
KIT_AGAIN = KIT_DAYS[2:6]
"""What is computed anew, of a shorter time: the other days are of another computation."""
KIT_SEAMS = (KIT_DAYS[2], KIT_DAYS[6])
"""Days that follow one of another computation."""
KIT_BROKEN = KIT_DAYS[5]
KIT = {
    day: {
        "matured": 4 * 10**16 + 7 * number**3 + 1,
        "spent": 4 * 10**16 + 5 * number**3 + 3,
        "cents": [10**15 + 900 * number**2, 10**14 + 500 * number**2, 10**13 + 100 * number**2],
        "issued": [18 * 10**14 + 12_345 * number, 10**9 + number],
    }
    for number, day in enumerate(KIT_DAYS)
}
"""Sums since 2009 that pass 2^53."""


def kit_supply(day: date) -> int:
    """Long-term satoshi: what matured less what was spent, but for one satoshi from the broken day on."""
    return 12 * 10**14 + KIT[day]["matured"] - KIT[day]["spent"] + (day >= KIT_BROKEN)


def kit_pages() -> Iterator[tuple[datetime, str, bytes]]:
    """What the publisher serves, and later for some days anew, by which only long-term supply and its sums change."""
    for seen, version, days, more in ((1, 71, KIT_DAYS, 10**12), (2, 72, KIT_AGAIN, 0)):
        rows = [
            (kit_supply(day) + more, 18 * 10**14, KIT[day]["matured"], KIT[day]["spent"] - more, 10**18) for day in days
        ]
        yield datetime(2021, 1, seen), "lth_flows", kit_json(days, rows, version)
    rows = [(*KIT[day]["cents"], 1, 1) for day in KIT_DAYS]
    yield datetime(2021, 1, 1), "lth_value", kit_json(KIT_DAYS, rows, 71)
    rows = [(*KIT[day]["issued"], 0, 18 * 10**14, 0, 0, 0) for day in KIT_DAYS]
    yield datetime(2021, 1, 1), "supply", kit_json(KIT_DAYS, rows, 71)


def kit_json(days: list[date], rows: list[tuple[int, ...]], version: int) -> bytes:
    start = (days[0] - date(2009, 1, 1)).days
    head = {"version": version, "index": "day1", "start": start, "end": start + len(days)}
    return json.dumps([head | {"data": data} for data in ([*map(str, days)], *zip(*rows, strict=True))]).encode()


@pytest.fixture(scope="module")
def mart(tmp_path_factory) -> Callable[[str], list[dict]]:
    """Rows of a mart of a home with the chains, closes and series."""
    home = Home(tmp_path_factory.mktemp("home"))
    write_chains(home)
    write_closes(home)
    write_series(home)
    ledger.create_tables(home.lake)
    for name, text in OWN_DEFINITIONS.items():
        own_definitions.add(home, name, own_definitions.parse(text, name))
    own_seeds.update(home, Settings())
    home.write_control(home.build)
    control = home.build / "flowhouse" / "control" / "control.parquet"
    pl.read_parquet(control).with_columns(as_of_cutoff=pl.lit(AS_OF_CUTOFF, pl.Datetime("us"))).write_parquet(control)
    build(home)
    with duckdb.connect(str(home.build_file), read_only=True) as con:
        marts = {path.stem for path in Path(DBT_PROJECT, "models/marts/onchain").glob("*.sql")} | {
            "market_prices_daily"
        }
        held = {name: con.sql(f"select * from marts.{name}").pl().to_dicts() for name in marts}
    return held.__getitem__


def build(home: Home) -> None:
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{home.lake.root},{home.build}"}
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build", "--project-dir", DBT_PROJECT]
    command += ["--profiles-dir", DBT_PROJECT, "--target-path", home.dbt_target, "--log-path", home.dbt_target]
    command += ["--select", *SELECTION, "--indirect-selection", "cautious"]  # no test of what is not built
    command += ["--vars", '{"compiled_from_cells": 0}']  # what SQL gives instead is compared in test_coin_ages.py
    run = subprocess.run(command, env=os.environ | where, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


# What the marts must hold, coin by coin.


def native(sats: int) -> Decimal:
    return Decimal(sats) / SATS


def weighted(amount: int) -> Decimal:
    """Coins from satoshi times 1e-9, rounded to the satoshi, halves up."""
    return native((amount + ONE // 2) // ONE)


def ratio(above: Decimal | None, below: Decimal | None) -> Decimal | None:
    return above / below if above is not None and below else None


def is_final(chain: Chain, day: date) -> bool:
    return day < chain.blocks[-1].day and not (chain.blocks_of(day) and day >= UNFOLDED[chain.network])


def has_flows(chain: Chain, day: date) -> bool:
    return chain.is_from_genesis or day > chain.days[0]


def value(network: str, coins: list[Coin]) -> Decimal | None:
    """The coins at the closes of their births; None where one has no price."""
    worth = [(coin.sats, close(network, coin.birth)) for coin in coins]
    return None if any(price is None for _, price in worth) else sum((native(s) * p for s, p in worth), Decimal(0))


def cells(rows: Iterator[tuple[tuple, int]]) -> dict[tuple, dict]:
    """Amount and number of the coins of each cell."""
    amounts, counts = defaultdict(int), defaultdict(int)
    for key, sats in rows:
        amounts[key] += sats
        counts[key] += 1
    return {key: {"amount_native": native(amounts[key]), "coins": counts[key]} for key in amounts}


def coin_flow(chain: Chain) -> dict[tuple, dict]:
    return cells(((coin.spend, coin.birth, coin.kind), coin.sats) for coin in chain.coins if coin.spend)


def coin_created(chain: Chain) -> dict[tuple, dict]:
    return cells(((coin.birth, coin.kind), coin.sats) for coin in chain.coins)


def blocks_daily(chain: Chain) -> dict[tuple, dict]:
    expected = {}
    for day in chain.days:
        blocks = chain.blocks_of(day)
        is_known = all(block.is_read for block in blocks)
        subsidy, unclaimed = sum(block.subsidy for block in blocks), sum(block.unclaimed for block in blocks)
        expected[(day,)] = {
            "blocks": sum(block.blocks for block in blocks),
            "transactions": sum(block.transactions for block in blocks),
            "spends": sum(block.spends for block in blocks),
            "outputs": sum(block.outputs for block in blocks) if is_known else None,
            "fees_native": native(sum(block.fees for block in blocks)) if is_known or has_flows(chain, day) else None,
            "subsidy_native": native(subsidy),
            "unclaimed_native": native(unclaimed) if is_known else None,
            "issued_native": native(subsidy - unclaimed) if is_known else None,
            "unspendable_native": native(sum(block.unspendable for block in blocks)) if is_known else None,
            "is_final": is_final(chain, day),
        }
    return expected


def lth_supply(chain: Chain, definition: str, day: date) -> Decimal:
    weight = WEIGHTS[definition]
    return weighted(sum(weight(coin.age(day)) * coin.sats for coin in chain.coins if coin.is_held(day)))


def holder_supply_daily(chain: Chain) -> dict[tuple, dict]:
    expected = {}
    for day in chain.days:
        supply = native(sum(coin.sats for coin in chain.coins if coin.is_held(day)))
        for definition in WEIGHTS:
            lth = lth_supply(chain, definition, day)
            expected["derived", definition, day] = {
                "lth_native": lth,
                "sth_native": supply - lth,
                "supply_native": supply,
                "computation": 0,
                "is_final": is_final(chain, day),
            }
    return expected


def lth_flow(chain: Chain, definition: str, day: date) -> dict:
    """What matured and was spent on a day, with its value."""
    weight, now = WEIGHTS[definition], close(chain.network, day)
    matured = spent = 0
    worth = cost = profit = loss = Decimal(0)
    is_priced = True
    for coin in chain.coins:
        age = coin.age(day)
        if age == 0:
            matured += weight(0) * coin.sats
        elif age > 0 and (coin.spend is None or coin.spend >= day):
            matured += (weight(age) - weight(age - 1)) * coin.sats
        if coin.spend == day and weight(age) and coin.sats:
            spent += weight(age) * coin.sats
            before = close(chain.network, coin.birth)
            if now is None or before is None:
                is_priced = False
                continue
            amount = Decimal(weight(age) * coin.sats) / ONE / SATS
            worth, cost = worth + amount * now, cost + amount * before
            profit, loss = profit + amount * max(0, now - before), loss + amount * max(0, before - now)
    return {
        "matured_native": weighted(matured),
        "spent_native": weighted(spent),
        "net_change_native": weighted(matured) - weighted(spent),
        "spent_usd": Decimal(0) if spent == 0 else None if now is None else Decimal(spent) / ONE / SATS * now,
        "realized_profit_usd": profit if is_priced else None,
        "realized_loss_usd": loss if is_priced else None,
        "sopr": ratio(worth, cost) if is_priced else None,
        "issued_native": None,
    }


def lth_flows_daily(chain: Chain) -> dict[tuple, dict]:
    expected = {}
    for definition in WEIGHTS:
        supply = {day: lth_supply(chain, definition, day) for day in chain.days}
        for day in chain.days:
            flow = lth_flow(chain, definition, day)
            if not has_flows(chain, day):
                flow = dict.fromkeys(flow)
            earlier = supply.get(day - 30 * DAY)
            expected["derived", definition, day] = flow | {
                "net_change_30d_native": None if earlier is None else supply[day] - earlier,
                "is_final": is_final(chain, day),
            }
    return expected


def age_bands_daily(chain: Chain) -> dict[tuple, dict]:
    expected = {}
    for day in chain.days:
        held = [coin for coin in chain.coins if coin.is_held(day)]
        for band, (low, high) in BANDS.items():
            coins = [coin for coin in held if low <= coin.age(day) < high]
            expected[day, band] = {
                "supply_native": native(sum(coin.sats for coin in coins)),
                "realized_value_usd": value(chain.network, [coin for coin in coins if coin.sats]),
            }
    return expected


def value_daily(chain: Chain) -> dict[tuple, dict]:
    expected = {}
    destroyed_so_far = held_so_far = 0
    for day in chain.days:
        held = [coin for coin in chain.coins if coin.is_held(day) and coin.sats]
        spent = [coin for coin in chain.coins if coin.spend == day and coin.sats]
        supply, spent_sats = sum(coin.sats for coin in held), sum(coin.sats for coin in spent)
        destroyed = sum(coin.sats * coin.age(day) for coin in spent)
        destroyed_so_far += destroyed
        now, cap, cost = close(chain.network, day), value(chain.network, held), value(chain.network, spent)
        market = None if now is None else native(supply) * now
        knows_flows = has_flows(chain, day)
        is_valued = knows_flows and now is not None and cost is not None
        expected[(day,)] = {
            "supply_native": native(supply),
            "unpriced_native": native(sum(c.sats for c in held if close(chain.network, c.birth) is None)),
            "realized_cap_usd": cap,
            "realized_cap_uncertain_usd": cap
            if cap is None
            else value(chain.network, [coin for coin in held if is_uncertain(chain.network, coin.birth)]),
            "realized_price_usd": ratio(cap, native(supply)),
            "market_cap_usd": market,
            "mvrv": ratio(market, cap),
            "nupl": None if cap is None or market is None else ratio(market - cap, market),
            "sopr": ratio(native(spent_sats) * now, cost) if is_valued else None,
            "coin_days_destroyed": native(destroyed) if knows_flows else None,
            "dormancy_days": ratio(Decimal(destroyed), Decimal(spent_sats)) if knows_flows else None,
            "liveliness": ratio(Decimal(destroyed_so_far), Decimal(held_so_far)) if chain.is_from_genesis else None,
            "is_carried": bool(carried(chain.network, day)),
            "carried_days": carried(chain.network, day) or None,
            "is_final": is_final(chain, day),
        }
        held_so_far += supply
    return expected


def bucket(price: Decimal | None) -> float:
    if price is None:
        return -1.0
    return float(price.quantize(Decimal(1).scaleb(price.adjusted() - 2), ROUND_FLOOR)) if price else 0.0


def cost_basis(chain: Chain) -> dict[tuple, dict]:
    amounts = defaultdict(int)
    for day in chain.days:
        if day == chain.blocks[-1].day or (day + DAY).month != day.month:
            for coin in chain.coins:
                if coin.is_held(day):
                    amounts[day, bucket(close(chain.network, coin.birth))] += coin.sats
    return {key: {"supply_native": native(sats)} for key, sats in amounts.items() if sats}


EXPECTED = {
    "onchain_coin_flow": (("spend_date", "birth_date", "kind"), coin_flow),
    "onchain_coin_created": (("birth_date", "kind"), coin_created),
    "onchain_blocks_daily": (("value_date",), blocks_daily),
    "onchain_holder_supply_daily": (("series", "definition_id", "value_date"), holder_supply_daily),
    "onchain_lth_flows_daily": (("series", "definition_id", "value_date"), lth_flows_daily),
    "onchain_age_bands_daily": (("value_date", "age_band"), age_bands_daily),
    "onchain_value_daily": (("value_date",), value_daily),
    "onchain_cost_basis": (("value_date", "price_bucket_usd"), cost_basis),
}


def agrees(found, expected) -> bool:
    """Equal; dollars and ratios, which are doubles, within 1e-9 of the figure."""
    if isinstance(found, float) and isinstance(expected, Decimal):
        return math.isclose(found, float(expected), rel_tol=1e-9, abs_tol=1e-12)
    return found == expected


@pytest.mark.parametrize("network", CHAINS)
@pytest.mark.parametrize("name", EXPECTED)
def test_a_mart_is_the_sum_over_single_coins(mart, name, network):
    key, compute = EXPECTED[name]
    rows = [row for row in mart(name) if row["network"] == network and row.get("series", "derived") == "derived"]
    found = {tuple(row[column] for column in key): row for row in rows}
    expected = compute(KNOWN[network])
    assert len(found) == len(rows), "a key twice"
    assert found.keys() == expected.keys()
    assert set(rows[0]) == {"asset", "network", *key} | set().union(*expected.values())
    differences = [
        (at, column, found[at][column], figure)
        for at, row in expected.items()
        for column, figure in row.items()
        if not agrees(found[at][column], figure)
    ]
    assert not differences[:5], f"{len(differences)} of {len(expected)} rows"


def test_the_chains_reach_every_case(mart):
    """Each figure that can be null is null somewhere and not elsewhere; every band and weight has coins."""
    nullable = {
        "onchain_value_daily": "realized_cap_usd realized_price_usd market_cap_usd mvrv nupl sopr liveliness"
        " coin_days_destroyed dormancy_days",
        "onchain_lth_flows_daily": "matured_native spent_native net_change_native net_change_30d_native spent_usd"
        " realized_profit_usd realized_loss_usd sopr",
        "onchain_age_bands_daily": "realized_value_usd",
        "onchain_blocks_daily": "outputs fees_native unclaimed_native issued_native unspendable_native",
    }
    for name, columns in nullable.items():
        rows = [row for row in mart(name) if row.get("series", "derived") == "derived"]
        for column in columns.split():
            assert {row[column] is None for row in rows} == {True, False}, (name, column)
    assert {row["age_band"] for row in mart("onchain_age_bands_daily") if row["realized_value_usd"]} == set(BANDS)
    for column in ("matured_native", "spent_native", "realized_profit_usd", "realized_loss_usd"):
        assert any(row[column] for row in mart("onchain_lth_flows_daily")), column
    assert any(coin.birth == coin.spend for coin in KNOWN["main"].coins)
    several = {day for (day, _, _), cell in coin_flow(KNOWN["main"]).items() if cell["coins"] > 1}
    assert min(several) < UNFOLDED["main"] <= max(several)
    assert any(block.unclaimed for block in KNOWN["main"].blocks)
    assert {row["price_bucket_usd"] for row in mart("onchain_cost_basis")} > {0.0, -1.0}
    assert {row["blocks"] for row in mart("onchain_blocks_daily")} > {0, 1, 2}
    assert any(block.day > AS_OF_CUTOFF.date() for block in CHAINS["regtest"].blocks)


@pytest.mark.parametrize("series", SERIES)
def test_a_published_series_has_supply_and_net_changes_only(mart, series):
    supply = [row for row in mart("onchain_holder_supply_daily") if row["series"] == series]
    flows = [row for row in mart("onchain_lth_flows_daily") if row["series"] == series]
    key = {"asset": "BTC", "network": "main", "series": series, "definition_id": SERIES[series]}
    held = {day: values for (name, day), values in SUPPLY.items() if name == series}
    expected_supply = [
        key
        | {"value_date": day, "lth_native": lth, "sth_native": sth, "supply_native": lth + sth}
        | {"computation": 0, "is_final": day < LAST_SEEN.date()}
        for day, (lth, sth) in held.items()
    ]
    unknown = ["matured_native", "spent_native", "spent_usd", "realized_profit_usd", "realized_loss_usd", "sopr"]
    unknown += ["issued_native"]
    expected_flows = [
        key
        | dict.fromkeys(unknown)
        | {
            "value_date": day,
            "net_change_native": lth - held[day - DAY][0] if day - DAY in held else None,
            "net_change_30d_native": lth - held[day - 30 * DAY][0] if day - 30 * DAY in held else None,
            "is_final": day < LAST_SEEN.date(),
        }
        for day, (lth, _) in held.items()
    ]
    assert sorted(supply, key=lambda row: row["value_date"]) == expected_supply
    assert sorted(flows, key=lambda row: row["value_date"]) == expected_flows


def test_a_publishers_sums_become_the_flows_of_each_day_of_one_computation(mart):
    found = {row["value_date"]: row for row in mart("onchain_lth_flows_daily") if row["series"] == "bitview"}
    assert sorted(found) == KIT_DAYS
    for day in KIT_DAYS[1:]:
        before, now = KIT[day - DAY], KIT[day]
        row = found[day]
        assert row["definition_id"] == "age_150d_step"
        flows = native(now["matured"] - before["matured"]), native(now["spent"] - before["spent"])
        expected = (None, None) if day in (*KIT_SEAMS, KIT_BROKEN) else flows
        assert (row["matured_native"], row["spent_native"]) == expected
        net_change = None if day in KIT_SEAMS else native(kit_supply(day) - kit_supply(day - DAY))
        assert row["net_change_native"] == net_change
        worth, profit, loss = (now_ - before_ for now_, before_ in zip(now["cents"], before["cents"], strict=True))
        usd = [row["spent_usd"], row["realized_profit_usd"], row["realized_loss_usd"]]
        assert usd == [worth / 100, profit / 100, loss / 100]
        assert row["sopr"] == pytest.approx(worth / (worth - profit + loss))
        issued = [now_ - before_ for now_, before_ in zip(now["issued"], before["issued"], strict=True)]
        assert row["issued_native"] == native(issued[0] - issued[1])


def test_supply_says_which_of_its_days_are_of_one_computation(mart):
    found = {row["value_date"]: row for row in mart("onchain_holder_supply_daily") if row["series"] == "bitview"}
    numbers = [found[day]["computation"] for day in KIT_DAYS]
    assert numbers == [sum(seam <= day for seam in KIT_SEAMS) for day in KIT_DAYS]
    more = [10**12 * (day not in KIT_AGAIN) for day in KIT_DAYS]
    assert [found[day]["lth_native"] for day in KIT_DAYS] == [
        native(kit_supply(day) + each) for day, each in zip(KIT_DAYS, more, strict=True)
    ]


def test_what_no_true_series_says_is_a_finding(mart):
    found = {(row["series"], row["value_date"], row["kind"]): row for row in mart("onchain_series_findings")}
    assert found["bitview", KIT_BROKEN, "identity_broken"]["unexplained_native"] == native(1)
    assert {key for key in found if key[0] == "bitview"} == {
        ("bitview", KIT_BROKEN, "identity_broken"),
        *(("bitview", day, "computation_changes") for day in KIT_SEAMS),
    }
    sums = {(series, day): sum(values) for (series, day), values in SUPPLY.items()}
    falls = {key for key in sums if (before := sums.get((key[0], key[1] - DAY))) and sums[key] < before}
    rises = {key for key in sums if (before := sums.get((key[0], key[1] - DAY))) and sums[key] > before + 18_000}
    assert {key[:2] for key in found if key[2] == "supply_falls"} == falls
    assert rises == set()
    assert {key[:2] for key in found if key[2] == "day_missing"} == {(series, SERIES_GAP + DAY) for series in SERIES}


def test_a_users_own_closes_are_prices_without_the_rest_of_the_bar(mart):
    rows = [row for row in mart("market_prices_daily") if row["venue"] == "own"]
    assert {row["price_date"]: row["close_usd"] for row in rows} == {
        day: float(price) for (venue, day), price in CLOSES.items() if venue == "own"
    }
    rest = ("open_usd", "high_usd", "low_usd", "volume_native")
    assert {row[column] for row in rows for column in rest} == {None}
