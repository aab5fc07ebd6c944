"""What a crash, a copy or a disk leaves between the records of block and undo files."""

import random
import time

import pytest
from node_folder import KEY, KEYS, REGTEST, START, assert_read, blocks_of, grown, opened, stored, write

from ingestion.bitcoin.errors import DamagedFile, MissingBlocks, MissingUndo, UnreadableFile
from ingestion.bitcoin.files import data_folder
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.networks import NETWORKS
from ingestion.sample.node_files import undo_record, write_files
from ingestion.sample.regtest import Block, Chain
from ingestion.sample.serialization import length

MAGIC = REGTEST.magic
JUNK = random.Random(3).randbytes(300)
HALF = 120


@pytest.fixture(scope="module")
def chain() -> Chain:
    made = Chain.begin()
    made.mine(START)
    return grown(made, 29)


def gaps(block: Block) -> dict[str, bytes]:
    """What may stand before a block."""
    return {
        "a zero": b"\0",
        "eight zeros": bytes(8),
        "a page of zeros": bytes(4096),
        "junk": JUNK,
        "magic": MAGIC,
        "half a magic": MAGIC[:3],
        "magic and a length": MAGIC + length(bytes(200)),
        "magic and an impossible length": MAGIC + b"\xff" * 4 + JUNK,
        "magic, a length and junk": MAGIC + length(JUNK) + JUNK,
        "a header alone": stored(block)[:88],
        "half a block": stored(block)[:HALF],
        "half a header": stored(block)[:50],
        "half a block and zeros": stored(block)[:HALF] + bytes(500),
    }


GAPS = list(gaps(Chain.begin().tip))


@KEYS
@pytest.mark.parametrize("place", [0, 1, 15, 30])
@pytest.mark.parametrize("name", GAPS)
def test_what_stands_before_a_block_is_passed_over(tmp_path, chain, name, place, key):
    parts = [stored(block) for block in chain.blocks]
    parts.insert(place, gaps(chain.blocks[15])[name])
    write_files(blocks_of(tmp_path), [chain.blocks], key=key)
    write(blocks_of(tmp_path), "blk00000.dat", parts, key)
    assert_read(tmp_path, chain)


@pytest.mark.parametrize("name", GAPS)
def test_what_stands_after_the_last_block_is_passed_over(tmp_path, chain, name):
    parts = [*map(stored, chain.blocks), gaps(chain.tip)[name]]
    write_files(blocks_of(tmp_path), [chain.blocks], key=KEY)
    write(blocks_of(tmp_path), "blk00000.dat", parts, KEY)
    assert_read(tmp_path, chain)


@pytest.mark.parametrize("size", [HALF, 200, 300])
def test_a_half_block_swallows_none_that_follow(tmp_path, chain, size):
    """Its length reaches into the next record, which Core's own reindex then loses."""
    block = chain.blocks[10]
    assert size < len(stored(block)) + 100
    parts = [stored(each) for each in chain.blocks]
    parts.insert(10, stored(block)[: min(size, len(stored(block)) - 1)])
    write_files(blocks_of(tmp_path), [chain.blocks])
    write(blocks_of(tmp_path), "blk00000.dat", parts)
    assert_read(tmp_path, chain)


@KEYS
@pytest.mark.parametrize("place", [0, 14, 29])
@pytest.mark.parametrize(
    "gap", [b"\0", bytes(8), bytes(5000), JUNK, MAGIC, MAGIC + length(JUNK) + JUNK, MAGIC + b"\x10\0\0\0" + JUNK]
)
def test_what_stands_before_an_undo_record_is_passed_over(tmp_path, chain, gap, place, key):
    parts = [undo_record(block) for block in chain.blocks[1:]]
    parts.insert(place, gap)
    write_files(blocks_of(tmp_path), [chain.blocks], key=key)
    write(blocks_of(tmp_path), "rev00000.dat", parts, key)
    assert_read(tmp_path, chain)


def test_half_an_undo_record_swallows_none_that_follow(tmp_path, chain):
    parts = [undo_record(block) for block in chain.blocks[1:]]
    parts.insert(20, parts[20][:-40])
    write_files(blocks_of(tmp_path), [chain.blocks])
    write(blocks_of(tmp_path), "rev00000.dat", parts)
    assert_read(tmp_path, chain)


def test_space_set_aside_costs_no_loop_over_its_bytes(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks], key=KEY)
    opened(tmp_path)  # loads compiled code
    with (blocks_of(tmp_path) / "blk00000.dat").open("r+b") as file:
        file.truncate(128 << 20)
    begun = time.process_time()
    assert opened(tmp_path).tip_height == 30
    assert time.process_time() - begun < 3  # 0.2 s; a loop in Python over 134 million bytes takes a minute


@pytest.mark.parametrize("with_undo", [0, 1])
def test_of_two_copies_the_one_with_undo_counts(tmp_path, chain, with_undo):
    twice = chain.blocks[10:20]
    undo = [chain.blocks[:10] + chain.blocks[20:], []]
    undo[with_undo] = sorted([*undo[with_undo], *twice], key=lambda block: block.height)
    write_files(blocks_of(tmp_path), [chain.blocks, twice], undo)
    assert_read(tmp_path, chain)


def test_the_other_copys_undo_file_may_have_a_record_of_another_block(tmp_path, chain):
    twice = chain.blocks[10:12]
    write_files(
        blocks_of(tmp_path), [chain.blocks[:12], [*twice, *chain.blocks[12:]]], [chain.blocks[:10], chain.blocks]
    )
    assert_read(tmp_path, chain)


def test_a_copy_that_is_no_whole_block_is_not_read(tmp_path, chain):
    """The first copy has the undo, the second the bytes."""
    broken = bytearray(stored(chain.blocks[10]))
    broken[88] = 0xFD
    parts = [bytes(broken) if block.height == 10 else stored(block) for block in chain.blocks]
    write_files(blocks_of(tmp_path), [chain.blocks, [chain.blocks[10]]], [chain.blocks, []])
    write(blocks_of(tmp_path), "blk00000.dat", parts)
    assert_read(tmp_path, chain)


def test_a_tip_stored_twice_is_connected_where_its_undo_is(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks, [chain.tip]], [chain.blocks[:-1], [chain.tip]])
    assert_read(tmp_path, chain)


def test_a_sibling_in_another_file_has_not_this_blocks_undo(tmp_path, chain):
    """A block's copy in a file of its own, whose undo file has the record of a sibling of the same parent."""
    sibling = chain.fork(19)
    sibling.mine(sibling.tip.time + 60, tag=b"sibling")
    files = [[*chain.blocks[:20], *chain.blocks[21:], sibling.tip], [chain.blocks[20]]]
    write_files(blocks_of(tmp_path), [[*files[0], chain.blocks[20]], files[1]], [chain.blocks, [sibling.tip]])
    assert_read(tmp_path, chain)


def test_a_missing_last_undo_file_is_named(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks[:20], chain.blocks[20:]])
    (blocks_of(tmp_path) / "rev00001.dat").unlink()
    with pytest.raises(
        MissingUndo, match=r"rev00001.dat is missing, with the coins .* at height 20: copy the rev files"
    ):
        opened(tmp_path)


def test_a_missing_last_block_file_is_named(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks[:20], chain.blocks[20:]])
    (blocks_of(tmp_path) / "blk00001.dat").unlink()
    with pytest.raises(MissingBlocks, match=r"blk00001.dat is missing .*: restore it, or run the node with -reindex"):
        opened(tmp_path)


def test_blocks_without_undo_are_said(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks], [chain.blocks[:28]])
    folder = opened(tmp_path)
    assert folder.tip_height == 27
    assert folder.remarks == [
        "The files go on to height 30, but have no undo record of the block at height 28: it is read once the node has"
        " connected it."
    ]
    write_files(blocks_of(tmp_path), [chain.blocks])
    assert opened(tmp_path).remarks == []


@pytest.mark.parametrize("lost", [5, 29, 30])
@pytest.mark.parametrize("is_in_two_files", [False, True])
def test_a_block_that_is_lost_is_no_end_of_the_chain(tmp_path, chain, lost, is_in_two_files):
    cut = 20 if is_in_two_files else 31
    kept = [block for block in chain.blocks if block.height != lost]
    write_files(
        blocks_of(tmp_path),
        [kept[:cut], kept[cut:]],
        [chain.blocks[: cut + 1], chain.blocks[cut + 1 :]] if lost < cut else [chain.blocks[:cut], chain.blocks[cut:]],
    )
    with pytest.raises((MissingBlocks, DamagedFile), match=r"restore"):
        opened(tmp_path)


def test_a_block_that_is_lost_with_its_record_is_no_end_of_the_chain(tmp_path, chain):
    kept = [block for block in chain.blocks if block.height != 9]
    write_files(blocks_of(tmp_path), [kept[:9], kept[9:20], kept[20:]])
    with pytest.raises(MissingBlocks, match=r"not all blocks before it are in the files"):
        opened(tmp_path)


def test_a_header_of_easier_work_than_the_networks_is_no_block(tmp_path, chain, monkeypatch):
    """The work of a chance header on regtest fits every second time; on other networks never."""
    write_files(blocks_of(tmp_path), [chain.blocks])
    import dataclasses

    strict = dataclasses.replace(NETWORKS["regtest"], limit_bits=0x1D00FFFF)
    with pytest.raises(MissingBlocks, match="does not hold the genesis block"):
        FileChain(tmp_path, strict)


def test_files_that_may_not_be_read_are_named(tmp_path, chain, monkeypatch):
    write_files(blocks_of(tmp_path), [chain.blocks])

    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    folder = opened(tmp_path)
    monkeypatch.setattr(type(tmp_path), "open", refuse)
    for read in (lambda: opened(tmp_path), lambda: folder.block(3), lambda: folder.undo(0)):
        with pytest.raises(
            UnreadableFile, match=r"00000.dat cannot be read \(Permission denied.*: run this as the node's"
        ):
            read()


def test_a_folder_that_may_not_be_read_is_named(tmp_path, chain, monkeypatch):
    write_files(blocks_of(tmp_path), [chain.blocks])

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    with pytest.raises(UnreadableFile, match=r"blocks cannot be read \(Permission denied"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["blk00000.dat", "rev00000.dat"])
def test_a_file_removed_while_it_is_read_is_named(tmp_path, chain, name):
    write_files(blocks_of(tmp_path), [chain.blocks])
    folder = opened(tmp_path)
    (blocks_of(tmp_path) / "blk00000.dat").unlink()
    if name.startswith("rev"):
        (blocks_of(tmp_path) / name).unlink()
    with pytest.raises(MissingBlocks, match=r"blk00000.dat was removed while it was read .*: run this again"):
        folder.undo(0) if name.startswith("rev") else folder.block(3)


def test_a_file_removed_between_listing_and_reading_is_named(tmp_path, chain, monkeypatch):
    write_files(blocks_of(tmp_path), [chain.blocks[:20], chain.blocks[20:]])
    listed = data_folder.file_numbers

    def and_remove(folder, kind):
        found = listed(folder, kind)
        if kind == "rev":
            (folder / "blk00000.dat").unlink()
        return found

    monkeypatch.setattr("ingestion.bitcoin.files.block_files.file_numbers", and_remove)
    with pytest.raises(MissingBlocks, match=r"blk00000.dat was removed while it was read"):
        opened(tmp_path)


def test_a_last_record_whose_block_and_whose_parent_are_lost_is_said(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks[:28]], [[*chain.blocks[:28], chain.tip]])
    (remark,) = opened(tmp_path).remarks
    assert remark.startswith("The files end at height 27, and ")
    assert (
        "that fits no block: where the node has more blocks, restore both files, or run the node with -reindex"
        in remark
    )


@pytest.mark.parametrize("left", [b"", bytes(4096), JUNK[:3]], ids=["nothing", "zeros", "three bytes"])
def test_a_last_block_file_that_has_lost_all_its_blocks_is_no_end_of_the_chain(tmp_path, chain, left):
    write_files(blocks_of(tmp_path), [chain.blocks[:20], chain.blocks[20:]])
    (blocks_of(tmp_path) / "blk00001.dat").write_bytes(left)
    with pytest.raises(
        MissingBlocks, match=r"rev00001.dat has the coins spent by the block at height 20, and blk00001"
    ):
        opened(tmp_path)
