"""Run by bitcoin_peers.py in an environment of its own: what two Python libraries take to parse blocks.

Reads lines of hexadecimal blocks; prints JSON: by library, (inputs but for the coinbases', CPU seconds) of each line,
the best of five runs.
"""

import json
import sys
import time

from bitcoin.core import CBlock
from blockchain_parser.block import Block

RUNS = 5


def by_blockchain_parser(raw: bytes) -> int:
    """Inputs; scripts stay bytes, nothing is hashed."""
    transactions = Block.from_hex(raw).transactions
    assert sum(output.value for each in transactions for output in each.outputs) > 0
    return sum(len(each.inputs) for each in transactions[1:])


def by_bitcoinlib(raw: bytes) -> int:
    """Inputs; each transaction is hashed, for the block's merkle tree."""
    transactions = CBlock.deserialize(raw).vtx
    assert sum(output.nValue for each in transactions for output in each.vout) > 0
    return sum(len(each.vin) for each in transactions[1:])


def measure(parse, blocks: list[bytes]) -> tuple[int, float]:
    inputs, found = 0, []
    for _ in range(RUNS):
        before = time.thread_time()
        inputs = sum(map(parse, blocks))
        found.append(time.thread_time() - before)
    return inputs, min(found)


lines = [[bytes.fromhex(block) for block in line.split()] for line in sys.stdin]
libraries = {"blockchain-parser": by_blockchain_parser, "python-bitcoinlib": by_bitcoinlib}
print(json.dumps({name: [measure(parse, blocks) for blocks in lines] for name, parse in libraries.items()}))
