"""Block and undo files with one or two things done to them, at random but always the same ones.

What is read is the chain that was made, or the beginning of it and a sentence, or nothing and a named error: never
another chain or another sum without a word. How often each came out is printed at the end.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from node_folder import KEY, REGTEST, START, blocks_of, grown, stored

from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.errors import IngestionError
from ingestion.sample.node_files import masked, undo_record
from ingestion.sample.regtest import Chain

BLOCKS, MUTATIONS = 60, 12
FRAMES = ("coin_flow", "coin_created", "blocks_daily")

Files = dict[str, list[bytes]]
"""The records of each file, by its name."""
Mutation = Callable[[Files, random.Random], None]


@pytest.fixture(scope="module")
def chain() -> Chain:
    made = Chain.begin()
    made.mine(START)
    return grown(made, BLOCKS - 1)


@pytest.fixture(scope="module")
def stale(chain) -> Chain:
    return grown(chain.fork(BLOCKS - 12), 4, tag=b"stale")


@pytest.fixture(scope="module")
def files(chain, stale) -> Files:
    """Three files of each kind, with a stale branch that was the longer one for a while."""
    arrived = [*chain.blocks[: BLOCKS - 10], *stale.blocks[BLOCKS - 11 :], *chain.blocks[BLOCKS - 10 :]]
    cuts = [0, 25, 45, len(arrived)]
    found: Files = {}
    for number, (first, last) in enumerate(pairwise(cuts)):
        found[f"blk{number:05}.dat"] = [stored(block) for block in arrived[first:last]]
        found[f"rev{number:05}.dat"] = [undo_record(block) for block in arrived[first:last] if block.height]
    return found


def write(folder: Path, files: Files) -> None:
    blocks = blocks_of(folder)
    shutil.rmtree(blocks, ignore_errors=True)
    blocks.mkdir(parents=True)
    (blocks / "xor.dat").write_bytes(KEY)
    for name, records in files.items():
        (blocks / name).write_bytes(masked(b"".join(records), KEY))


Read = tuple[list[str], list[pl.DataFrame], list[str]]
"""Hashes by height, rows by block, and what was said."""


def read(folder: Path) -> Read:
    found = FileChain(folder, REGTEST)
    found.end_at_gap(0)
    batches = list(reader.read(found, None, -1, workers=1))
    frames = [pl.concat(getattr(batch, name) for batch in batches).sort(pl.all()) for name in FRAMES]
    return [found.block_hash(height) for height in range(found.tip_height + 1)], frames, found.remarks


def any_name(files: Files, chance: random.Random, kind: str = "") -> str:
    return chance.choice([name for name in files if name.startswith(kind)])


def somewhere(files: Files, chance: random.Random, kind: str = "") -> tuple[list[bytes], int]:
    """The records of a file, and one of them."""
    records = files[any_name(files, chance, kind)]
    return records, chance.randrange(len(records))


def cut(files: Files, chance: random.Random) -> None:
    name = any_name(files, chance)
    data = b"".join(files[name])
    files[name] = [data[: chance.randrange(len(data))]]


def zeros(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance)
    records.insert(n, bytes(chance.choice([1, 7, 8, 80, 88, 5_000])))


def zeros_inside(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance)
    at = chance.randrange(len(records[n]))
    records[n] = records[n][:at] + bytes(chance.choice([1, 8, 300])) + records[n][at:]


def overwritten_with_zeros(files: Files, chance: random.Random) -> None:
    name = any_name(files, chance)
    data = bytearray(b"".join(files[name]))
    at, size = chance.randrange(len(data)), chance.choice([1, 8, 512, 4096])
    data[at : at + size] = bytes(len(data[at : at + size]))
    files[name] = [bytes(data)]


def junk(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance)
    magic = chance.choice([b"", REGTEST.magic, REGTEST.magic + chance.randint(81, 900).to_bytes(4, "little")])
    records.insert(n, magic + chance.randbytes(chance.choice([0, 3, 90, 2_000])))


def duplicated(files: Files, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 4)):
        records, n = somewhere(files, chance, "blk")
        others, place = somewhere(files, chance, "blk")
        others.insert(place, records[n])


def duplicated_undo(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance, "rev")
    records.insert(chance.randrange(len(records)), records[n])


def moved_with_undo_left_behind(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance, "blk")
    others, place = somewhere(files, chance, "blk")
    others.insert(place, records.pop(n))


def swapped(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance)
    m = chance.randrange(len(records))
    records[n], records[m] = records[m], records[n]


def flipped(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance)
    data = bytearray(records[n])
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    records[n] = bytes(data)


def half(files: Files, chance: random.Random) -> None:
    """Half a record before one, as a crash leaves it."""
    records, n = somewhere(files, chance)
    records.insert(n, records[n][: chance.randrange(1, len(records[n]))])


def lost_half(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance)
    records[n] = records[n][: chance.randrange(len(records[n]))]


def lost(files: Files, chance: random.Random) -> None:
    records, n = somewhere(files, chance)
    del records[n]


def removed(files: Files, chance: random.Random) -> None:
    del files[any_name(files, chance)]


def replaced(files: Files, chance: random.Random) -> None:
    """A file in another's place."""
    files[any_name(files, chance, "rev")] = list(files[any_name(files, chance)])


ONE = [
    *(cut, zeros, zeros_inside, overwritten_with_zeros, junk, duplicated, duplicated_undo, moved_with_undo_left_behind),
    *(swapped, flipped, half, lost_half, lost, removed, replaced),
]


def two(files: Files, chance: random.Random) -> None:
    for mutation in chance.sample(ONE, 2):
        mutation(files, chance)


def came_out(folder: Path, truth: Read, stale: list[str]) -> str:
    """`right`, `shorter` or `stale branch` and said so, or the name of the error; fails on anything else."""
    try:
        hashes, frames, remarks = read(folder)
    except IngestionError as error:
        return type(error).__name__
    expected, rows, _ = truth
    if len(hashes) > BLOCKS - 11 and hashes == stale[: len(hashes)]:
        assert remarks, "a stale branch without a word"
        return "stale branch, and said"
    assert hashes == expected[: len(hashes)], "another chain"
    for frame, whole in zip(frames, rows, strict=True):
        assert frame.equals(whole.filter(pl.col("height") < len(hashes))), "other sums"
    if len(hashes) == len(expected):
        return "right"
    assert remarks, f"a chain of {len(hashes)} blocks without a word"
    return "shorter, and said"


@pytest.fixture(scope="module")
def truth(chain, files, tmp_path_factory) -> Read:
    folder = tmp_path_factory.mktemp("whole")
    write(folder, files)
    found = read(folder)
    assert found[0] == [block.hash[::-1].hex() for block in chain.blocks]
    assert found[1][0]["amount_sats"].sum() == sum(
        coin.amount for block in chain.blocks for coins in block.spent for coin in coins
    )
    return found


@pytest.mark.parametrize("mutation", [*ONE, two], ids=lambda mutation: mutation.__name__)
def test_files_that_were_tampered_with(mutation, files, truth, stale, tmp_path, record_property):
    counts: Counter[str] = Counter()
    for seed in range(MUTATIONS):
        chance = random.Random(f"{mutation.__name__} {seed}")
        spoilt = {name: list(records) for name, records in files.items()}
        mutation(spoilt, chance)
        write(tmp_path, spoilt)
        try:
            counts[came_out(tmp_path, truth, [block.hash[::-1].hex() for block in stale.blocks])] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    line = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    record_property("block_file_outcomes", f"{mutation.__name__}: {line}")
    assert sum(counts.values()) == MUTATIONS
