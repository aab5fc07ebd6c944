"""A running node against its own files."""

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from stand_in import BLOCKS, HALF, REGTEST, by_rpc, once

from ingestion.bitcoin.files import reader as file_reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.node import client, reader
from ingestion.bitcoin.node.chain import NodeChain
from ingestion.bitcoin.node.messages import Output, Script, Transaction
from ingestion.bitcoin.rows import BLOCKS_DAILY, COIN_CREATED, COIN_FLOW, Batch
from ingestion.errors import ReorgDuringRead
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain

TABLES = {"coin_flow": COIN_FLOW, "coin_created": COIN_CREATED, "blocks_daily": BLOCKS_DAILY}


def folder(path: Path, chain: Chain) -> FileChain:
    write_files(path / "regtest" / "blocks", [chain.blocks])
    return FileChain(path, REGTEST)


def joined(batches: list[Batch]) -> dict[tuple[bool, str], pl.DataFrame]:
    return {
        (is_final, table): pl.concat(getattr(batch, table) for batch in batches if batch.is_finalized == is_final)
        for is_final in {batch.is_finalized for batch in batches}
        for table in TABLES
    }


def assert_same(found: list[Batch], expected: list[Batch]) -> None:
    assert [batch.first_height for batch in found[1:]] == [batch.last_height + 1 for batch in found[:-1]]
    assert (found[0].first_height, found[-1].last_height) == (expected[0].first_height, expected[-1].last_height)
    assert found[-1].last_hash == expected[-1].last_hash
    found, expected = joined(found), joined(expected)
    assert found.keys() == expected.keys()
    for key, rows in expected.items():
        assert_frame_equal(found[key], rows)


@pytest.mark.parametrize("after", [None, 57])
@pytest.mark.parametrize("finalize_until", [-1, 100, BLOCKS])
def test_a_node_says_what_its_files_say(ask, chain, tmp_path, monkeypatch, after, finalize_until):
    monkeypatch.setattr(client, "HEADERS_A_REQUEST", 64)
    monkeypatch.setattr(reader, "BATCH_BLOCKS", 20)
    expected = list(file_reader.read(folder(tmp_path, chain), after, finalize_until))
    assert_same(list(reader.read(ask(), after, finalize_until)), expected)


def test_folded_batches_end_with_a_day(core, chain, monkeypatch):
    monkeypatch.setattr(reader, "BATCH_BLOCKS", 20)
    batches = list(reader.read(by_rpc(core), None, 150))
    days = [batch.blocks_daily["value_date"] for batch in batches if batch.is_finalized]
    assert len(days) > 3
    assert all(one.max() < later.min() for one, later in pairwise(days))


def test_days_that_are_held_spare_their_headers(core, ask, chain, tmp_path):
    node = folder(tmp_path, chain)
    expected = list(file_reader.read(node, 150, 200))
    by_day = pl.concat(batch.blocks_daily for batch in file_reader.read(node, None, 100) if batch.is_finalized)
    by_block = [batch.blocks_daily for batch in file_reader.read(node, None, 100) if not batch.is_finalized]
    known = pl.concat([by_day, *by_block], how="diagonal")
    running = ask()
    core.asked.clear()
    found = list(reader.read(running, 150, 200, known, node.block_hash(150)))
    assert_same(found, expected)
    assert "/rest/blockhashbyheight/0.json" not in core.asked
    for part in (pl.col("last_height") > 3, pl.col("last_height") < 149):
        kept = NodeChain(running, 150, known.filter(part))
        assert [kept.block_hash(height) for height in (0, BLOCKS)] == [node.block_hash(0), node.block_hash(BLOCKS)]
    spared = NodeChain(running, 150, known)
    assert_frame_equal(spared.days(), kept.days())
    assert (spared.height_of(node.block_hash(170)), spared.height_of(node.block_hash(20))) == (170, None)
    with pytest.raises(IndexError):
        spared.block_hash(149)


def test_progress_counts_blocks_and_coins(core, chain):
    calls = []
    list(reader.read(by_rpc(core), 199, 210, progress=lambda *each: calls.append(each)))
    spends = sum(len(coins) for block in chain.blocks[200:] for coins in block.spent)
    assert [done for done, _, _ in calls] == list(range(1, BLOCKS - 198))
    assert calls[-1] == (BLOCKS - 199, BLOCKS - 199, spends)


def test_nothing_new_is_no_batch(ask):
    node = ask()
    assert list(reader.read(node, BLOCKS, BLOCKS)) == []


@pytest.mark.parametrize(("raw", "is_dead"), [(b"\x6a", True), (b"\x51" * 10_001, True), (b"\x51" * 10_000, False)])
def test_outputs_that_can_never_be_spent(raw, is_dead):
    output = Output(1e-8, Script(raw.hex()))
    assert reader._outputs([Transaction([], [output])]) == (1, 1, int(is_dead), int(is_dead))


@pytest.mark.parametrize("finalize_until", [205, BLOCKS - 23])
@pytest.mark.parametrize("at", ["block", "headers"])
def test_a_reorganisation_while_reading(ask, core, chain, other, tmp_path, monkeypatch, at, finalize_until):
    monkeypatch.setattr(client, "HEADERS_A_REQUEST", BLOCKS - 2)
    monkeypatch.setattr(reader, "BATCH_BLOCKS", 20)
    expected = list(file_reader.read(folder(tmp_path, other), None, finalize_until))
    node = ask(in_flight=1 if at == "headers" else 2)

    def move() -> None:
        core.chain = other

    where, after = (ask.block, 218) if at == "block" else (ask.headers, 1)
    core.interrupts = [once(where, move, after)]
    assert_same(list(reader.read(node, None, finalize_until)), expected)
    assert core.chain is other


def test_blocks_below_a_fork_are_read_once(ask, core, other):
    def move() -> None:
        core.chain = other

    node = ask(in_flight=1)
    core.interrupts = [once(ask.block, move, 15)]
    list(reader.read(node, 204, 204))
    assert sum(what.startswith(ask.block) for what in core.asked) == 16 + 7


def test_a_reorganisation_below_what_was_given_out(ask, core, other):
    batches = reader.read(ask(), BLOCKS - 3, BLOCKS - 2)
    assert next(batches).last_height == BLOCKS - 2
    core.chain = other
    with pytest.raises(ReorgDuringRead, match=rf"is not \(or no longer\) on the chain read up to height {BLOCKS - 2}"):
        next(batches)


def test_a_chain_that_changes_all_the_time(ask, core, chain, other):
    node = ask(in_flight=1)

    def move(what: str) -> None:
        if what.startswith(ask.block):
            core.chain = other if core.chain is chain else chain

    core.interrupts = [move]
    # Five blocks of one chain, or seven of the other: after an odd number of moves it is the other one.
    with pytest.raises(ReorgDuringRead, match="changed 5 times"):
        next(reader.read(node, BLOCKS - 5, 0))
    assert sum(what.startswith(ask.block) for what in core.asked) == 5 + 7 + 5 + 7 + 5


def test_half_a_block_is_asked_for_again(ask, core, chain, tmp_path):
    node = ask()
    core.interrupts = [once(ask.block, (HALF, b'{"hash":"00'), 3), once(ask.headers, (HALF, b"00"))]
    assert_same(list(reader.read(node, None, 200)), list(file_reader.read(folder(tmp_path, chain), None, 200)))
    assert ask.waits == [1, 1]


def summed(batches: list[Batch], table: str) -> pl.DataFrame:
    """Rows of all batches as sums by key, those of pending blocks by height too."""
    rows = pl.concat((getattr(batch, table) for batch in batches), how="diagonal")
    keys = [name for name in ("spend_date", "birth_date", "kind", "value_date", "height") if name in rows.columns]
    rows = rows.drop("asset", "network")
    bounds = {"first_height": pl.min("first_height"), "last_height": pl.max("last_height")}
    sums = {name: bounds.get(name, pl.sum(name)) for name in rows.columns if name not in [*keys, "block_hash"]}
    return rows.group_by(keys).agg(**sums).sort(keys)


def test_a_batch_of_a_slow_node_is_cut_but_not_among_the_newest_blocks(core, chain, tmp_path, monkeypatch):
    expected = list(file_reader.read(folder(tmp_path, chain), None, 150))
    monkeypatch.setattr(reader, "BATCH_SECONDS", 0)
    batches = list(reader.read(by_rpc(core), None, 150))
    newest = BLOCKS - reader.UNCUT_BLOCKS + 1
    assert [batch.last_height for batch in batches] == [*range(newest), BLOCKS]
    assert [batch.first_height for batch in batches] == [*range(newest), newest]
    assert [batch.is_finalized for batch in batches] == [batch.last_height <= 150 for batch in batches]
    for table in TABLES:
        assert_frame_equal(summed(batches, table), summed(expected, table))


@pytest.mark.parametrize("finalize_until", [205, BLOCKS])
def test_a_reorganisation_while_batches_are_cut_is_never_yielded(
    core, chain, other, tmp_path, monkeypatch, finalize_until
):
    """A batch ends only with a block that is still on the node's chain."""
    monkeypatch.setattr(reader, "BATCH_SECONDS", 0)
    monkeypatch.setattr(reader, "UNCUT_BLOCKS", 0)
    node = by_rpc(core, in_flight=1)

    def move() -> None:
        core.chain = other

    core.interrupts = [once("getblock()", move, BLOCKS - 3)]
    on_chain = {block.hash[::-1].hex() for block in other.blocks}
    batches: list[str] = []
    with suppress(ReorgDuringRead):
        batches.extend(batch.last_hash for batch in reader.read(node, None, finalize_until))
    assert len(batches) > 200
    assert core.chain is other
    assert set(batches[BLOCKS - 2 :]) <= on_chain
