"""Small chains without signatures, and their data folders: write one, open it, compare it with its chain."""

import pytest

from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.networks import NETWORKS
from ingestion.sample.node_files import masked
from ingestion.sample.regtest import Block, Input, Output, Transaction
from ingestion.sample.serialization import length

REGTEST = NETWORKS["regtest"]
KEY = bytes.fromhex("00a1b2c3d4e5f607")
KEYS = pytest.mark.parametrize("key", [None, bytes(8), KEY], ids=["none", "zero", "xor"])
START = 1_600_000_000
HOUR = 3600


def pay(chain, *points, fee=1000, parts=2):
    """A transaction that spends `points` into equal parts."""
    amount = sum(chain.unspent[point].amount for point in points) - fee
    return Transaction(tuple(Input(*point) for point in points), (Output(amount // parts),) * parts)


def grown(chain, blocks, tag=b""):
    """Mine blocks that each spend the oldest coins; writes no signatures, and spends coinbases at once."""
    for _ in range(blocks):
        points = list(chain.unspent)[: 1 + chain.tip.height % 3]
        chain.mine(chain.tip.time + HOUR, [pay(chain, *points)] if points else [], tag=tag)
    return chain


def opened(tmp_path, network=REGTEST):
    return FileChain(tmp_path, network)


def blocks_of(tmp_path):
    return tmp_path / "regtest" / "blocks"


def records(folder):
    """Plain undo bytes of every block on the chain, by height."""
    found = {}
    for number in folder.heights_by_file(0):
        data, places = folder.undo(number)
        found |= {height: data[start:end].tobytes() for height, (start, end) in places.items()}
    return found


def assert_read(tmp_path, chain):
    """The folder's chain is `chain`, with its blocks and undo records."""
    folder = opened(tmp_path)
    heights = range(folder.tip_height + 1)
    assert [folder.block_hash(height) for height in heights] == [block.hash[::-1].hex() for block in chain.blocks]
    assert [folder.block(height).tobytes() for height in heights] == [block.serialized for block in chain.blocks]
    assert records(folder) == {block.height: block.undo for block in chain.blocks[1:]}


def stored(block: Block) -> bytes:
    """A record of a block file."""
    return REGTEST.magic + length(block.serialized) + block.serialized


def write(folder, name: str, parts: list[bytes], key: bytes | None = None) -> None:
    """Write one file of a data folder from its plain bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    if key is not None:
        (folder / "xor.dat").write_bytes(key)
    (folder / name).write_bytes(masked(b"".join(parts), key))
