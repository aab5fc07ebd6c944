"""What matching the lots of token transfers costs: from scratch, for one more day, and when nothing is new.

From scratch it is measured at one and at ten million transfers, by compiled code and, as its peer, by SQL.

The token is synthetic: 400,000 holders over 2,000 days, 200 of them, as exchanges and pools, on half
of all sides.
Targets at ten million: 8 s of CPU and 0.7 GB in full, 0.2 s of model time for a day; CPU in proportion to the number.

    python tests/benchmarks/token_lots.py [--rows numbers of transfers] [--without-sql] [--memory-limit 500MB]
"""

import argparse
import json
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from ingestion.evm import ledger
from ingestion.evm.rows import COVERAGE, TRANSFER, TRANSFERS, ZERO_ADDRESS
from ingestion.lake.tables import Lake
from orchestration import own_seeds
from orchestration.home import DBT_PROJECT, Home
from orchestration.settings import Settings

TOKEN = "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"
FIRST = date(2019, 1, 1)
DAYS = 2000
HOLDERS = 400_000
BUSY = 200


def transfers(count: int) -> Iterator[pl.DataFrame]:
    """About that many transfers, by month, a sixth of them mints, which give each sender what it sends on a day."""
    rng = np.random.default_rng(1)
    balances, number = np.zeros(HOLDERS, dtype=np.int64), 0
    daily = enumerate(rng.multinomial(count * 5 // 6, [1 / DAYS] * DAYS))
    for _, days in groupby(daily, lambda each: (FIRST + timedelta(days=each[0])).replace(day=1)):
        moves = [of_day(rng, balances, day, many) for day, many in days]
        month = pl.concat(moves).with_columns(number=pl.int_range(number, number + sum(map(len, moves))))
        number += month.height
        yield month


def of_day(rng: np.random.Generator, balances: np.ndarray, day: int, count: int) -> pl.DataFrame:
    """Mints of a day, from -1, and then its transfers; the balances are those after it."""
    sides = [
        np.where(rng.random(count) < 0.5, rng.integers(0, BUSY, count), rng.integers(0, HOLDERS, count)) for _ in "io"
    ]
    units = rng.integers(1, 10**9, count)
    for side, sign in zip(sides, (-1, 1), strict=True):
        np.add.at(balances, side, sign * units)
    lacking = np.flatnonzero(balances < 0)
    minted = -balances[lacking]
    balances[lacking] = 0
    return pl.DataFrame(
        {
            "sender": np.concatenate([np.full(len(lacking), -1), sides[0]]),
            "receiver": np.concatenate([lacking, sides[1]]),
            "units": np.concatenate([minted, units]),
        }
    ).with_columns(day=pl.lit(day, pl.Int64))


def addresses(numbers: pl.Expr) -> pl.Expr:
    digits = (numbers * 1_000_003).cast(pl.String).str.pad_start(40, "7")
    return pl.when(numbers < 0).then(pl.lit(ZERO_ADDRESS)).otherwise("0x" + digits)


def write_month(lake: Lake, rows: pl.DataFrame, last: int) -> None:
    """The transfers of a month up to a day, all finalized, as the ledger writes them."""
    part = rows.filter(pl.col("day") <= last).with_columns(
        network=pl.lit("ethereum"),
        chain_id=pl.lit(1, pl.Int64),
        token=pl.lit(TOKEN),
        block_number=pl.col("number") // 100,
        block_hash="0x" + (pl.col("number") // 100).cast(pl.String).str.pad_start(64, "0"),
        log_index=pl.col("number") % 100,
        value_date=pl.lit(FIRST) + pl.duration(days="day"),
        transaction_hash=pl.lit("0x"),
        from_address=addresses(pl.col("sender")),
        to_address=addresses(pl.col("receiver")),
        value_bytes=pl.lit(b""),
        amount_units=pl.col("units").cast(pl.Decimal(38, 0)),
        is_overflow=pl.lit(False),
        is_final=pl.lit(True),
    )
    lake.write("evm", "transfers", part.select(*TRANSFERS), f"ethereum-{part['value_date'][0]:%Y-%m}")


def prepare(homes: dict[Path, int], count: int) -> None:
    """Homes with the transfers up to a day each."""
    for folder, last in homes.items():
        home = Home(folder)
        home.write_control(home.build)
        ledger.create_tables(home.lake)
        covered = ("ethereum", 1, TOKEN, TRANSFER, 0, 10**9, "0x", FIRST + timedelta(days=last + 1), True)
        home.lake.write("evm", "coverage", pl.DataFrame([covered], schema=COVERAGE, orient="row"))
        own_seeds.update(home, Settings())
    many = 0
    for month in transfers(count):
        many += month.height
        for folder, last in homes.items():
            write_month(Home(folder).lake, month, last)
    print(f"{many:,} transfers", flush=True)


def apart(work, *args) -> None:
    """Runs work in a process of its own: a child counts the memory of its parent as its own peak."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=args)
    process.start()
    process.join()
    assert process.exitcode == 0


def profile(home: Home) -> Path:
    """Of the project's profile, a copy that keeps DuckDB within the limit of memory that was asked for, if any."""
    text = (DBT_PROJECT / "profiles.yml").read_text()
    limit = f"settings:\n        memory_limit: {given.memory_limit}" if given.memory_limit else "settings:"
    (home.build / "profiles.yml").write_text(text.replace("settings:", limit, 1))
    return home.build


class Cost(NamedTuple):
    """Of a run of dbt: seconds of CPU, gigabytes of memory at most, and the model time of the lots in it."""

    cpu: float
    peak: float
    model: float


def dbt(home: Home, lake: Lake, *command: str, compiled_from: int = 0) -> Cost:
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{lake.root},{home.build}"}
    call = [sys.executable, "-W", "ignore", "-m", "dbt.cli.main", *command, "--project-dir", DBT_PROJECT]
    call += ["--profiles-dir", profile(home), "--target-path", home.dbt_target, "--log-path", home.dbt_target]
    call += ["--vars", json.dumps({"compiled_from_transfers": compiled_from})]
    process = subprocess.Popen(call, env=os.environ | where, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    results = json.loads((home.dbt_target / "run_results.json").read_bytes())["results"]
    taken = {result["unique_id"].split(".")[2]: result["execution_time"] for result in results}
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6, taken.get("int_tokens__lots", 0.0))


LOTS = ("run", "--threads", "1", "--select", "int_tokens__lots")


def in_full(home: Home, name: str, compiled_from: int = 0) -> float:
    """Seconds of CPU that the lots take from scratch, without dbt's own."""
    dbt(home, home.lake, "parse", compiled_from=compiled_from)  # other variables, another parse
    start = dbt(home, home.lake, "ls", compiled_from=compiled_from).cpu
    full = dbt(home, home.lake, *LOTS, "--full-refresh", compiled_from=compiled_from)
    print(f"{name}: {full.cpu - start:.1f} s of CPU, {full.model:.1f} s of model time, {full.peak:.2f} GB of memory")
    return full.cpu - start


def homes_with(folder: Path, count: int) -> list[Home]:
    """A home up to the last day but two, and two of one more day each."""
    homes = {folder / str(last): last for last in (DAYS - 3, DAYS - 2, DAYS - 1)}
    apart(prepare, homes, count)
    home = Home(next(iter(homes)))
    dbt(home, home.lake, "seed", "--select", "tokens", "entities")
    views = ("path:models/staging/evm", "path:models/staging/own_seeds", "int_tokens__listed", "int_tokens__entities")
    dbt(home, home.lake, "run", "--select", *views)
    return [home, *map(Home, list(homes)[1:])]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--without-sql", action="store_true")
    parser.add_argument("--memory-limit", help="of DuckDB and the holders, as [engine] memory_limit")
    given = parser.parse_args()
    taken = {}
    for count in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            home, *later = homes_with(Path(folder), count)
            if not given.without_sql:
                in_full(home, "by SQL", compiled_from=10 * count)
            taken[count] = in_full(home, "by compiled code")
            for each in later:
                print(f"one more day: {dbt(home, each.lake, *LOTS).model:.2f} s of model time (target 0.2)")
            print(f"nothing new: {dbt(home, later[-1].lake, *LOTS).model:.2f} s of model time")
    if len(taken) > 1:
        (few, less), *_, (many, more) = taken.items()
        print(f"CPU grows with the number to the power of {math.log(more / less) / math.log(many / few):.2f}")
