import dataclasses
import time
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ingestion.bitcoin.errors import DamagedFile, MissingUndo
from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.block_files import BlockReader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.networks import COIN, NETWORKS
from ingestion.bitcoin.rows import BLOCK, BLOCKS_DAILY, COIN_CREATED, COIN_FLOW
from ingestion.sample import regtest
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain, Input, Output, Transaction

REGTEST = NETWORKS["regtest"]
START = 1_600_041_600  # 2020-09-14, midnight
HOUR = 3600
KEY = bytes.fromhex("00a1b2c3d4e5f607")
FRAMES = ("coin_flow", "coin_created", "blocks_daily")
SIGNED = ("script_flow", "transfer_signatures", "large_transfers")


@pytest.fixture(scope="module")
def chain():
    """Sixty blocks of eight hours, each spending the two oldest coins."""
    made = Chain.begin()
    for n in range(60):
        points = list(made.unspent)[:2]
        inputs = tuple(Input(*point) for point in points)
        amount = sum(made.unspent[point].amount for point in points)
        made.mine(START + n * 8 * HOUR, [Transaction(inputs, (Output(amount // 2),) * 2)] if points else [])
    return made


@pytest.fixture
def folder(tmp_path, chain):
    arrived = [*chain.blocks[:25], *chain.blocks[30:40]], [*chain.blocks[25:30], *chain.blocks[40:]]
    write_files(tmp_path / "blocks", arrived, key=KEY)
    return FileChain(tmp_path, REGTEST)


def joined(batches, *without):
    return [pl.concat(getattr(batch, name).drop(without, strict=False) for batch in batches) for name in FRAMES]


def by_day(batches):
    """The frames of all batches, summed to days, as if all were finalized."""
    flow, created, blocks = joined(batches, "height", "block_hash")
    heights = [pl.min("first_height"), pl.max("last_height")]
    return [
        *(
            each.group_by(pl.exclude("amount_sats", "coins")).agg(pl.all().sum()).sort(pl.all())
            for each in (flow, created)
        ),
        blocks.group_by("asset", "network", "value_date")
        .agg(pl.exclude("first_height", "last_height").sum(), *heights)
        .with_columns(unfolded_blocks=pl.lit(0, pl.Int64))
        .sort("value_date"),
    ]


def folded_and_not(folder, after, finalize_until, **options):
    """Finalized batches, then the others, told apart by their columns."""
    batches = list(reader.read(folder, after, finalize_until, **options))
    return [batch for batch in batches if batch.is_finalized], [batch for batch in batches if not batch.is_finalized]


def test_a_day_is_calls_exactly(tmp_path):
    chain = Chain.begin()
    chain.mine(START)
    chain.mine(START + HOUR, extra=[Output(4, b"\x6a")])
    points = [next(point for point, coin in chain.unspent.items() if coin.height == height) for height in (1, 2)]
    spend = Transaction(
        tuple(Input(*point) for point in points), (Output(30 * COIN), Output(60 * COIN), Output(9 * COIN, b"\x6ax"))
    )
    chain.mine(START + 25 * HOUR, [spend], unclaimed=11)
    write_files(tmp_path / "blocks", [chain.blocks])
    (batch,) = reader.read(FileChain(tmp_path, REGTEST), None, 3)
    first, second = date(2020, 9, 14), date(2020, 9, 15)
    mined = 50 * COIN
    assert (batch.first_height, batch.last_height, batch.is_finalized) == (0, 3, True)
    assert batch.last_hash == chain.tip.hash[::-1].hex()
    assert batch.coin_flow.schema == COIN_FLOW
    assert batch.coin_flow.rows() == [("BTC", "regtest", second, first, "coinbase", 2 * mined - 4, 2)]
    assert batch.coin_created.schema == COIN_CREATED
    assert batch.coin_created.rows() == [
        ("BTC", "regtest", first, "coinbase", 2 * mined - 4, 2),
        ("BTC", "regtest", second, "coinbase", mined + COIN - 4 - 11, 1),
        ("BTC", "regtest", second, "transfer", 90 * COIN, 2),
    ]
    assert batch.blocks_daily.schema == BLOCKS_DAILY
    fee = COIN - 4
    assert batch.blocks_daily.rows() == [
        ("BTC", "regtest", date(2011, 2, 2), 1, 1, 0, 1, 0, mined, 0, mined, mined, 0, 0, 0),
        ("BTC", "regtest", first, 2, 2, 0, 3, 0, 2 * mined, 0, 4, 2 * mined, 0, 1, 2),
        ("BTC", "regtest", second, 1, 2, 2, 4, fee, mined, 11, 9 * COIN, mined + fee - 11, 0, 3, 3),
    ]


def test_blocks_above_finalize_until_stay_apart(folder, chain):
    folded, blocks = folded_and_not(folder, None, 40)
    assert [(batch.first_height, batch.last_height) for batch in folded + blocks] == [(0, 40), (41, 60)]
    for frame, schema in zip(joined(blocks), (COIN_FLOW, COIN_CREATED, BLOCKS_DAILY), strict=True):
        assert frame.schema == {**schema, **BLOCK}
        assert set(frame["height"]) == set(range(41, 61))
        assert frame["block_hash"].to_list() == [chain.blocks[n].hash[::-1].hex() for n in frame["height"]]
    rows = blocks[0].blocks_daily
    assert rows.select("blocks", "unfolded_blocks").unique().rows() == [(1, 1)]
    assert (rows["first_height"] == rows["height"]).all()
    assert (rows["last_height"] == rows["height"]).all()


@pytest.mark.parametrize("finalize_until", [-1, 0, 13, 39, 59])
def test_folded_or_not_the_days_are_the_same(folder, finalize_until):
    whole = by_day(list(reader.read(folder, None, 60)))
    for frame, expected in zip(by_day(list(reader.read(folder, None, finalize_until))), whole, strict=True):
        assert_frame_equal(frame, expected)


@pytest.mark.parametrize("stop", [0, 1, 24, 33, 59])
def test_a_read_that_goes_on_adds_up_to_one_in_a_single_go(folder, stop):
    whole = list(reader.read(folder, None, 60))
    until = [batch for batch in reader.read(folder, None, stop) if batch.is_finalized]
    resumed = list(reader.read(folder, until[-1].last_height, 60))
    assert resumed[0].first_height == stop + 1
    for frame, expected in zip(by_day([*until, *resumed]), by_day(whole), strict=True):
        assert_frame_equal(frame, expected)


def test_nothing_new_is_no_batch(folder):
    assert list(reader.read(folder, 60, 60)) == []


def test_batches_end_with_days_and_follow_each_other(folder, monkeypatch):
    whole = list(reader.read(folder, None, 50))
    monkeypatch.setattr(reader, "BATCH_ROWS", 1)
    batches = list(reader.read(folder, None, 50))
    assert len(batches) > 2
    assert [batch.first_height for batch in batches] == [0, *(batch.last_height + 1 for batch in batches[:-1])]
    for batch in batches[:-2]:
        assert folder.day_of_height[batch.last_height] < folder.day_of_height[batch.last_height + 1]
    for batch in batches:
        assert batch.last_hash == folder.block_hash(batch.last_height)
    for frame, expected in zip(by_day(batches), by_day(whole), strict=True):
        assert_frame_equal(frame, expected)


@pytest.mark.parametrize("workers", [1, 4])
def test_any_number_of_threads_reads_the_same(folder, workers):
    for one, other in zip(reader.read(folder, None, 40, workers=workers), reader.read(folder, None, 40), strict=True):
        for name in FRAMES + SIGNED:
            assert_frame_equal(getattr(one, name), getattr(other, name))


def test_without_bodies_flow_is_the_same_and_what_needs_them_is_null(folder):
    (with_bodies,) = reader.read(folder, None, 60)
    (without,) = reader.read(folder, None, 60, bodies=False)
    assert_frame_equal(without.coin_flow, with_bodies.coin_flow)
    assert_frame_equal(without.script_flow, with_bodies.script_flow)
    for name in ("coin_created", "transfer_signatures", "large_transfers"):
        assert getattr(without, name).is_empty()
    unknown = ["outputs", "fees_sats", "unclaimed_sats", "unspendable_sats", "coinbase_sats"]
    assert without.blocks_daily.schema == BLOCKS_DAILY
    assert_frame_equal(without.blocks_daily.drop(unknown), with_bodies.blocks_daily.drop(unknown))
    assert without.blocks_daily.select(pl.col(unknown).is_null().all()).row(0) == (True,) * len(unknown)


def test_without_bodies_no_body_is_read(tmp_path, folder, monkeypatch):
    def refuse(*_):
        raise AssertionError("read a body")

    monkeypatch.setattr(BlockReader, "read", refuse)
    assert len(list(reader.read(folder, None, 60, bodies=False))) == 1


def test_overwritten_coinbases_are_unspendable(tmp_path, chain):
    write_files(tmp_path / "blocks", [chain.blocks])
    network = dataclasses.replace(REGTEST, overwritten=frozenset({3}))
    (batch,) = reader.read(FileChain(tmp_path, network), 0, -1)
    reward = sum(output.amount for output in chain.blocks[3].transactions[0].outputs)
    lost = batch.blocks_daily.filter(pl.col("unspendable_sats") > 0)
    assert lost.select("height", "unspendable_sats", "coinbase_sats").rows() == [(3, reward, reward)]
    created = batch.coin_created.filter(pl.col("kind") == "coinbase", pl.col("height") <= 4)
    assert created["height"].to_list() == [1, 2, 4]


def test_progress_adds_up(folder, chain):
    calls = []
    list(reader.read(folder, 9, 60, progress=lambda *done: calls.append(done)))
    total = sum(len(block.serialized) for block in chain.blocks[10:])
    assert len(calls) == 2
    assert calls[-1] == (total, total, sum(len(coins) for block in chain.blocks[10:] for coins in block.spent))
    assert all(each[1] == total for each in calls)


def test_a_missing_undo_file_is_named(tmp_path, chain):
    write_files(tmp_path / "blocks", [chain.blocks[:20], chain.blocks[20:40], chain.blocks[40:]])
    (tmp_path / "blocks" / "rev00001.dat").unlink()
    with pytest.raises(MissingUndo, match=r"rev00001.dat has no undo record of the block at height 20: restore"):
        list(reader.read(FileChain(tmp_path, REGTEST), None, 60))


def test_a_half_written_record_below_the_tip_is_named(tmp_path, chain):
    write_files(tmp_path / "blocks", [chain.blocks[:20], chain.blocks[20:]])
    path = tmp_path / "blocks" / "rev00000.dat"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MissingUndo, match=r"rev00000.dat has no undo record of the block at height 19: restore"):
        list(reader.read(FileChain(tmp_path, REGTEST), None, 60))


def test_a_record_of_an_old_node_is_named(tmp_path, chain):
    coin = dataclasses.replace(chain.blocks[20].spent[0][0], height=0)
    old = dataclasses.replace(chain.blocks[20], spent=((coin, *chain.blocks[20].spent[0][1:]),))
    write_files(tmp_path / "blocks", [chain.blocks], [[*chain.blocks[:20], old, *chain.blocks[21:]]])
    with pytest.raises(DamagedFile, match=r"rev00000.dat .* height 20 .*before 0.15: run the node with -reindex"):
        list(reader.read(FileChain(tmp_path, REGTEST), None, 60))


def test_a_block_that_cannot_be_read_is_named(tmp_path, chain):
    path = tmp_path / "blocks" / "blk00000.dat"
    write_files(tmp_path / "blocks", [chain.blocks])
    place = path.read_bytes().index(chain.blocks[20].header) + header_bytes()
    data = bytearray(path.read_bytes())
    data[place] += 1
    path.write_bytes(data)
    with pytest.raises(DamagedFile, match=r"blk00000.dat has a block at height 20 that cannot be read to its end"):
        list(reader.read(FileChain(tmp_path, REGTEST), None, 60))


def header_bytes():
    return len(regtest.genesis().header)


def test_a_record_of_other_inputs_than_its_block_is_named(tmp_path, chain):
    block = chain.blocks[20]
    fewer = dataclasses.replace(block, spent=(block.spent[0][:1],))
    write_files(tmp_path / "blocks", [chain.blocks], [[*chain.blocks[:20], fewer, *chain.blocks[21:]]])
    with pytest.raises(DamagedFile, match=r"blk00000.dat has 2 inputs in the block at height 20, its undo record 1"):
        list(reader.read(FileChain(tmp_path, REGTEST), None, 60))


def test_a_reader_that_stops_early_leaves_no_thread(folder, monkeypatch):
    import threading

    monkeypatch.setattr(reader, "BATCH_ROWS", 1)
    before = threading.active_count()
    batches = reader.read(folder, None, 60, workers=2)
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_whoever_breaks_off_waits_for_no_file_to_its_end(tmp_path, monkeypatch):
    """A block file of mainnet takes a second or two: a process must end sooner."""
    chain = Chain.begin()
    chain.mine(START)
    for _ in range(100):
        chain.mine(chain.tip.time + 86_400)
    write_files(tmp_path / "regtest" / "blocks", [chain.blocks[:10], chain.blocks[10:]])
    read_bodies, read_body = [], reader._read_body

    def slowly(*arguments) -> None:
        read_bodies.append(arguments[1])
        time.sleep(0.01)
        read_body(*arguments)

    monkeypatch.setattr(reader, "_read_body", slowly)
    monkeypatch.setattr(reader, "BATCH_SECONDS", 0)
    batches = reader.read(FileChain(tmp_path, REGTEST), None, -1, workers=1)
    assert next(batches).last_height == 9
    batches.close()
    assert len(read_bodies) < 50


def with_amount(tmp_path, chain, change: int) -> FileChain:
    """The folder of the chain in which the first output of block 20's spend has another amount than its hash says."""
    path = tmp_path / "blocks" / "blk00000.dat"
    write_files(tmp_path / "blocks", [chain.blocks])
    data = path.read_bytes()
    spend = chain.blocks[20].transactions[1].serialized()
    amount = chain.blocks[20].transactions[1].outputs[0].amount
    before, after = ((amount + by).to_bytes(8, "little") for by in (0, change))
    path.write_bytes(data.replace(spend, spend.replace(before, after, 1)))
    return FileChain(tmp_path, REGTEST)


@pytest.mark.parametrize("change", [-1, 1, 50 * COIN])
def test_an_amount_that_changed_on_the_disk_is_named(tmp_path, chain, change):
    with pytest.raises(
        DamagedFile, match=r"blk00000.dat has other transactions in the block at height 20 than its header"
    ):
        list(reader.read(with_amount(tmp_path, chain, change), None, 60))


def test_of_a_long_history_blocks_may_only_create_what_they_may(tmp_path, chain, monkeypatch):
    monkeypatch.setattr(reader, "CHECKED_BYTES", 0)
    assert list(reader.read(with_amount(tmp_path, chain, -1), None, 60))  # which only a hash of everything would tell
    with pytest.raises(DamagedFile, match=r"other transactions in the block at height 20"):
        list(reader.read(with_amount(tmp_path, chain, 1), None, 60))
