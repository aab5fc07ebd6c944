"""What the on-chain marts cost over a full history, and how long the README's and the report's queries take on it.

The chain is synthetic, as large as Bitcoin's: 6,150 days, 12.7 M cells of the coin flow matrix (two days in three are
spent from on a day), in a file for each month as the ledger writes them, the newest week not folded; the bundled sample
stands beside it. Targets: model times of 20 s in sum and 2 GB, dbt's own start apart; 100 ms for each query.

    python tests/benchmarks/onchain_marts.py
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from ingestion.bitcoin.rows import TABLES
from ingestion.lake.observations import observation_schema
from ingestion.sources import prices
from orchestration import inputs, own_seeds, pipeline
from orchestration.answers.answers import answers
from orchestration.home import DBT_PROJECT, Home, now
from orchestration.ingest_mode import Sample
from orchestration.publishing import publish, published
from orchestration.settings import Publish, Settings

DAYS = 6150
FIRST = date(2009, 1, 3)
SHARE_OF_CELLS = 0.67
BLOCKS_A_DAY = 144
UNFOLDED_DAYS = 7
CHAIN = {"asset": pl.lit("BTC"), "network": pl.lit("main")}


def days(numbers: np.ndarray) -> pl.Series:
    """UTC days from numbers, the first block's day being 0."""
    return pl.Series(numbers.astype(np.int32) + (FIRST - date(1970, 1, 1)).days).cast(pl.Date)


def write_chain(home: Home) -> int:
    """A chain's three tables; returns the number of cells."""
    rng = np.random.default_rng(1)
    spend, birth = np.tril_indices(DAYS)
    is_cell = rng.random(spend.size) < SHARE_OF_CELLS
    spend, birth = spend[is_cell], birth[is_cell]
    amount = rng.integers(1, 10**8, spend.size)
    flow = pl.DataFrame({"spend_date": days(spend), "birth_date": days(birth), "amount_sats": amount})
    flow = flow.with_columns(kind=pl.lit("transfer"), coins=pl.lit(9, pl.Int64), **CHAIN)
    month = pl.col("spend_date").dt.strftime("%Y-%m")
    for (name,), part in flow.with_columns(month=month).partition_by("month", include_key=False, as_dict=True).items():
        home.lake.write("bitcoin", "coin_flow", part, f"main-{name}")

    number = np.arange(DAYS)
    created = np.bincount(birth, amount, DAYS).astype(np.int64) + 10**9
    frame = pl.DataFrame({"birth_date": days(number), "amount_sats": created})
    home.lake.write(
        "bitcoin",
        "coin_created",
        frame.with_columns(kind=pl.lit("transfer"), coins=pl.lit(99, pl.Int64), **CHAIN),
    )
    issued = created - np.bincount(spend, amount, DAYS).astype(np.int64)
    counts = ("transactions", "spends", "outputs", "fees_sats", "unclaimed_sats", "unspendable_sats", "coinbase_sats")
    blocks = pl.DataFrame(
        {
            "value_date": days(number),
            "subsidy_sats": issued,
            "first_height": number * BLOCKS_A_DAY,
            "unfolded_blocks": np.where(number < DAYS - UNFOLDED_DAYS, 0, BLOCKS_A_DAY),
        }
    ).with_columns(
        last_height=pl.col("first_height") + BLOCKS_A_DAY - 1,
        blocks=pl.lit(BLOCKS_A_DAY, pl.Int64),
        **{count: pl.lit(0, pl.Int64) for count in counts},
        **CHAIN,
    )
    home.lake.write("bitcoin", "blocks_daily", blocks)
    for table in ("script_flow", "transfer_signatures", "large_transfers"):
        home.lake.write("bitcoin", table, pl.DataFrame(schema=TABLES[table]))
    return spend.size


def write_closes(home: Home) -> None:
    """A close for every day."""
    closes = pl.DataFrame({"value_date": days(np.arange(DAYS)), "value": np.geomspace(0.05, 110_000, DAYS).round(4)})
    schema = observation_schema(prices.SOURCE.key)
    closes = closes.with_columns(
        asset=pl.lit("BTC"),
        venue=pl.lit("own"),
        metric=pl.lit("close_usd"),
        observed_at=pl.lit(datetime(2026, 1, 1), pl.Datetime("us")),
        raw_text=pl.col("value").cast(pl.String),
        archive_sha256=pl.lit("0"),
    )
    home.lake.write("prices", "closes", closes.select(list(schema)))
    home.write_control()


def build(home: Home) -> None:
    """One run of dbt, model by model so that times add up."""
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{home.lake.root},{home.build}"}
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build", "--project-dir", DBT_PROJECT]
    command += ["--profiles-dir", DBT_PROJECT, "--target-path", home.dbt_target, "--log-path", home.dbt_target]
    command += ["--exclude-resource-type", "unit_test", "--threads", "1"]
    subprocess.run(command, env=os.environ | where, check=True, stdout=subprocess.DEVNULL)


def seconds(home: Home) -> dict[str, float]:
    """Execution time of each node of the last run."""
    results = json.loads((home.dbt_target / "run_results.json").read_bytes())["results"]
    return {result["unique_id"]: result["execution_time"] for result in results}


def milliseconds(warehouse: Path) -> dict[str, float]:
    """Time of each answer that reads the warehouse alone, the best of three."""
    queries = {name: answer.sql for name, answer in answers().items() if answer.marts and "?" not in answer.sql}
    taken = {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for name, query in queries.items():
            for _ in range(3):
                began = time.perf_counter()
                con.sql(query).fetchall()
                taken[name] = min(taken.get(name, 1e9), (time.perf_counter() - began) * 1000)
    return taken


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        list(pipeline.update_all(home, Sample(), pipeline.no_op))
        own_seeds.update(home, Settings())
        cells = write_chain(home)
        write_closes(home)
        build(home)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken = seconds(home)
        queries = milliseconds(
            publish.publish(home, inputs.of_lake(home), now(), Publish(keep_builds=1)) / published.WAREHOUSE
        )
    onchain = {name: time for name, time in taken.items() if "onchain" in name}
    models = {name: time for name, time in onchain.items() if name.startswith("model.")}
    for name, each in sorted(onchain.items(), key=lambda item: -item[1])[:20]:
        print(f"  {name.split('.')[2]:<66} {each:5.1f} s")
    print(f"{cells:,} cells of {DAYS:,} days: on-chain models {sum(models.values()):.1f} s in sum (target 20)")
    spent = usage.ru_utime + usage.ru_stime
    print(f"all of dbt {spent:.1f} s of CPU, peak memory {usage.ru_maxrss / 1e6:.2f} GB (target 2)")
    for name, each in sorted(queries.items(), key=lambda item: -item[1])[:10]:
        print(f"  {name:<80} {each:6.1f} ms")
    print(f"the slowest of {len(queries)} queries takes {max(queries.values()):.0f} ms (target 100)")
