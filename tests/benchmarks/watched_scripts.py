"""What it costs to watch addresses: CPU time to fold a made block, undo record and body, by how many are watched.

A block of 2,500 transactions, two inputs and two outputs each, scripts of five types with hashes of their own, so that
no branch is foretold; one coin in twenty is of a watched script where some are. The best of RUNS rounds, in which the
cases take turns, in nanoseconds a coin spent; the checksum of the undo record is part of it, as of every fold.
"""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ingestion" / "bitcoin"))

import numpy as np
from watched_chain import address_of

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.networks import NETWORKS
from ingestion.bitcoin.watching import Search, Sums, Watching
from ingestion.sample import regtest
from ingestion.sample.regtest import Coin, Input, Output, Transaction

REGTEST = NETWORKS["regtest"]
HEIGHT, TRANSACTIONS, BLOCKS, RUNS = 100_000, 2_500, 20, 40
DAYS = np.arange(HEIGHT + 1, dtype=np.int32) // 144
WATCHED = (0, 1_000, 100_000)
FORMS = (
    *(b"\x76\xa9\x14%s\x88\xac", b"\xa9\x14%s\x87", b"\x00\x14%s"),
    *(b"\x00\x20%s" + b"w" * 12, b"\x51\x20%s" + b"t" * 12),
)
SHARE_WATCHED = 0.05


def a_script(chance: random.Random) -> bytes:
    form = chance.choice(
        [
            b"\x76\xa9\x14%s\x88\xac",
            b"\xa9\x14%s\x87",
            b"\x00\x14%s",
            b"\x00\x20%s" + b"w" * 12,
            b"\x51\x20%s" + b"t" * 12,
        ]
    )
    return form % chance.randbytes(20)


def made_block(chance: random.Random, watched: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a block and of its undo record."""

    def script() -> bytes:
        return chance.choice(watched) if watched and chance.random() < SHARE_WATCHED else a_script(chance)

    paid, spent = [Transaction((Input(bytes(32), 0xFFFFFFFF),), (Output(1, script()),))], []
    for n in range(TRANSACTIONS):
        coins = tuple(Coin(chance.randint(2, 10**9), script(), chance.randint(1, HEIGHT), False) for _ in range(2))
        inputs = tuple(Input(n.to_bytes(32, "big"), m, b"s" * 70) for m in range(2))
        paid.append(Transaction(inputs, tuple(Output(coin.amount - 1, script()) for coin in coins)))
        spent.append(coins)
    block = regtest.Block(HEIGHT, bytes(32), 1_600_000_000, 0, tuple(paid), tuple(spent))
    return tuple(np.frombuffer(each, dtype=np.uint8) for each in (block.serialized, block.undo))


class Case:
    """Some watched scripts and blocks with some of their coins."""

    def __init__(self, count: int):
        chance = random.Random(count)
        scripts = [a_script(chance) for _ in range(count)]
        watching = Watching({address_of(each): f"entity {n % 50}" for n, each in enumerate(scripts)}, REGTEST)
        self.search, self.sums = Search(watching), Sums(watching)
        self.blocks = [made_block(chance, scripts) for _ in range(BLOCKS)]
        self.cells = np.zeros((DAYS[-1] + 1, 2, 2), dtype=np.int64)
        self.room = signatures.empty_scripts(), signatures.room_for_spent(TRANSACTIONS + 1)
        self.signed = signatures.empty_sums(), signatures.room_for_large()

    def fold(self) -> float:
        """CPU seconds to fold all blocks."""
        begun = time.thread_time()
        for block, undo in self.blocks:
            totals, outputs = np.zeros(3, dtype=np.int64), np.zeros((2, 4), dtype=np.int64)
            sha256d(block[4:36].tobytes(), undo)
            search = self.search.filter, self.search.candidates
            status = decode.fold_undo(undo, 0, len(undo), HEIGHT, DAYS, self.cells, *self.room, totals, *search)
            spent = self.search.found(undo)
            read = decode.read_block(block, self.room[1], outputs, *self.signed, *search)
            assert (status, read[1]) == (decode.OK, 2 * TRANSACTIONS)
            self.sums.add(spent, self.search.found(block), HEIGHT)
        return time.thread_time() - begun


if __name__ == "__main__":
    cases = {count: Case(count) for count in WATCHED}
    best = dict.fromkeys(WATCHED, float("inf"))
    for _ in range(RUNS):
        for count, case in cases.items():
            best[count] = min(best[count], case.fold())
    for count, seconds in best.items():
        each = seconds * 1e9 / (2 * TRANSACTIONS * BLOCKS)
        print(f"{count:>7,} watched: {each:6.1f} ns a coin, {seconds / best[0] - 1:+.1%}")
