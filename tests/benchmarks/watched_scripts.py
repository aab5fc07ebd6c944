"""What it costs to watch addresses: CPU time to read a node's files, blocks and undo records, by how many are watched.

Blocks of 2,500 transactions, two inputs and two outputs each, scripts of five types with hashes of their own, so that
no branch is foretold. The files are read without looking for any, for scripts that never come, and for scripts of which
one coin in two hundred is. The best of RUNS rounds, in which the cases take turns; one thread, files in the system's
cache. What it takes to prepare the table, once a reading, is printed apart.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ingestion" / "bitcoin"))

from watched_chain import address_of

from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.networks import NETWORKS
from ingestion.bitcoin.watching import Watching
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Block, Coin, Input, Output, Transaction, genesis, solve

REGTEST = NETWORKS["regtest"]
TRANSACTIONS, BLOCKS, RUNS = 2_500, 60, 25
START = 1_600_000_000
FORMS = (
    *(b"\x76\xa9\x14%s\x88\xac", b"\xa9\x14%s\x87", b"\x00\x14%s"),
    *(b"\x00\x20%s" + b"w" * 12, b"\x51\x20%s" + b"t" * 12),
)
SHARE_WATCHED = 0.01


def a_script(chance: random.Random) -> bytes:
    return chance.choice(FORMS) % chance.randbytes(20)


def made_block(parent: Block, chance: random.Random, watched: list[bytes]) -> Block:
    """A block that spends coins of nowhere; its undo record has them."""

    def script() -> bytes:
        return chance.choice(watched) if chance.random() < SHARE_WATCHED else a_script(chance)

    height = parent.height + 1
    paid, spent = [Transaction((Input(bytes(32), 0xFFFFFFFF),), (Output(height, script()),))], []
    for n in range(TRANSACTIONS):
        coins = tuple(Coin(chance.randint(2, 10**6), script(), chance.randint(1, height), False) for _ in range(2))
        inputs = tuple(Input((height << 32 | n).to_bytes(32, "big"), m, b"s" * 70) for m in range(2))
        paid.append(Transaction(inputs, tuple(Output(coin.amount - 1, script()) for coin in coins)))
        spent.append(coins)
    return solve(height, parent.hash, START + 600 * height, tuple(paid), tuple(spent))


def cpu_seconds(node: FileChain, prepared: Watching) -> float:
    reader.Watching = lambda *_: prepared
    begun = time.process_time()
    for _ in reader.read(node, None, BLOCKS, workers=1):
        pass
    return time.process_time() - begun


def prepare(scripts: list[bytes]) -> Watching:
    watched = {address_of(script): f"entity {n % 50}" for n, script in enumerate(scripts)}
    begun = time.process_time()
    prepared = Watching(watched, REGTEST)
    print(f"{len(watched):>9,} prepared in {time.process_time() - begun:.2f} s")
    return prepared


if __name__ == "__main__":
    reader.CHECKED_BYTES = 0  # as all of history is read
    chance = random.Random(1)
    seen, strange = ([a_script(chance) for _ in range(100_000)] for _ in range(2))
    chain = [genesis()]
    for _ in range(BLOCKS):
        chain.append(made_block(chain[-1], chance, seen[:1_000] if len(chain) % 2 else seen))
    cases = {"none": []}
    for count in (1_000, 100_000):
        cases |= {f"{count:,} that never come": strange[:count], f"{count:,}": seen[:count]}
    prepared = {name: prepare(scripts) for name, scripts in cases.items()}
    best = dict.fromkeys(cases, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder) / "regtest" / "blocks", [chain], key=bytes(range(8)))
        node = FileChain(Path(folder), REGTEST)
        for _ in range(RUNS):
            for name in cases:
                best[name] = min(best[name], cpu_seconds(node, prepared[name]))
    for name, seconds in best.items():
        each = seconds * 1e9 / (2 * TRANSACTIONS * BLOCKS)
        print(f"{name:>26} watched: {each:6.1f} ns a coin, {seconds / best['none'] - 1:+.1%}")
