"""Coins a second from a node's undo files to the coin flow matrix, against py-bitcoinkernel's own Python loop.

The files are generated: 8 M spends in 4,000 blocks, births spread over 6,000 days, XOR on. The engine reads a chain of
40 thousand spends that it validated first. Prints the best of three runs of each and its ratio to the engine's; and
before, the peak memory of a process that reads 2, 8 and 32 files with a quarter of the spends each.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "ingestion" / "bitcoin"))

from engine import Engine

from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import REGTEST, Chain, Coin, Input, Output, Transaction, genesis, solve
from ingestion.sample.serialization import compact_size

KEY = bytes.fromhex("00a1b2c3d4e5f607")
DAY = 86_400
START = 1_300_000_000
DAYS = 6_000
FILES, BLOCKS, COINS = 8, 500, 2_000
LENGTHS = (2, 8, 32)
KINDS_OF_SCRIPT = [
    b"\x76\xa9\x14" + bytes(20) + b"\x88\xac",
    b"\xa9\x14" + bytes(20) + b"\x87",
    b"\x00\x14" + bytes(20),
    b"\x51\x20" + bytes(32),
]
RUNS = 3


@dataclass(frozen=True)
class Records:
    """A block of which only the header and the undo record matter."""

    height: int
    parent: bytes
    hash: bytes
    serialized: bytes
    undo: bytes


def generate(folder: Path, files: int = FILES, coins_a_block: int = COINS) -> int:
    """Write the files of a chain with many spends; returns their number.

    One block a day without spends comes first, then blocks of one-coin transactions every ten minutes.
    """
    chance = random.Random(1)
    coins = [
        Coin(chance.randint(1, 10**9), chance.choice(KINDS_OF_SCRIPT), chance.randint(1, DAYS), chance.random() < 0.05)
        for _ in range(50_000)
    ]
    pool = [b"\x01" + coin.undo() for coin in coins]
    blocks: list[Any] = [genesis()]
    for n in range(DAYS + files * BLOCKS):
        spends = coins_a_block if n >= DAYS else 0
        at = START + min(n, DAYS) * DAY + max(n - DAYS, 0) * 600
        undo = compact_size(spends) + b"".join(chance.choices(pool, k=spends))
        blocks.append(records(blocks[-1], at, undo))
    edges = [0, *(DAYS + 1 + BLOCKS * n for n in range(1, files + 1))]
    write_files(folder / "blocks", [blocks[a:b] for a, b in pairwise(edges)], key=KEY)
    return files * BLOCKS * coins_a_block


def records(parent, at: int, undo: bytes) -> Records:
    coinbase = Transaction((Input(bytes(32), 0xFFFFFFFF, b"\x51\x51"),), (Output(0),))
    block = solve(parent.height + 1, parent.hash, at, (coinbase,), ())
    return Records(block.height, block.parent, block.hash, block.serialized, undo)


def validate(folder: Path) -> tuple[Engine, int]:
    """An engine with a chain that splits twenty coins into 2,000 each and spends them, and the number of spends."""
    chain = Chain.begin()
    engine = Engine(folder)
    for _ in range(120):
        chain.mine(START + chain.tip.height * 600)
    for n in range(1, 21):
        point = (chain.blocks[n].transactions[0].txid, 0)
        split = Transaction((Input(*point),), (Output(10**6),) * COINS)
        chain.mine(START + chain.tip.height * 600, [split])
        parts = tuple(Input(split.txid, index) for index in range(COINS))
        chain.mine(START + chain.tip.height * 600, [Transaction(parts, (Output(COINS * 10**6),))])
    for block in chain.blocks[1:]:
        engine.add(block)
    assert engine.hashes()[-1] == chain.tip.hash
    return engine, 20 * (COINS + 1)


def matrix(folder: Path, workers: int) -> int:
    """Coins in the matrix of all the folder's blocks, summed by day."""
    chain = FileChain(folder, REGTEST)
    batches = reader.read(chain, None, chain.tip_height, bodies=False, workers=workers)
    return sum(int(batch.coin_flow["coins"].sum()) for batch in batches)


def peak_megabytes(folder: Path, coins: int) -> float:
    """Memory of this process, which has done nothing else, after reading the folder with two threads."""
    assert matrix(folder, 2) == coins
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(function: Callable[..., int | float], *arguments: object) -> int:
    """The result of a function in a new process, with memory of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return int(pool.submit(function, *arguments).result())


def seconds(run: Callable[[], int], expected: int) -> tuple[float, float]:
    """(elapsed, CPU) of the fastest of three runs, which must each find `expected` coins."""
    found = []
    for _ in range(RUNS):
        started, cpu = time.perf_counter(), time.process_time()
        assert run() == expected
        found.append((time.perf_counter() - started, time.process_time() - cpu))
    return min(found)


def main() -> None:
    # First, for a process begins with the peak of the one that began it.
    for files in LENGTHS:
        with tempfile.TemporaryDirectory() as home:
            coins = apart(generate, Path(home), files, COINS // 4)
            print(f"peak memory of {files:>2} files {apart(peak_megabytes, Path(home), coins):5.0f} MB")
    with tempfile.TemporaryDirectory() as home:
        coins = apart(generate, Path(home, "generated"))
        engine, spent = validate(Path(home, "engine"))
        rates = [("py-bitcoinkernel, Python loop", spent, *seconds(lambda: sum(map(len, engine.spent())), spent))]
        for workers in (1, 2):
            name = f"files to matrix, {workers} thread{'s' * (workers > 1)}"
            rates.append((name, coins, *seconds(lambda n=workers: matrix(Path(home, "generated"), n), coins)))
    base = rates[0][1] / rates[0][2]
    for name, count, elapsed, cpu in rates:
        rate = count / elapsed
        print(
            f"{name:<32} {rate / 1e6:6.2f} M coins/s  {count / cpu / 1e6:6.2f} M per CPU second  {rate / base:6.1f} x"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
