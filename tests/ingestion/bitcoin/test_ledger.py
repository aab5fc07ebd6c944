"""The ledger, fed from files of made chains: however the reading is split, the lake has the same rows."""

import dataclasses
import json
import os
import random
import shutil

import polars as pl
import pytest
from holders import grow

from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.ledger import KEYS, TABLES, CoinLedger, read_record
from ingestion.bitcoin.networks import NETWORKS, Network
from ingestion.errors import ChainMismatch
from ingestion.lake import parts as lake_parts
from ingestion.lake.tables import Lake
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain

REGTEST = NETWORKS["regtest"]
START = 1_600_000_000


def folder(path, *chains: Chain, network: Network = REGTEST) -> FileChain:
    """The files of a node that saw these chains, the blocks they share once."""
    seen = {block.hash: block for chain in chains for block in chain.blocks}
    shutil.rmtree(path, ignore_errors=True)
    write_files(path / "regtest" / "blocks", [list(seen.values())], key=bytes(range(8)))
    return FileChain(path, network)


def take_in(lake: Lake, node: FileChain, confirmations: int) -> None:
    ledger = CoinLedger(lake, node.network)
    after = ledger.last_common(lambda height: node.block_hash(height) if height <= node.tip_height else None)
    finalize_until = node.tip_height - confirmations
    ledger.append(reader.read(node, after, finalize_until), after, finalize_until)


def held(lake: Lake) -> dict[str, pl.DataFrame]:
    """What the warehouse reads: every part of each table, summed, without the pending count."""
    found = {}
    for table, keys in KEYS.items():
        parts = [pl.read_parquet(path) for path in sorted((lake.root / "bitcoin" / table).glob("*.parquet"))]
        rows = pl.concat(parts).drop("unfolded_blocks", strict=False)
        bounds = {"first_height": pl.min("first_height"), "last_height": pl.max("last_height")}
        sums = {name: bounds.get(name, pl.sum(name)) for name in rows.columns if name not in keys}
        found[table] = rows.group_by(keys).agg(**sums).sort(keys).select(rows.columns)
    return found


def read_at_once(tmp_path, node: FileChain) -> dict[str, pl.DataFrame]:
    lake = Lake(tmp_path / "at_once")
    shutil.rmtree(lake.root, ignore_errors=True)
    take_in(lake, node, 0)
    return held(lake)


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return all(one[table].equals(other[table]) for table in TABLES)


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, 179, random.Random(3))
    return chain


def upto(chain: Chain, height: int) -> Chain:
    return Chain(chain.blocks[: height + 1])


@pytest.mark.parametrize("seed", range(6))
def test_reading_in_any_steps_is_reading_at_once(tmp_path, chain, seed):
    chance = random.Random(seed)
    lake = Lake(tmp_path / "lake")
    for height in [*sorted(chance.sample(range(1, 181), 4)), 180]:
        take_in(lake, folder(tmp_path / "node", upto(chain, height)), chance.choice([0, 5, 40, 200]))
    assert same(held(lake), read_at_once(tmp_path, folder(tmp_path / "node", chain)))


@pytest.mark.parametrize("seed", range(6))
def test_blocks_count_as_pending_only_above_the_last_finalized_one(tmp_path, chain, seed):
    """A day on which a finalized block still counts as pending would never be final."""
    chance = random.Random(seed)
    lake = Lake(tmp_path / "lake")
    for height in [*sorted(chance.sample(range(30, 181), 4)), 180]:
        take_in(lake, folder(tmp_path / "node", upto(chain, height)), chance.choice([5, 20, 40]))
        record = read_record(lake, REGTEST)
        days = pl.concat(lake.read("bitcoin", "blocks_daily", {}, part) for part in record.parts["blocks_daily"])
        last = -1 if record.finalized_height is None else record.finalized_height
        assert days["unfolded_blocks"].sum() == record.tip_height - last


def test_days_that_an_older_version_left_pending_are_mended_when_blocks_are_finalized(tmp_path, chain):
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", upto(chain, 120)), 20)
    (part,) = (part for part in read_record(lake, REGTEST).parts["blocks_daily"] if "unfolded" not in part)
    rows = lake.read("bitcoin", "blocks_daily", {}, part)
    lake.write("bitcoin", "blocks_daily", rows.with_columns(unfolded_blocks=pl.lit(3, pl.Int64)), part)
    record = json.loads(lake.read_record("bitcoin", "btc-regtest.json"))
    del record["digests"]
    lake.write_record("bitcoin", "btc-regtest.json", json.dumps(record))
    take_in(lake, folder(tmp_path / "node", chain), 20)
    parts = read_record(lake, REGTEST).parts["blocks_daily"]
    assert pl.concat(lake.read("bitcoin", "blocks_daily", {}, part) for part in parts)["unfolded_blocks"].sum() == 20


@pytest.mark.parametrize("seed", range(2))
def test_a_cell_is_one_row_in_the_folded_parts_and_on_days_without_unfolded_blocks(tmp_path, chain, seed):
    """The warehouse passes such cells on as they are."""
    chance = random.Random(seed)
    lake = Lake(tmp_path / "lake")
    for height in [*sorted(chance.sample(range(30, 181), 4)), 180]:
        take_in(lake, folder(tmp_path / "node", upto(chain, height)), chance.choice([0, 5, 20]))
    named = read_record(lake, REGTEST).parts
    read = {
        table: {part: lake.read("bitcoin", table, schema, part) for part in named[table]}
        for table, schema in TABLES.items()
    }
    for table, keys in KEYS.items():
        folded = pl.concat([rows for part, rows in read[table].items() if "unfolded" not in part] or [pl.DataFrame()])
        # this chain has none, and nobody watches it
        if table in ("large_transfers", "watched_flow", "entity_flow", "watched_since"):
            assert folded.is_empty()
            continue
        assert folded.height
        assert folded.select(keys).is_unique().all(), table
    unfolded = pl.concat(read["blocks_daily"].values()).filter(pl.col("unfolded_blocks") > 0)["value_date"]
    flow = pl.concat(read["coin_flow"].values()).filter(~pl.col("spend_date").is_in(unfolded.implode()))
    assert flow.select(KEYS["coin_flow"]).is_unique().all()


def test_a_second_run_reads_nothing_and_changes_nothing(tmp_path, chain):
    node, lake = folder(tmp_path / "node", chain), Lake(tmp_path / "lake")
    take_in(lake, node, 20)
    before = held(lake)
    ledger = CoinLedger(lake, REGTEST)
    assert ledger.last_common(lambda height: node.block_hash(height) if height <= node.tip_height else None) == 180
    take_in(lake, node, 20)
    assert same(held(lake), before)


@pytest.mark.parametrize("depth", [1, 3, 7])
def test_a_reorganisation_replaces_the_blocks_above_the_fork(tmp_path, chain, depth):
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", chain), 20)
    other = chain.fork(180 - depth)
    grow(other, depth + 1, random.Random(99), tag=b"other")
    node = folder(tmp_path / "node", chain, other)
    assert node.tip_height == 181
    take_in(lake, node, 20)
    assert same(held(lake), read_at_once(tmp_path, node))


def test_a_chain_that_parts_below_what_is_finalized_is_refused_and_nothing_changes(tmp_path, chain):
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", chain), 20)
    before = held(lake)
    other = chain.fork(150)
    grow(other, 40, random.Random(5), tag=b"other")
    with pytest.raises(ChainMismatch, match="regtest chain differs from the home's at height 160"):
        take_in(lake, folder(tmp_path / "node", other), 20)
    assert same(held(lake), before)


def test_an_interrupted_run_leaves_whole_batches_and_is_resumed(tmp_path, chain, monkeypatch):
    monkeypatch.setattr(reader, "BATCH_ROWS", 1)
    lake = Lake(tmp_path / "lake")
    node = folder(tmp_path / "node", chain)
    blocks = [Chain(chain.blocks[n : n + 20]) for n in range(0, 181, 20)]
    shutil.rmtree(tmp_path / "node")
    write_files(tmp_path / "node" / "regtest" / "blocks", [each.blocks for each in blocks])
    node = FileChain(tmp_path / "node", REGTEST)

    def killed_after(batches, count):
        for number, batch in enumerate(batches):
            if number == count:
                raise KeyboardInterrupt
            yield batch

    ledger = CoinLedger(lake, REGTEST)
    with pytest.raises(KeyboardInterrupt):
        ledger.append(killed_after(reader.read(node, None, 160), 3), None, 160)
    assert 0 < CoinLedger(lake, REGTEST).record.tip_height < 180
    take_in(lake, node, 20)
    assert same(held(lake), read_at_once(tmp_path, node))


def test_what_a_killed_run_left_half_written_is_never_read(tmp_path, chain):
    node, lake = folder(tmp_path / "node", chain), Lake(tmp_path / "lake")
    take_in(lake, node, 20)
    before = held(lake)
    named = read_record(lake, REGTEST).parts
    for table, schema in TABLES.items():
        rows = lake.read("bitcoin", table, schema, named[table][0])
        lake.write("bitcoin", table, rows, "regtest-2020-09.999")
    assert not same(held(lake), before)
    CoinLedger(lake, REGTEST)
    assert same(held(lake), before)


def test_a_run_killed_before_its_commit_changes_nothing_that_counts(tmp_path, chain, monkeypatch):
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", upto(chain, 100)), 20)
    # ten blocks more: some of those held one by one are folded, the others stay
    node = folder(tmp_path / "node", upto(chain, 110))
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "write_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            take_in(lake, node, 20)
    take_in(lake, node, 20)
    assert same(held(lake), read_at_once(tmp_path, node))


def test_looking_at_the_record_removes_nothing_of_a_run_at_work(tmp_path, chain):
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", chain), 20)
    lake.write("bitcoin", "coin_flow", held(lake)["coin_flow"], "regtest-2020-09.999")
    assert read_record(lake, REGTEST).tip_height == 180
    assert lake.has("bitcoin", "coin_flow", "regtest-2020-09.999")


def test_another_network_is_left_alone(tmp_path, chain):
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", chain), 20)
    before = held(lake)
    CoinLedger(lake, NETWORKS["main"])
    assert same(held(lake), before)


def parts(lake: Lake) -> set[str]:
    return {path.stem for path in (lake.root / "bitcoin").glob("*/*.parquet")}


def test_two_assets_with_a_network_of_the_same_name_are_strangers(tmp_path, chain):
    other = dataclasses.replace(REGTEST, asset="LTC")
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", chain), 20)
    before, record = parts(lake), read_record(lake, REGTEST)
    take_in(lake, folder(tmp_path / "node", upto(chain, 100), network=other), 20)
    assert before < parts(lake)
    assert set(held(lake)["blocks_daily"]["asset"]) == {"BTC", "LTC"}
    assert (lake.root / "bitcoin" / "ltc-regtest.json").exists()
    assert (read_record(lake, REGTEST), read_record(lake, other).tip_height) == (record, 100)
    emptied = CoinLedger(lake, other)
    emptied.record.parts = {}
    emptied.commit()
    assert parts(lake) == before
    assert read_record(lake, REGTEST) == record


@pytest.fixture
def former_lake(tmp_path, chain) -> Lake:
    """A lake as it was before parts and records named their asset, up to height 100."""
    lake = Lake(tmp_path / "former")
    take_in(lake, folder(tmp_path / "node", upto(chain, 100)), 20)
    for path in (lake.root / "bitcoin").glob("*/btc-regtest*.parquet"):
        path.rename(path.with_name(path.name.removeprefix("btc-")))
    record = lake.root / "bitcoin" / "btc-regtest.json"
    text = record.read_text().replace("btc-regtest", "regtest").replace("transport", "road")
    record.with_name("regtest.json").write_text(text.replace("finalized_", "folded_"))
    record.unlink()
    return lake


def test_a_former_lake_is_taken_over_without_reading_anything_again(tmp_path, chain, former_lake):
    before, named = held(former_lake), parts(former_lake)
    seen = read_record(former_lake, REGTEST)
    assert (seen.finalized_height, seen.tip_height, seen.transport) == (80, 100, "files")
    assert read_record(former_lake, dataclasses.replace(REGTEST, asset="LTC")).tip_height is None
    for network in NETWORKS.values():
        CoinLedger(former_lake, network)
    assert former_lake.records("bitcoin") == ["btc-regtest.json"]
    assert (parts(former_lake), read_record(former_lake, REGTEST)) == (named, seen)
    assert CoinLedger(former_lake, REGTEST).last_common(lambda height: chain.blocks[height].hash[::-1].hex()) == 100
    assert same(held(former_lake), before)


def test_a_former_lake_is_read_on(tmp_path, chain, former_lake):
    node = folder(tmp_path / "node", chain)
    take_in(former_lake, node, 20)
    assert same(held(former_lake), read_at_once(tmp_path, node))
    assert not any(part.startswith("regtest-unfolded") for part in parts(former_lake))


@pytest.mark.parametrize("at", ["replace", "write_record", "collect_garbage"])
def test_a_run_killed_while_it_takes_a_former_lake_over_loses_nothing(tmp_path, chain, former_lake, monkeypatch, at):
    before = held(former_lake)
    node = folder(tmp_path / "node", chain)
    where = {"replace": os, "write_record": Lake, "collect_garbage": lake_parts}[at]
    with monkeypatch.context() as patch:
        patch.setattr(where, at, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            take_in(former_lake, node, 20)
    assert read_record(former_lake, REGTEST).tip_height == 100
    CoinLedger(former_lake, REGTEST)
    assert same(held(former_lake), before)
    take_in(former_lake, node, 20)
    assert same(held(former_lake), read_at_once(tmp_path, node))


def test_of_two_records_of_a_network_the_one_with_the_asset_counts(tmp_path, chain, former_lake):
    (former_lake.root / "bitcoin" / "btc-regtest.json").write_text('{"generation": 900, "tip_height": 7, "parts": {}}')
    assert read_record(former_lake, REGTEST).tip_height == 7
    CoinLedger(former_lake, REGTEST)
    assert former_lake.records("bitcoin") == ["btc-regtest.json"]
    assert all(rows.is_empty() for rows in held(former_lake).values())
