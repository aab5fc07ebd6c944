"""The cost of finding the coins that real blocks spent, against two Python libraries on the same blocks.

Theirs is the time to parse a block's body into objects with inputs and amounts of outputs, which gives neither age nor
amount of a coin spent. Ours is the time to fold the block's undo record, checksum included, to amounts by birth day
and kind; and that with the body's outputs added up besides. CPU time, the best of five runs of theirs
and of fifty of ours, which last a millisecond.

The coins of block 277,647 are its true ones; those of the others are made, one per input that the block has. The
libraries run in an environment of their own that uv sets up.
"""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "ingestion" / "bitcoin"))

import numpy as np
from test_main_blocks import BLOCKS, HEIGHTS, raw_block, transactions, undo_277647

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.networks import NETWORKS
from ingestion.sample.regtest import Coin
from ingestion.sample.serialization import compact_size

LIBRARIES = "blockchain-parser==0.1.6"
"""It brings python-bitcoinlib 0.11.0."""
FIRST_BLOCKS = "blocks1-256"
SCRIPTS = [b"\x76\xa9\x14" + bytes(20) + b"\x88\xac", b"\xa9\x14" + bytes(20) + b"\x87", b"\x00\x14" + bytes(20)]
RUNS = 50
DAYS = np.arange(max(HEIGHTS) + 1, dtype=np.int32) // 144
CELLS = np.zeros((DAYS[-1] + 1, 2, 2), dtype=np.int64)
SCRIPTS_SPENT, SPENT = signatures.empty_scripts(), signatures.room_for_spent(20_000)
SUMS, LARGE = signatures.empty_sums(), signatures.room_for_large()


class Spent(NamedTuple):
    """A block, its height, and its undo record."""

    height: int
    raw: bytes
    undo: bytes


def recorded() -> dict[str, list[Spent]]:
    """The recorded blocks by name."""
    found = {f"{height:,}": [spent(height, raw_block(height))] for height in HEIGHTS}
    data, first = (BLOCKS / FIRST_BLOCKS).read_bytes(), []
    while data:
        assert data.startswith(NETWORKS["main"].magic)
        end = 8 + int.from_bytes(data[4:8], "little")
        first.append(spent(len(first) + 1, data[8:end]))
        data = data[end:]
    return found | {"1-256": first}


def spent(height: int, raw: bytes) -> Spent:
    return Spent(height, raw, undo_277647() if height == 277_647 else made_undo(height, raw))


def made_undo(height: int, raw: bytes) -> bytes:
    """An undo record with a made coin for each input."""
    chance = random.Random(height)
    spending = [inputs for inputs, _ in transactions(raw)[1:]]
    parts = [compact_size(len(spending))]
    for inputs in spending:
        parts.append(compact_size(len(inputs)))
        for _ in inputs:
            coin = Coin(chance.randint(1, 10**9), chance.choice(SCRIPTS), chance.randint(1, height), False)
            parts.append(coin.undo())
    return b"".join(parts)


def by_undo(block: Spent) -> int:
    """The number of coins."""
    undo = np.frombuffer(block.undo, dtype=np.uint8)
    totals = np.zeros(3, dtype=np.int64)
    sha256d(block.raw[4:36], undo.data)
    assert decode.fold_undo(undo, 0, len(undo), block.height, DAYS, CELLS, SCRIPTS_SPENT, SPENT, totals) == decode.OK
    return int(totals[1])


def by_undo_and_body(block: Spent) -> int:
    outputs = np.zeros((2, 4), dtype=np.int64)
    spends = by_undo(block)
    _, inputs, _ = decode.read_block(np.frombuffer(block.raw, dtype=np.uint8), SPENT, outputs, SUMS, LARGE)
    assert inputs == spends
    return int(inputs)


def measure(read: Callable[[Spent], int], blocks: list[Spent]) -> tuple[int, float]:
    """Coins, and CPU seconds to read them."""
    coins, found = 0, []
    for _ in range(RUNS):
        before = time.thread_time()
        coins = sum(map(read, blocks))
        found.append(time.thread_time() - before)
    return coins, min(found)


def by_libraries(blocks: dict[str, list[Spent]]) -> dict[str, list[tuple[int, float]]] | str:
    """Coins and seconds by library; the reason where a library cannot be run."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    command = [uv, "run", "--isolated", "--no-project", "--python", sys.executable, "--with", LIBRARIES, "python"]
    lines = "\n".join(" ".join(block.raw.hex() for block in each) for each in blocks.values())
    try:
        run = subprocess.run(
            [*command, Path(__file__).with_name("peers.py")], input=lines, capture_output=True, text=True
        )
    except OSError as error:
        return f"uv does not run ({error.strerror})"
    return json.loads(run.stdout) if run.returncode == 0 else f"{LIBRARIES} does not run: {run.stderr.strip()[-300:]}"


def main() -> None:
    if not BLOCKS.is_dir():
        print("peers: skipped, no recorded blocks in ../shared/data/bitcoin")
        return
    blocks = recorded()
    theirs = by_libraries(blocks)
    if isinstance(theirs, str):
        print(f"peers: skipped, {theirs}")
        return
    ours = {
        name: [measure(read, each) for each in blocks.values()]
        for name, read in (("undo", by_undo), ("undo and body", by_undo_and_body))
    }
    for library, found in theirs.items():
        for n, name in enumerate(blocks):
            coins, seconds = found[n]
            ratios = []
            for transport, measured in ours.items():
                assert measured[n][0] == coins, (name, transport)
                ratios.append(f"{transport} {measured[n][1] * 1e3:7.3f} ms {seconds / measured[n][1]:6.0f} x")
            print(f"{library:<18} block {name:>7} {coins:>6,} coins {seconds * 1e3:8.1f} ms  {'  '.join(ratios)}")
        total = sum(seconds for _, seconds in found)
        ratios = [
            f"{transport} {total / sum(seconds for _, seconds in each):.0f} x" for transport, each in ours.items()
        ]
        print(f"{library:<18} all blocks: {', '.join(ratios)}")


if __name__ == "__main__":
    main()
