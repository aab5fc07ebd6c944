"""Nodes that keep only the newest blocks, or that began with a UTXO snapshot: their files, and Core's own index."""

import gc
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from engine import Engine
from holders import grow
from node_folder import REGTEST, START, blocks_of
from test_ledger import held, same
from test_snapshot import written

from ingestion.bitcoin import ingest
from ingestion.bitcoin.errors import DamagedFile, MissingBlocks
from ingestion.bitcoin.files import node_index
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.ledger import read_record
from ingestion.bitcoin.snapshot import UnknownBase
from ingestion.lake.tables import Lake
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Block, Chain

BLOCKS, BASE = 240, 150


class Core(NamedTuple):
    """A chain, and the index of blocks that Core's engine wrote of it: as a log, and as a table."""

    chain: Chain
    log: Path
    table: Path


@pytest.fixture(scope="module")
def core(tmp_path_factory) -> Core:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, BLOCKS - 1, random.Random(31))
    folder = tmp_path_factory.mktemp("core")
    engine = Engine(folder / "running")
    for block in chain.blocks[1:]:
        engine.add(block)
    index = folder / "running" / "blocks" / "index"
    del engine  # which flushes
    gc.collect()
    log = shutil.copytree(index, folder / "log")
    Engine(folder / "running")  # which merges the log into a table
    gc.collect()
    return Core(chain, log, shutil.copytree(index, folder / "table"))


def node(tmp_path: Path, *files: list[Block], index: Path | None = None, base: Block | None = None) -> Path:
    """A data folder; files that are empty were pruned."""
    blocks = blocks_of(tmp_path)
    shutil.rmtree(blocks, ignore_errors=True)
    write_files(blocks, files)
    for number in (number for number, kept in enumerate(files) if not kept):
        (blocks / f"blk{number:05}.dat").unlink()
        (blocks / f"rev{number:05}.dat").unlink()
    if index:
        shutil.copytree(index, blocks / "index")
    if base:
        (blocks.parent / "chainstate_snapshot").mkdir(exist_ok=True)
        (blocks.parent / "chainstate_snapshot" / "base_blockhash").write_bytes(base.hash)
    return tmp_path


@pytest.fixture
def pruned(tmp_path, core) -> Path:
    blocks = core.chain.blocks
    return node(tmp_path / "node", [], [], blocks[120:200], blocks[200:], index=core.table)


def utxo(tmp_path: Path, core: Core, height: int = BASE) -> Path:
    at = core.chain.fork(height)
    path = tmp_path / f"utxo{height}.dat"
    path.write_bytes(written(at.tip.hash, at.unspent))
    return path


def began_with(tmp_path: Path, core: Core, folder: Path, height: int = BASE) -> Lake:
    lake = Lake(tmp_path / "lake")
    ingest.from_snapshot(lake, utxo(tmp_path, core, height), FileChain(folder, REGTEST))
    ingest.from_files(lake, FileChain(folder, REGTEST), 12)
    return lake


@pytest.mark.parametrize("kind", ["log", "table"])
def test_cores_index_has_all_headers(core, kind):
    found = list(node_index.headers(getattr(core, kind)))
    assert any(path.suffix == {"log": ".log", "table": ".ldb"}[kind] for path in getattr(core, kind).iterdir())
    assert set(found) == {block.header for block in core.chain.blocks}


def test_an_index_that_is_cut_or_overwritten_gives_fewer_headers_and_no_wrong_ones(core, tmp_path):
    headers = {block.header for block in core.chain.blocks}
    chance = random.Random(1)
    for kind in ("log", "table"):
        for n in range(60):
            folder = shutil.copytree(getattr(core, kind), tmp_path / f"{kind}{n}")
            path = max(folder.iterdir(), key=lambda path: path.stat().st_size)
            data = bytearray(path.read_bytes())
            for _ in range(5):
                data[chance.randrange(len(data))] = chance.randrange(256)
            path.write_bytes(data[: chance.randrange(len(data))] if n % 2 else data)
            assert set(node_index.headers(folder)) <= headers


def test_no_index_has_no_headers(tmp_path):
    assert list(node_index.headers(tmp_path / "index")) == []


def test_a_pruned_node_is_read_from_a_snapshot_on(tmp_path, core, pruned):
    full = node(tmp_path / "full", core.chain.blocks)
    lake = began_with(tmp_path, core, pruned)
    assert read_record(lake, REGTEST).tip_height == BLOCKS
    assert same(held(lake), held(began_with(tmp_path / "full", core, full)))


def test_the_headers_between_come_from_cores_index(tmp_path, core, pruned):
    folder = FileChain(pruned, REGTEST)
    assert folder.first_kept == 120
    assert [folder.block_hash(n) for n in range(BLOCKS + 1)] == [block.hash[::-1].hex() for block in core.chain.blocks]


@pytest.mark.parametrize("begin", [None, 100])
def test_a_pruned_node_is_not_read_from_before_what_it_keeps(tmp_path, core, pruned, begin):
    lake = Lake(tmp_path / "lake")
    with pytest.raises(
        MissingBlocks, match=r"the next one at 120, .* has pruned it: begin with a UTXO --snapshot"
    ) as error:
        began_with(tmp_path, core, pruned, begin) if begin else ingest.from_files(lake, FileChain(pruned, REGTEST), 12)
    assert "-reindex" not in str(error.value)
    assert read_record(lake, REGTEST).tip_height == begin


def test_a_pruned_node_without_its_index_says_what_is_needed(tmp_path, core):
    folder = node(tmp_path, [], core.chain.blocks[120:])
    with pytest.raises(
        MissingBlocks, match=r"blk00000.dat does not hold the genesis block .* with blocks/index"
    ) as error:
        FileChain(folder, REGTEST)
    assert "-reindex" not in str(error.value)


def test_what_a_pruned_node_lost_is_not_mended_by_a_reindex(core, pruned):
    undo = blocks_of(pruned) / "rev00002.dat"
    data = bytearray(undo.read_bytes())
    data[20] ^= 1
    undo.write_bytes(data)
    with pytest.raises(DamagedFile, match=r"rev00002.dat .*: restore both files, or begin again") as error:
        FileChain(pruned, REGTEST).undo(2)
    assert "-reindex" not in str(error.value)


def test_a_lost_block_of_a_full_node_is_no_pruned_one(tmp_path, core):
    """The index knows its header, so the chain goes on behind it."""
    lost = [block for block in core.chain.blocks if block.height != 77]
    folder = node(tmp_path, lost[:100], lost[100:], index=core.table)
    with pytest.raises(MissingBlocks, match=r"no block at height 77, .*restore .*-reindex|at height 77.*restore"):
        ingest.from_files(Lake(tmp_path / "lake"), FileChain(folder, REGTEST), 12)


@pytest.mark.parametrize("has_index", [True, False])
def test_a_background_sync_is_read_as_far_as_it_is(tmp_path, core, has_index):
    blocks, lake = core.chain.blocks, Lake(tmp_path / "lake")
    index = core.table if has_index else None
    for height in (80, 80, 120, BASE - 1):
        folder = FileChain(
            node(tmp_path, blocks[: height + 1], blocks[BASE + 1 :], index=index, base=blocks[BASE]), REGTEST
        )
        ingest.from_files(lake, folder, 12)
        assert read_record(lake, REGTEST).tip_height == height
        assert f"still reads the blocks from height {height + 1}" in folder.remarks[0]
    folder = FileChain(node(tmp_path, blocks[: BASE + 1], blocks[BASE + 1 :], index=index, base=blocks[BASE]), REGTEST)
    ingest.from_files(lake, folder, 12)
    assert (read_record(lake, REGTEST).tip_height, folder.remarks) == (BLOCKS, [])
    whole = Lake(tmp_path / "whole")
    ingest.from_files(whole, FileChain(node(tmp_path / "full", blocks), REGTEST), 12)
    assert same(held(lake), held(whole))


def test_a_node_begun_with_a_snapshot_is_read_from_it_on(tmp_path, core):
    blocks = core.chain.blocks
    folder = node(tmp_path / "node", blocks[:40], blocks[BASE + 1 :], index=core.log, base=blocks[BASE])
    lake = began_with(tmp_path, core, folder)
    assert read_record(lake, REGTEST).tip_height == BLOCKS
    assert same(held(lake), held(began_with(tmp_path / "full", core, node(tmp_path / "full", blocks))))


def test_a_snapshot_beside_files_without_the_headers_before_it(tmp_path, core):
    blocks = core.chain.blocks
    folder = node(tmp_path / "node", blocks[:40], blocks[BASE + 1 :], base=blocks[BASE])
    with pytest.raises(UnknownBase, match=r"blocks/index"):
        ingest.from_snapshot(Lake(tmp_path / "lake"), utxo(tmp_path, core), FileChain(folder, REGTEST))


def test_what_a_snapshot_node_lost_is_not_mended_by_a_reindex(tmp_path, core):
    blocks = core.chain.blocks
    folder = node(tmp_path, blocks[:40], blocks[BASE + 1 :], index=core.table, base=blocks[BASE])
    (blocks_of(folder) / "blk00001.dat").unlink()
    with pytest.raises(MissingBlocks, match=r"blk00001.dat is missing .*: restore it, or begin again") as error:
        FileChain(folder, REGTEST)
    assert "-reindex" not in str(error.value)


def log_of(*entries: tuple[bytes, bytes]) -> bytes:
    """A log of LevelDB with one batch, whose entries may be longer than one of its blocks."""
    puts = b"".join(b"\x01" + varint(len(key)) + key + varint(len(value)) + value for key, value in entries)
    batch = bytes(8) + len(entries).to_bytes(4, "little") + puts
    room = node_index.LOG_BLOCK_BYTES - node_index.LOG_HEADER_BYTES
    pieces = [batch[at : at + room] for at in range(0, len(batch), room)]
    kinds = [1] if len(pieces) == 1 else [2, *[3] * (len(pieces) - 2), 4]
    return b"".join(
        bytes(4) + len(piece).to_bytes(2, "little") + bytes([kind]) + piece
        for piece, kind in zip(pieces, kinds, strict=True)
    )


def varint(number: int) -> bytes:
    """As LevelDB writes it: least significant digits first."""
    digits = b""
    while number > 0x7F:
        digits += bytes([number & 0x7F | 0x80])
        number >>= 7
    return digits + bytes([number])


def test_a_last_block_file_that_is_missing_with_its_undo_is_named_where_cores_index_lists_it(tmp_path, core):
    blocks = core.chain.blocks
    folder = node(tmp_path, blocks[:100], blocks[100:200], index=core.table)
    assert FileChain(folder, REGTEST).tip_height == 199
    log = log_of((b"f" + bytes(4), b"\x01"), (b"l", (1).to_bytes(4, "little")), (b"l", (2).to_bytes(4, "little")))
    (blocks_of(folder) / "index" / "000099.log").write_bytes(log)
    with pytest.raises(MissingBlocks, match=r"blk00002.dat is missing .*: restore it"):
        FileChain(folder, REGTEST)


def test_entries_longer_than_a_block_of_the_log_are_read(tmp_path, core):
    entries = [(b"b" + block.hash, bytes(300) + block.header) for block in core.chain.blocks]
    (tmp_path / "000003.log").write_bytes(log_of(*entries))
    assert set(node_index.headers(tmp_path)) == {block.header for block in core.chain.blocks}
    assert node_index.last_file(tmp_path) == 0


def test_core_lists_its_last_file(core):
    assert node_index.last_file(core.log) == node_index.last_file(core.table) == 0
    assert any(key[:1] == b"l" for key, _ in node_index._entries(core.log, b"l"))
    assert any(key[:1] == b"l" for key, _ in node_index._entries(core.table, b"l"))
