import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_folder import HOUR, KEY, KEYS, REGTEST, START, assert_read, blocks_of, grown, opened, pay, records

from ingestion.bitcoin.errors import DamagedFile, MissingBlocks, MissingUndo, NotADataFolder, WrongNetwork
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.files.plain_file import unmask
from ingestion.bitcoin.networks import NETWORKS
from ingestion.sample import node_files, regtest
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain


@pytest.fixture(scope="module")
def chain():
    made = Chain.begin()
    made.mine(START)
    return grown(made, 29)


@KEYS
def test_blocks_in_any_order_and_file_are_one_chain(tmp_path, chain, key):
    first, second = [chain.blocks[n] for n in range(0, 20)], chain.blocks[20:]
    first[5], second[3] = second[3], first[5]
    write_files(blocks_of(tmp_path), [[first[0], *first[:0:-1]], second[::-1]], key=key)
    assert_read(tmp_path, chain)


@KEYS
@pytest.mark.parametrize("is_reversed", [False, True])
def test_records_in_any_order_find_their_block(tmp_path, chain, key, is_reversed):
    undo = chain.blocks[::-1] if is_reversed else [*chain.blocks[15:], *chain.blocks[:15]]
    write_files(blocks_of(tmp_path), [chain.blocks], [undo], key=key)
    assert_read(tmp_path, chain)


@given(st.binary(min_size=8, max_size=8), st.integers(0, 40), st.integers(0, 40))
def test_any_piece_of_a_masked_file_is_unmasked(key, start, size):
    plain = bytes(range(80))
    piece = np.frombuffer(node_files.masked(plain, key)[start : start + size], dtype=np.uint8).copy()
    unmask(piece, np.frombuffer(key, dtype=np.uint8), start)
    assert piece.tobytes() == plain[start : start + size]


@pytest.mark.parametrize("name", ["", "regtest"])
def test_the_networks_own_folder_is_as_good_as_the_datadir(tmp_path, chain, name):
    write_files(tmp_path / "regtest" / "blocks", [chain.blocks])
    assert FileChain(tmp_path / name, REGTEST).tip_height == 30


def test_the_networks_folder_goes_before_the_main_networks(tmp_path, chain):
    write_files(tmp_path / "blocks", [chain.blocks[:3]])
    write_files(tmp_path / "regtest" / "blocks", [chain.blocks])
    assert opened(tmp_path).tip_height == 30


@KEYS
@pytest.mark.parametrize("zeros", [1, 7, 8, 100, 5000])
def test_space_set_aside_is_no_record(tmp_path, chain, key, zeros):
    write_files(blocks_of(tmp_path), [chain.blocks], key=key)
    for name in ("blk00000.dat", "rev00000.dat"):
        with (blocks_of(tmp_path) / name).open("ab") as file:
            file.write(bytes(zeros))
    (blocks_of(tmp_path) / "blk00001.dat").write_bytes(bytes(zeros))
    assert_read(tmp_path, chain)


@pytest.mark.parametrize("rest", [b"", bytes(2000)], ids=["cut", "set aside"])
def test_a_half_written_block_or_record_is_not_read_yet(tmp_path, chain, rest):
    folder = blocks_of(tmp_path)
    write_files(folder, [chain.blocks], key=KEY)
    whole = {name: (folder / name).read_bytes() for name in ("blk00000.dat", "rev00000.dat")}
    last = {"blk00000.dat": 8 + len(chain.tip.serialized), "rev00000.dat": 40 + len(chain.tip.undo)}
    shorter = Chain(chain.blocks[:-1])
    for name, size in last.items():
        for missing in [*range(1, size, 11), *range(size - 9, size + 1)]:
            (folder / name).write_bytes(whole[name][:-missing] + rest)
            if name == "blk00000.dat":
                (folder / "rev00000.dat").write_bytes(whole["rev00000.dat"][: -last["rev00000.dat"]] + rest)
            assert_read(tmp_path, shorter)
    (folder / "blk00000.dat").write_bytes(whole["blk00000.dat"])
    assert_read(tmp_path, shorter)


def test_a_block_that_is_not_connected_yet_is_left_out(tmp_path, chain):
    ahead = [*chain.blocks[:20], *chain.blocks[25:]]
    write_files(blocks_of(tmp_path), [ahead, chain.blocks[22:24]], [chain.blocks[:18], []])
    (blocks_of(tmp_path) / "rev00001.dat").unlink()
    assert_read(tmp_path, Chain(chain.blocks[:18]))


def test_a_block_written_while_reading_is_left_for_the_next_time(tmp_path, chain):
    folder = blocks_of(tmp_path)
    write_files(folder, [chain.blocks[:-3]], key=KEY)
    reader = opened(tmp_path)
    write_files(folder, [chain.blocks], key=KEY)
    assert records(reader) == {block.height: block.undo for block in chain.blocks[1:-3]}


@pytest.mark.parametrize("written", [20, 60, 87, 100])
def test_a_header_half_written_when_opened_is_left_for_the_next_time(tmp_path, chain, written):
    folder = blocks_of(tmp_path)
    write_files(folder, [chain.blocks])
    path = folder / "blk00000.dat"
    last = len(chain.tip.serialized) + 8
    whole = path.read_bytes()
    path.write_bytes(whole[: written - last] + bytes(2000))
    undo = (folder / "rev00000.dat").read_bytes()
    (folder / "rev00000.dat").write_bytes(undo[: -len(node_files.undo_record(chain.tip))])
    reader = opened(tmp_path)
    path.write_bytes(whole)
    (folder / "rev00000.dat").write_bytes(undo + node_files.undo_record(chain.tip))
    assert records(reader) == {block.height: block.undo for block in chain.blocks[1:-1]}


def fork(chain, height, blocks, tag):
    return grown(chain.fork(height), blocks, tag)


@pytest.mark.parametrize("is_first", [True, False])
def test_the_chain_of_most_work_is_followed(tmp_path, chain, is_first):
    other = fork(chain, 25, 6, b"other")
    branches = [chain.blocks[26:], other.blocks[26:]]
    arrived = [*chain.blocks[:26], *(block for each in branches[:: 1 if is_first else -1] for block in each)]
    write_files(blocks_of(tmp_path), [arrived], [arrived])
    assert_read(tmp_path, other)


def test_the_first_to_arrive_of_equal_work_is_the_tip(tmp_path, chain):
    other = fork(chain, 29, 1, b"other")
    for first, second in ((chain, other), (other, chain)):
        write_files(blocks_of(tmp_path), [[*first.blocks, second.tip]], [[*first.blocks, second.tip]])
        assert_read(tmp_path, first)


def test_a_branch_that_was_never_connected_is_no_chain(tmp_path, chain):
    other = fork(chain, 25, 6, b"invalid")
    write_files(blocks_of(tmp_path), [[*chain.blocks, *other.blocks[26:]]], [chain.blocks])
    assert_read(tmp_path, chain)


@pytest.fixture(scope="module")
def siblings(chain):
    """Two blocks on height 20 that each spend one coin of 5 BTC into one output; only the coins' ages differ."""
    parent = chain.fork(20)
    old, young = (next(point for point, coin in order if coin.is_coinbase) for order in _by_age(parent))
    one, two = parent.fork(20), parent.fork(20)
    one.mine(parent.tip.time + HOUR, [pay(parent, old, parts=1)], tag=b"one")
    two.mine(parent.tip.time + HOUR, [pay(parent, young, parts=1)], tag=b"two")
    assert one.tip.undo != two.tip.undo
    return one, grown(two, 2)


def _by_age(chain):
    coins = list(chain.unspent.items())
    return coins, coins[::-1]


def test_siblings_of_one_shape_are_calls_by_the_order_of_connection(tmp_path, siblings):
    one, two = siblings
    arrived = [*one.blocks, *two.blocks[21:]]
    write_files(blocks_of(tmp_path), [arrived], [arrived])
    assert_read(tmp_path, two)


def test_a_sibling_that_was_never_connected_has_no_record(tmp_path, siblings):
    one, two = siblings
    write_files(blocks_of(tmp_path), [[*one.blocks, *two.blocks[21:]]], [two.blocks])
    assert_read(tmp_path, two)


@pytest.mark.parametrize("is_stale_last", [False, True])
def test_siblings_are_calls_apart_by_inputs(tmp_path, chain, is_stale_last):
    stale = chain.fork(20)
    points = list(stale.unspent)[:5]
    stale.mine(stale.tip.time + HOUR, [pay(stale, *points)], tag=b"stale")
    arrived = [*chain.blocks[:21], stale.tip, *chain.blocks[21:]]
    undo = [*chain.blocks, stale.tip] if is_stale_last else arrived
    write_files(blocks_of(tmp_path), [arrived], [undo])
    assert_read(tmp_path, chain)


@pytest.mark.parametrize("is_stale_last", [False, True])
def test_siblings_are_calls_apart_by_amounts(tmp_path, chain, is_stale_last):
    parent = chain.fork(20)
    points = sorted(parent.unspent, key=lambda point: parent.unspent[point].amount)
    stale, best = parent.fork(20), parent.fork(20)
    stale.mine(parent.tip.time + HOUR, [pay(parent, points[0])], tag=b"stale")
    best.mine(parent.tip.time + HOUR, [pay(parent, points[-1])], tag=b"best")
    grown(best, 1)
    arrived = [*stale.blocks, *best.blocks[21:]]
    undo = [*best.blocks, stale.tip] if is_stale_last else arrived
    write_files(blocks_of(tmp_path), [arrived], [undo])
    assert_read(tmp_path, best)


def test_a_block_stored_twice_is_one(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks, chain.blocks[10:20]], [chain.blocks, []])
    assert_read(tmp_path, chain)


def test_genesis_alone_is_a_chain(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks[:1]])
    assert_read(tmp_path, Chain(chain.blocks[:1]))


def test_hashes_and_heights_name_the_chains_blocks(tmp_path, chain):
    stale = fork(chain, 20, 1, b"stale").tip
    write_files(blocks_of(tmp_path), [[*chain.blocks, stale]])
    folder = opened(tmp_path)
    assert [folder.height_of(folder.block_hash(height)) for height in (0, 13, 30)] == [0, 13, 30]
    assert folder.height_of(stale.hash[::-1].hex()) is None
    assert folder.height_of("00" * 32) is None
    with pytest.raises(IndexError):
        folder.block_hash(31)


def test_progress_is_calls_by_block_file(tmp_path, chain):
    calls = []
    write_files(blocks_of(tmp_path), [chain.blocks[:9], chain.blocks[9:]])
    FileChain(tmp_path, REGTEST, lambda *done: calls.append(done))
    assert calls == [(1, 2), (2, 2)]


def test_a_folder_without_block_files_is_refused(tmp_path):
    (tmp_path / "blocks").mkdir()
    with pytest.raises(NotADataFolder, match=r"no .*regtest/blocks/blk00000.dat or .* \(height 0\): pass the folder"):
        opened(tmp_path)


def test_another_networks_files_are_named(tmp_path, chain):
    write_files(tmp_path / "blocks", [chain.blocks])
    with pytest.raises(
        WrongNetwork, match=r"blk00000.dat begins .* with blocks of regtest, not of signet: choose --network regtest"
    ):
        opened(tmp_path, NETWORKS["signet"])


def test_files_without_their_key_are_refused(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks], key=KEY)
    (blocks_of(tmp_path) / "xor.dat").unlink()
    with pytest.raises(WrongNetwork, match=r"begins with .* with its own xor.dat"):
        opened(tmp_path)


def test_a_key_of_another_length_is_refused(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks], key=KEY)
    (blocks_of(tmp_path) / "xor.dat").write_bytes(KEY[:5])
    with pytest.raises(DamagedFile, match=r"xor.dat has 5 bytes instead of 8"):
        opened(tmp_path)


def test_a_missing_block_file_is_named(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks[:9], chain.blocks[9:20], chain.blocks[20:]])
    (blocks_of(tmp_path) / "blk00001.dat").unlink()
    with pytest.raises(MissingBlocks, match=r"blk00001.dat is missing .*: restore it"):
        opened(tmp_path)


def test_files_without_genesis_are_refused(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks[1:]])
    with pytest.raises(MissingBlocks, match=r"blk00000.dat does not hold the genesis block of regtest \(height 0\)"):
        opened(tmp_path)


def test_a_damaged_header_is_no_end_of_the_chain(tmp_path, chain):
    broken = dataclasses.replace(chain.blocks[10], time=START, nonce=0)
    while int.from_bytes(broken.hash, "little") <= regtest.TARGET:
        broken = dataclasses.replace(broken, nonce=broken.nonce + 1)
    write_files(blocks_of(tmp_path), [[*chain.blocks[:10], broken, *chain.blocks[11:]]], [chain.blocks])
    with pytest.raises((DamagedFile, MissingBlocks), match=r"00000.dat .*height"):
        opened(tmp_path)


def test_a_block_whose_ancestors_are_not_there_has_no_record_to_read(tmp_path, chain):
    write_files(
        blocks_of(tmp_path), [[*chain.blocks[:10], *chain.blocks[11:]]], [[*chain.blocks[:10], *chain.blocks[12:]]]
    )
    with pytest.raises(MissingBlocks, match=r"blk00000.dat has block [0-9a-f]{64} .*not all blocks before it"):
        opened(tmp_path)


def test_blocks_without_any_undo_file_are_refused(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks])
    (blocks_of(tmp_path) / "rev00000.dat").unlink()
    with pytest.raises(MissingUndo, match=r"rev00000.dat has no undo record of any block from height 1 on: copy"):
        opened(tmp_path)


@pytest.mark.parametrize("position", [8, -41])
def test_a_record_whose_checksum_fits_no_block_is_named(tmp_path, chain, position):
    folder = blocks_of(tmp_path)
    write_files(folder, [chain.blocks], key=KEY)
    before = sum(len(node_files.undo_record(block)) for block in chain.blocks[1:15])
    data = bytearray((folder / "rev00000.dat").read_bytes())
    data[before + len(node_files.undo_record(chain.blocks[15])) + position if position < 0 else before + position] ^= 1
    (folder / "rev00000.dat").write_bytes(data)
    with pytest.raises(DamagedFile, match=rf"rev00000.dat has a record at byte {before + 8}, expected for height 15"):
        opened(tmp_path)
