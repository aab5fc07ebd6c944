"""Coins a second from a node's undo files to the coin flow matrix, against py-bitcoinkernel's own Python loop.

The files are generated: 8 M spends in 4,000 blocks, births spread over 6,000 days, XOR on. The engine reads a chain of
40 thousand spends that it validated first. Prints the best of three runs of each, its ratio to the engine's, and its
bytes a CPU second as shares of what this machine reads from the system's cache, copies, and hashes; bodies of blocks
the same way. Before, the peak memory of a process that reads 2, 8 and 32 files with a quarter of the spends each, and
how CPU time grows with the coins.
"""

import hashlib
import math
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "ingestion" / "bitcoin"))

import numpy as np
from engine import Engine
from watched_scripts import TRANSACTIONS, a_script, made_block

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.files.kept_headers import KeptHeaders
from ingestion.bitcoin.files.plain_file import PIECE_BYTES, PlainFile
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import REGTEST, Chain, Coin, Input, Output, Transaction, genesis, solve
from ingestion.sample.serialization import compact_size

KEY = bytes.fromhex("00a1b2c3d4e5f607")
DAY = 86_400
START = 1_300_000_000
DAYS = 6_000
FILES, BLOCKS, COINS = 8, 500, 2_000
LENGTHS = (2, 8, 32)
# Files, and coins a block, of a chain of 10**5, 10**6 and 10**7 coins.
GROWTH = ((1, 200), (1, 2_000), (10, 2_000))
BODIES = 60
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


def matrix(folder: Path, workers: int, kept: KeptHeaders | None = None) -> int:
    """Coins in the matrix of all the folder's blocks, summed by day."""
    chain = FileChain(folder, REGTEST, kept=kept)
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


def limits(path: Path) -> dict[str, float]:
    """Bytes a CPU second that this machine reads, copies and hashes, of the first pieces of a file in its cache."""
    whole = np.fromfile(path, dtype=np.uint8)
    pieces = range(0, len(whole), PIECE_BYTES)

    def hashed() -> int:
        digests = [hashlib.sha256(whole[at : at + PIECE_BYTES].data) for at in pieces]
        return len(whole) if digests else 0

    with path.open("rb") as file:
        plain = PlainFile(file.fileno(), np.zeros(8, dtype=np.uint8))
        tasks: dict[str, Callable[[], int]] = {
            "read": lambda: sum(len(plain.read(at, PIECE_BYTES)) for at in pieces),
            "copy": lambda: whole.copy().nbytes,
            "SHA-256": hashed,
        }
        return {name: len(whole) / seconds(task, len(whole))[1] for name, task in tasks.items()}


def bodies(folder: Path) -> tuple[int, float]:
    """Bytes of blocks, and the CPU seconds to read them and add up what is in them."""
    chance = random.Random(1)
    blocks = [genesis()]
    for _ in range(BODIES):
        blocks.append(made_block(blocks[-1], chance, [a_script(chance)]))
    write_files(folder / "blocks", [blocks], key=KEY)
    chain = FileChain(folder, REGTEST)
    spent, outputs = (
        np.zeros((TRANSACTIONS + 1, len(signatures.SPENT)), dtype=np.int64),
        np.zeros((2, 4), dtype=np.int64),
    )
    signed = signatures.empty_sums(), signatures.room_for_large()

    def read() -> int:
        size = 0
        with chain.block_reader() as read_block:
            for height in range(1, BODIES + 1):
                block = read_block(height)
                assert decode.read_block(block, spent, outputs, *signed)[0] > 0
                size += len(block)
        return size

    size = sum(len(block.serialized) for block in blocks[1:])
    return size, seconds(read, size)[1]


def growth() -> None:
    """Print the CPU seconds of chains of ten times the coins each, and by which power of the coins they grow."""
    found: list[tuple[int, float]] = []
    for files, coins_a_block in GROWTH:
        with tempfile.TemporaryDirectory() as home:
            coins = apart(generate, Path(home), files, coins_a_block)
            found.append((coins, seconds(lambda path=Path(home), n=coins: matrix(path, 1), coins)[1]))
    for (coins, cpu), (more_coins, more_cpu) in pairwise(found):
        exponent = math.log(more_cpu / cpu) / math.log(more_coins / coins)
        print(
            f"{coins:>10,} coins {cpu:6.3f} s CPU, {more_coins:>10,} coins {more_cpu:6.3f} s: exponent {exponent:.2f}"
        )


def main() -> None:
    # First, for a process begins with the peak of the one that began it.
    for files in LENGTHS:
        with tempfile.TemporaryDirectory() as home:
            coins = apart(generate, Path(home), files, COINS // 4)
            print(f"peak memory of {files:>2} files {apart(peak_megabytes, Path(home), coins):5.0f} MB")
    growth()
    with tempfile.TemporaryDirectory() as home:
        generated = Path(home, "generated")
        coins = apart(generate, generated)
        undo = sum(path.stat().st_size for path in generated.glob("blocks/rev*.dat"))
        best = limits(generated / "blocks" / "rev00000.dat")
        print("limits of a core: " + ", ".join(f"{name} {rate / 1e9:.1f} GB/s" for name, rate in best.items()))
        engine, spent = validate(Path(home, "engine"))
        rates = [("py-bitcoinkernel, Python loop", spent, *seconds(lambda: sum(map(len, engine.spent())), spent))]
        for workers in (1, 2):
            for kept in (None, KeptHeaders(Path(home, "kept"))):
                name = f"files to matrix, {workers} thread{'s' * (workers > 1)}{', kept headers' * (kept is not None)}"
                rates.append((name, coins, *seconds(partial(matrix, generated, workers, kept), coins)))
        base = rates[0][1] / rates[0][2]
        for name, count, elapsed, cpu in rates:
            rate = count / elapsed
            shares = ", ".join(f"{undo / cpu / limit:4.0%} of {what}" for what, limit in best.items())
            print(
                f"{name:<41} {rate / 1e6:6.2f} M coins/s  {count / cpu / 1e6:6.2f} M per CPU second"
                f"  {rate / base:6.1f} x{'  ' + shares if count == coins else ''}"
            )
        size, cpu = bodies(Path(home, "bodies"))
        shares = ", ".join(f"{size / cpu / limit:4.0%} of {what}" for what, limit in best.items())
        print(f"bodies of blocks {size / cpu / 1e9:.1f} GB per CPU second  {shares}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
