"""Rows of many blocks' records in few calls: those of one record after the other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decode import array, block, coins

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.files import undo_sums

# Compiling comes on top the first time.
NO_DEADLINE = settings(deadline=None)
FIRST = 1000
DAYS = np.arange(FIRST + 10, dtype=np.int32) // 10
spends = st.lists(st.lists(coins, min_size=1, max_size=4).map(tuple), max_size=3).map(tuple)
blocks_and_ends = st.lists(st.tuples(spends, st.booleans(), st.booleans()), min_size=1, max_size=6)


def sums():
    cells = np.zeros((DAYS[-1] + 1, 2, 2), dtype=np.int64)
    return cells, signatures.empty_scripts(), signatures.room_for_spent(100)


def one_by_one(undo, blocks):
    """(rows of cells, rows of scripts, totals), each block folded by itself and its cells looked through in Python."""
    cells, scripts, spent = sums()
    totals = np.zeros((len(blocks), 3), dtype=np.int64)
    rows, script_rows = [], []
    for (height, start, end, is_last), total in zip(blocks.tolist(), totals, strict=True):
        if height:
            assert decode.fold_undo(undo, start, end, height, DAYS, cells, scripts, spent, total) == decode.OK
        if is_last:
            for held, found in ((cells, rows), (scripts, script_rows)):
                keys = np.argwhere(held[..., decode.COINS]).tolist()
                found.extend([height, *key, *held[tuple(key)].tolist()] for key in keys)
                held[:] = 0
    return rows, script_rows, totals.tolist()


@NO_DEADLINE
@given(blocks_and_ends)
def test_many_blocks_are_as_one_after_the_other(made):
    parts, blocks, calls = [b""], [[0, 0, 0, 1]], [1]
    for n, (spent, is_last, ends_a_call) in enumerate(made):
        start = sum(map(len, parts))
        parts.append(block(spent).undo)
        blocks.append([FIRST + n, start, start + len(parts[-1]), is_last])
        calls += [n + 2] * ends_a_call
    undo, blocks = array(b"".join(parts)), np.array(blocks, dtype=np.int64)
    cells, scripts, room = sums()
    totals = np.zeros((len(blocks), 3), dtype=np.int64)
    rows, script_rows, done = [], [], 0
    for end in sorted({*calls, len(blocks)}):
        status, read, *found = undo_sums.fold_blocks(
            undo, blocks[done:end], DAYS, cells, scripts, room, totals[done:end], None
        )
        assert (status, read) == (decode.OK, end - done)
        rows += found[0].tolist()
        script_rows += found[1].tolist()
        done = end
    assert (rows, script_rows, totals.tolist()) == one_by_one(undo, blocks)


def test_the_block_at_fault_is_named():
    good, bad = block(((),)).undo, block(((),)).undo[:-1]
    blocks = np.array([[1, 0, 2, 1], [2, 2, 3, 1]], dtype=np.int64)
    totals = np.zeros((2, 3), dtype=np.int64)
    status, read, *_ = undo_sums.fold_blocks(array(good + bad), blocks, DAYS, *sums(), totals, None)
    assert (status, read) == (decode.RUNS_OUT, 1)


def test_there_is_room_for_the_smallest_coins():
    """Each a row of its own, in as many blocks as there are rows for every day; beside what an earlier call left."""
    smallest = b"\x00\x00\x06"  # version, amount, an empty script
    record = b"\x01\x0a" + b"".join(bytes([20 * day + odd]) + smallest for day in range(1, 6) for odd in (0, 1))
    blocks = np.array([[FIRST, n * len(record), (n + 1) * len(record), n > 0] for n in range(60)], dtype=np.int64)
    undo, totals = array(record * len(blocks)), np.zeros((len(blocks), 3), dtype=np.int64)
    cells, scripts, room = sums()
    found = 0
    for call in (slice(0, 1), slice(1, 60)):
        status, _, rows, _ = undo_sums.fold_blocks(undo, blocks[call], DAYS, cells, scripts, room, totals[call], None)
        assert status == decode.OK
        found += len(rows)
    assert found == 59 * 10
