"""Undo files in one pass: the records that the whole file's matching finds, or none."""

import numpy as np
import pytest
from node_folder import KEY, KEYS, REGTEST, START, blocks_of, grown, opened, pay
from polars.testing import assert_frame_equal

from ingestion.bitcoin.files import plain_file, reader, undo_in_order, undo_matching
from ingestion.bitcoin.files.block_files import BlockFiles
from ingestion.bitcoin.files.block_index import BlockIndex
from ingestion.bitcoin.files.undo_in_order import NotInOrder
from ingestion.sample.node_files import masked, undo_record, write_files
from ingestion.sample.regtest import Chain


@pytest.fixture(scope="module")
def chain():
    made = Chain.begin()
    made.mine(START)
    return grown(made, 29)


def plain(pieces) -> list[bytes]:
    return [data[start:end].tobytes() for data, records in pieces for start, end in records]


def in_order(folder, first=0) -> dict[int, list[bytes]]:
    """The records by file, which must be those of the whole file's matching."""
    found = {}
    for number, heights in folder.heights_by_file(first).items():
        found[number] = plain(folder.undo_records_in_order(number, heights))
        assert found[number] == plain(folder.undo_records(number, heights))
    return found


@KEYS
@pytest.mark.parametrize("piece", [10, 300, 1 << 18])
@pytest.mark.parametrize("first", [0, 1, 7, 30])
def test_pieces_of_any_size_have_the_records_in_order(tmp_path, chain, monkeypatch, key, piece, first):
    monkeypatch.setattr(undo_in_order, "PIECE_BYTES", piece)
    arrived = [*chain.blocks[:5], *chain.blocks[20:25]], [*chain.blocks[5:20], *chain.blocks[25:]]
    write_files(blocks_of(tmp_path), arrived, key=key)
    found = in_order(opened(tmp_path), first)
    assert sum(map(len, found.values())) == 31 - first


@pytest.mark.parametrize("zeros", [1, 2, 5000])
def test_space_set_aside_is_passed_over(tmp_path, chain, zeros):
    write_files(blocks_of(tmp_path), [chain.blocks], key=KEY)
    with (blocks_of(tmp_path) / "rev00000.dat").open("ab") as file:
        file.write(bytes(zeros))
    assert len(in_order(opened(tmp_path))[0]) == 31


@pytest.mark.parametrize("position", range(25))
def test_bytes_are_found_wherever_pieces_end(tmp_path, monkeypatch, position):
    monkeypatch.setattr(plain_file, "PIECE_BYTES", 10)
    path = tmp_path / "file"
    path.write_bytes(masked(b"a" * position + b"sought" + b"a" * (25 - position), KEY))
    with path.open("rb") as file:
        found = plain_file.PlainFile(file.fileno(), np.frombuffer(KEY, dtype=np.uint8))
        assert found.has(b"sought", 0)
        assert found.has(b"sought", position)
        assert not found.has(b"sought", position + 1)


def changed(records: list[bytes], kind: str) -> bytes:
    """An undo file of a chain that is not just its records by height."""
    damaged = bytearray(records[9])
    damaged[-1] ^= 1
    another_magic = b"\0" + records[9][1:]
    return b"".join(
        {
            "reversed": records[::-1],
            "twice": [*records[:10], records[9], *records[10:]],
            "twice at the end": [*records, records[9]],
            "something between": [*records[:10], b"?", *records[10:]],
            "something before": [b"?", *records],
            "a damaged checksum": [*records[:9], bytes(damaged), *records[10:]],
            "another magic": [*records[:9], another_magic, *records[10:]],
            "one missing": [*records[:9], *records[10:]],
            "cut in a record": [*records[:-1], records[-1][:-1]],
            "cut in a prefix": [*records[:-1], records[-1][:7]],
        }[kind]
    )


@pytest.mark.parametrize(
    "kind",
    [
        *("reversed", "twice", "twice at the end", "something between", "something before", "a damaged checksum"),
        *("another magic", "one missing", "cut in a record", "cut in a prefix"),
    ],
)
def test_whatever_else_is_left_to_the_whole_files_matching(tmp_path, chain, kind):
    write_files(blocks_of(tmp_path), [chain.blocks])
    folder = opened(tmp_path)
    records = [undo_record(block) for block in chain.blocks[1:]]
    (blocks_of(tmp_path) / "rev00000.dat").write_bytes(changed(records, kind))
    with pytest.raises(NotInOrder):
        plain(folder.undo_records_in_order(0, folder.heights_by_file(0)[0]))


def test_a_missing_file_is_left_to_the_whole_files_matching(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks])
    folder = opened(tmp_path)
    (blocks_of(tmp_path) / "rev00000.dat").unlink()
    with pytest.raises(NotInOrder):
        plain(folder.undo_records_in_order(0, folder.heights_by_file(0)[0]))


@pytest.mark.parametrize("is_own", [True, False])
def test_a_siblings_record_is_not_taken_for_the_blocks_own(tmp_path, chain, is_own):
    stale = chain.fork(20)
    stale.mine(stale.tip.time + 1, [pay(stale, *list(stale.unspent)[:5])], tag=b"stale")
    arrived = [*chain.blocks[:21], stale.tip, *chain.blocks[21:]]
    write_files(blocks_of(tmp_path), [arrived], [chain.blocks])
    folder = opened(tmp_path)
    if is_own:
        assert len(in_order(folder)[0]) == 31
        return
    undo = [*chain.blocks[:21], stale.tip, *chain.blocks[22:]]
    write_files(blocks_of(tmp_path), [arrived], [undo])
    with pytest.raises(NotInOrder):
        plain(folder.undo_records_in_order(0, folder.heights_by_file(0)[0]))


def test_a_file_out_of_order_gives_the_same_rows(tmp_path, chain):
    batches = []
    for name, undo in (("in order", chain.blocks), ("last first", [*chain.blocks[:0:-1], chain.blocks[0]])):
        write_files(blocks_of(tmp_path / name), [chain.blocks], [undo])
        folder = opened(tmp_path / name)
        batches.append(list(reader.read(folder, None, 20)))
    for one, other in zip(*batches, strict=True):
        for table in ("coin_flow", "coin_created", "blocks_daily", "script_flow", "transfer_signatures"):
            assert_frame_equal(getattr(one, table), getattr(other, table))


@pytest.mark.parametrize("piece", [10, 300, 1 << 18])
def test_a_file_that_has_every_blocks_record_is_matched_in_one_pass(tmp_path, chain, monkeypatch, piece):
    monkeypatch.setattr(undo_in_order, "PIECE_BYTES", piece)
    write_files(blocks_of(tmp_path), [chain.blocks[:9], chain.blocks[9:]], key=KEY)
    index = BlockIndex(BlockFiles(tmp_path, REGTEST))
    for number in (0, 1):
        whole = undo_matching.match(index, number, index.files.undo(number), lambda _: False)
        assert undo_in_order.match(index, number) == whole
        assert whole.records


@pytest.mark.parametrize("kind", ["sibling", "unlinked"])
def test_files_of_more_than_one_chain_are_not_matched_in_one_pass(tmp_path, chain, kind):
    stale = chain.fork(20)
    stale.mine(stale.tip.time + 1, [pay(stale, *list(stale.unspent)[:5])], tag=b"stale")
    blocks = [*chain.blocks, stale.tip] if kind == "sibling" else [*chain.blocks[:20], *chain.blocks[21:]]
    write_files(blocks_of(tmp_path), [blocks], [sorted(blocks, key=lambda block: block.height)])
    index = BlockIndex(BlockFiles(tmp_path, REGTEST))
    if kind == "unlinked":
        # rows by height: those without one come first
        undo = [undo_record(block) for block in [*chain.blocks[21:], *chain.blocks[1:20]]]
        (blocks_of(tmp_path) / "rev00000.dat").write_bytes(b"".join(undo))
    with pytest.raises(NotInOrder):
        undo_in_order.match(index, 0)
