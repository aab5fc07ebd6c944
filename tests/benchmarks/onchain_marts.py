"""What the on-chain marts cost over a full history, and how long the README's and the report's queries take on it.

The chain is synthetic, as large as Bitcoin's: 6,150 days, 12.7 M cells of the coin flow matrix (two days in three are
spent from on a day), in a file for each month as the ledger writes them, the newest week not folded; the bundled sample
stands beside it. Then one more day of it. Publishing is told apart.

    python tests/benchmarks/onchain_marts.py
"""

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from ingestion.bitcoin.ledger import CoinLedger
from ingestion.bitcoin.networks import NETWORKS
from orchestration import pipeline
from orchestration.answers.answers import answers
from orchestration.home import Home
from orchestration.ingest_mode import Held
from orchestration.outcome import Outcome
from orchestration.pipeline import Listeners, Request
from orchestration.publishing import published
from orchestration.settings import Engine, Settings

FLOWHOUSE = [str(Path(sys.executable).with_name("flowhouse"))]
DAYS = 6150
FIRST = date(2009, 1, 3)
SHARE_OF_CELLS = 0.67
BLOCKS_A_DAY = 144
UNFOLDED_DAYS = 7
CHAIN = {"asset": pl.lit("BTC"), "network": pl.lit("main")}


def days(numbers: np.ndarray) -> pl.Series:
    """UTC days from numbers, the first block's day being 0."""
    return pl.Series(numbers.astype(np.int32) + (FIRST - date(1970, 1, 1)).days).cast(pl.Date)


def write_chain(home: Home, last: int) -> int:
    """A chain's three tables until a day; returns the number of cells. Whole months that are there stay."""
    rng = np.random.default_rng(1)
    spend, birth = np.tril_indices(DAYS + 1)
    is_cell = rng.random(spend.size) < SHARE_OF_CELLS
    amount = rng.integers(1, 10**8, spend.size)[is_cell]
    spend, birth = spend[is_cell], birth[is_cell]
    # With what is spent later: one more day changes nothing that was created before.
    created = np.bincount(birth, amount).astype(np.int64)[: last + 1] + 10**9
    is_past = spend <= last
    spend, birth, amount = spend[is_past], birth[is_past], amount[is_past]
    flow = pl.DataFrame({"spend_date": days(spend), "birth_date": days(birth), "amount_sats": amount})
    flow = flow.with_columns(kind=pl.lit("transfer"), coins=pl.lit(9, pl.Int64), **CHAIN)
    month = pl.col("spend_date").dt.strftime("-%Y-%m")
    parts = flow.with_columns(month=month).partition_by("month", include_key=False, as_dict=True)
    ledger = CoinLedger(home.lake, NETWORKS["main"])
    newest = max(map(ledger.suffix, ledger.names("coin_flow")), default="")
    for (suffix,), part in parts.items():
        if str(suffix) >= newest:
            ledger.replace("coin_flow", str(suffix), part)

    number = np.arange(last + 1)
    frame = pl.DataFrame({"birth_date": days(number), "amount_sats": created})
    ledger.replace("coin_created", "", frame.with_columns(kind=pl.lit("transfer"), coins=pl.lit(99, pl.Int64), **CHAIN))
    issued = created - np.bincount(spend, amount, last + 1).astype(np.int64)
    counts = ("transactions", "spends", "outputs", "fees_sats", "unclaimed_sats", "unspendable_sats", "coinbase_sats")
    blocks = pl.DataFrame(
        {
            "value_date": days(number),
            "subsidy_sats": issued,
            "first_height": number * BLOCKS_A_DAY,
            "unfolded_blocks": np.where(number <= last - UNFOLDED_DAYS, 0, BLOCKS_A_DAY),
        }
    ).with_columns(
        last_height=pl.col("first_height") + BLOCKS_A_DAY - 1,
        blocks=pl.lit(BLOCKS_A_DAY, pl.Int64),
        **{count: pl.lit(0, pl.Int64) for count in counts},
        **CHAIN,
    )
    ledger.replace("blocks_daily", "", blocks)
    ledger.commit()
    return spend.size


def add_closes(home: Home) -> None:
    """A close for every day, as a user's own file."""
    file = home.root / "closes.csv"
    closes = np.geomspace(0.05, 110_000, DAYS + 1).round(4)
    pl.DataFrame({"date": days(np.arange(DAYS + 1)), "close": closes}).write_csv(file)
    command = [*FLOWHOUSE, "ingest", "prices", "--file", str(file), "--name", "mine", "--home", str(home.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class Built:
    """One build.

    Attributes:
        seconds: of each of dbt's nodes, by name.
        publishing: seconds from the last of them to the end.
        cpu: seconds of user and system time, without imports.
        peak: bytes.
    """

    seconds: dict[str, float]
    publishing: float
    cpu: float
    peak: int

    @property
    def onchain(self) -> dict[str, float]:
        """Of the models of chains alone."""
        return {name: each for name, each in self.seconds.items() if "onchain" in name}


def build(root: Path) -> Built:
    """Build what changed and publish it, model by model so that their times add up; in a process of its own."""
    home, outcome, last = Home(root), Outcome(), 0.0

    def on_node_done(name: str, number: int, count: int) -> None:
        nonlocal last
        last = time.perf_counter()

    settings = Settings(engine=Engine(threads=1))
    before = time.process_time()
    pipeline.run(home, Request(Held(), allows_empty=True), settings, Listeners(on_node_done=on_node_done), outcome)
    publishing = time.perf_counter() - last
    nodes = {node.name: node.seconds for node in outcome.nodes}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Built(nodes, publishing, time.process_time() - before, peak)


def built(root: Path) -> Built:
    """As `build`, elsewhere: what made the chain took memory too."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(build, root).result()


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


def show(name: str, build: Built) -> None:
    """Print what a build took, and its slowest on-chain models."""
    print(
        f"{name}: on-chain models {sum(build.onchain.values()):.1f} s in sum, publishing {build.publishing:.1f} s,"
        f" {build.cpu:.1f} s of CPU in all, peak memory {build.peak / 1e9:.2f} GB"
    )
    for model, each in sorted(build.onchain.items(), key=lambda item: -item[1])[:12]:
        print(f"  {model:<66} {each:5.1f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        add_closes(home)
        cells = write_chain(home, DAYS - 1)
        print(f"{cells:,} cells of {DAYS:,} days; targets: 8 s in sum, 2 s after a day was added, 2 GB")
        show("anew", built(home.root))
        queries = milliseconds(published.warehouse(home))
        write_chain(home, DAYS)
        show("one more day", built(home.root))
    for name, each in sorted(queries.items(), key=lambda item: -item[1])[:10]:
        print(f"  {name:<80} {each:6.1f} ms")
    print(f"the slowest of {len(queries)} queries takes {max(queries.values()):.0f} ms (target 100)")
