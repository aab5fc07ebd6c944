"""The cost of reading a block of a node's answer (`getblock`, verbosity 3), against a walk over orjson's dicts.

Both add up the same coins by birth height and kind, and the same outputs. Prints CPU milliseconds per block and their
ratio in this run, the median over the same bytes, for made blocks of today's size and, where it stands beside the
project, for block 277,647.
"""

import gzip
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from ingestion.bitcoin.decode import COINBASE
from ingestion.bitcoin.networks import COIN, NETWORKS
from ingestion.bitcoin.node import reader
from ingestion.bitcoin.node.messages import RPC_BLOCK
from ingestion.bitcoin.watched import NOTHING
from ingestion.bitcoin.watching import Watching

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "bitcoin" / "277647.v3.json.gz"
RUNS = 15
HEIGHT, TRANSACTIONS = 900_000, 4_000
UNWATCHED = Watching(NOTHING, NETWORKS["main"])
DAYS = np.arange(HEIGHT + 1)
MEGABYTE = 1_000_000

Sums = tuple[dict[tuple[int, bool], tuple[int, ...]], list[int]]


def typed(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """As `reader.read` does, one birth day per height."""
    block = RPC_BLOCK.decode(content).result
    assert block
    read = reader.block_rows(block, DAYS, UNWATCHED)
    return read.cells, read.totals


def sums(cells: np.ndarray, totals: np.ndarray) -> Sums:
    """The result of `typed` in the form of `walk`'s."""
    coins = {(height, kind == COINBASE): (amount, coins) for _, height, kind, amount, coins in cells.tolist()}
    return coins, totals[4:].tolist()


def walk(content: bytes) -> Sums:
    """The same over dicts."""
    coins: dict[tuple[int, bool], list[int]] = defaultdict(lambda: [0, 0])
    outputs = [0] * 8
    for n, transaction in enumerate(msgspec.json.decode(content)["result"]["tx"]):
        for spend in transaction["vin"] if n else ():
            coin = spend["prevout"]
            cell = coins[coin["height"], coin["generated"]]
            cell[0] += round(coin["value"] * COIN)
            cell[1] += 1
        at = 4 if n else 0
        for output in transaction["vout"]:
            amount = round(output["value"] * COIN)
            outputs[at] += 1
            outputs[at + 1] += amount
            script = output["scriptPubKey"]["hex"]
            if script.startswith("6a") or len(script) > 20_000:
                outputs[at + 2] += 1
                outputs[at + 3] += amount
    return {key: tuple(cell) for key, cell in coins.items()}, outputs


def made() -> bytes:
    """A block as a node returns it, of about today's size."""
    chance = random.Random(1)
    transactions = [transaction(chance, is_coinbase=n == 0) for n in range(TRANSACTIONS)]
    block = {"hash": hexadecimal(chance, 32), "height": HEIGHT, "time": 1_750_000_000, "tx": transactions}
    return msgspec.json.encode({"result": block, "error": None, "id": 0})


def transaction(chance: random.Random, is_coinbase: bool) -> dict:
    inputs = [
        {
            "txid": hexadecimal(chance, 32),
            "vout": chance.randrange(9),
            "scriptSig": {"asm": "", "hex": ""},
            "txinwitness": [hexadecimal(chance, 71), hexadecimal(chance, 33)],
            "prevout": {
                "generated": chance.random() < 0.01,
                "height": chance.randint(1, HEIGHT),
                "value": chance.randint(1, 10**10) / 10**8,
                "scriptPubKey": script(chance),
            },
            "sequence": 0xFFFFFFFD,
        }
        for _ in range(chance.choice([1, 1, 1, 2, 5]))
    ]
    outputs = [
        {"value": chance.randint(1, 10**10) / 10**8, "n": n, "scriptPubKey": script(chance)}
        for n in range(chance.choice([1, 2, 2, 5]))
    ]
    return {
        "txid": hexadecimal(chance, 32),
        "hash": hexadecimal(chance, 32),
        "version": 2,
        "size": 300,
        "vsize": 200,
        "weight": 800,
        "locktime": 0,
        "vin": [{"coinbase": hexadecimal(chance, 50), "sequence": 0}] if is_coinbase else inputs,
        "vout": outputs,
        "fee": 0.00001,
        "hex": hexadecimal(chance, 150 * len(inputs) + 40 * len(outputs)),
    }


def script(chance: random.Random) -> dict:
    key = hexadecimal(chance, 20)
    address = f"bc1q{key[:38]}"
    return {
        "asm": f"0 {key}",
        "desc": f"addr({address})#abcdefgh",
        "hex": f"0014{key}",
        "address": address,
        "type": "witness_v0_keyhash",
    }


def hexadecimal(chance: random.Random, count: int) -> str:
    return chance.randbytes(count).hex()


def milliseconds(read: Callable[[bytes], object], content: bytes) -> float:
    """CPU time of this thread."""
    before = time.thread_time()
    read(content)
    return 1_000 * (time.thread_time() - before)


def measure(content: bytes) -> tuple[float, float]:
    """Medians of `typed` and `walk`, run in turn.

    Raises:
        AssertionError: they do not find the same.
    """
    assert sums(*typed(content)) == walk(content)
    runs = [(milliseconds(typed, content), milliseconds(walk, content)) for _ in range(RUNS)]
    return statistics.median(one for one, _ in runs), statistics.median(other for _, other in runs)


if __name__ == "__main__":
    blocks = {"a block of today's size": made()}
    if RECORDED.exists():
        blocks["block 277,647"] = gzip.decompress(RECORDED.read_bytes())
    for name, content in blocks.items():
        ours, theirs = measure(content)
        size = len(content) / MEGABYTE
        print(
            f"{name:<24} {size:5.1f} MB  typed {ours:6.1f} ms  dict walk {theirs:6.1f} ms  {theirs / ours:4.1f} times"
        )
