"""Watched addresses: over either transport the rows are those of a plain-Python oracle, and say since when."""

import dataclasses
import random
from contextlib import closing

import numpy as np
import polars as pl
import pytest
from stand_in import Core, by_rpc, know
from test_ledger import folder, held, same
from watched_chain import ENTITIES, OTHERS, PROGRAM, REGTEST, WATCHED, address_of, flows, grow, grown, nets, witness

from ingestion.bitcoin import ingest, watching
from ingestion.bitcoin.addresses import to_script
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.files.reader import read
from ingestion.bitcoin.watched import NOTHING
from ingestion.bitcoin.watching import NOBODY, Watching
from ingestion.lake.tables import Lake
from ingestion.sample.regtest import Chain

CONFIRMATIONS = 10


def take_in(tmp_path, lake: Lake, chain: Chain, watched=WATCHED, network=REGTEST, *others: Chain) -> None:
    folder(tmp_path / "node", chain, *others, network=network)
    ingest.from_files(lake, FileChain(tmp_path / "node", network), CONFIRMATIONS, watched=watched)


def found(lake: Lake) -> tuple[dict, dict]:
    """What the lake has, as the oracle gives it."""
    tables = held(lake)
    addresses, entities = (
        {(day.toordinal() - 719_163, name): sums for _, _, day, name, *sums in tables[table].iter_rows()}
        for table in ("watched_flow", "entity_flow")
    )
    return addresses, entities


def expected(chain: Chain, watched=WATCHED, first=1, unspendable=frozenset()) -> tuple[dict, dict]:
    return flows(chain, watched, first, unspendable), nets(chain, watched, first, unspendable)


def since(lake: Lake) -> dict[str, tuple[int, int | None]]:
    rows = held(lake)["watched_since"].select("address", "address_height", "entity", "entity_height")
    return {address: (height, entity and of_entity) for address, height, entity, of_entity in rows.iter_rows()}


@pytest.mark.parametrize("seed", range(4))
def test_files_give_the_flows_of_the_oracle(tmp_path, seed):
    chain, lake = grown(seed), Lake(tmp_path / "lake")
    take_in(tmp_path, lake, chain)
    addresses, entities = found(lake)
    assert (addresses, entities) == expected(chain)
    assert {name for _, name in addresses} == WATCHED.keys()
    assert {name for _, name in entities} == {"Exchange", "Custodian", "Anchor"}


@pytest.mark.parametrize("seed", range(2))
def test_what_remains_is_what_is_unspent(tmp_path, seed):
    chain, lake = grown(seed), Lake(tmp_path / "lake")
    take_in(tmp_path, lake, chain)
    rows = (
        held(lake)["watched_flow"]
        .group_by("address")
        .agg(sats=pl.col("received_sats").sum() - pl.col("sent_sats").sum())
    )
    for script in ENTITIES:
        unspent = sum(coin.amount for coin in chain.unspent.values() if coin.script == script)
        assert rows.filter(address=address_of(script))["sats"].sum() == unspent


def test_a_node_gives_the_rows_of_its_files(tmp_path):
    chain = know(grown(5))
    by_files, by_node = Lake(tmp_path / "files"), Lake(tmp_path / "node_lake")
    take_in(tmp_path, by_files, chain)
    with closing(Core(chain)) as core:
        ingest.from_node(by_node, by_rpc(core), CONFIRMATIONS, watched=WATCHED)
    assert same(held(by_node), held(by_files))
    assert found(by_node) == expected(chain)


def test_files_and_then_a_node_whose_tip_was_replaced(tmp_path):
    chain, lake = grown(6), Lake(tmp_path / "lake")
    take_in(tmp_path, lake, Chain(chain.blocks[:86]))
    other = chain.fork(80)
    grow(other, 12, random.Random(60), tag=b"other")
    with closing(Core(know(other))) as core:
        ingest.from_node(lake, by_rpc(core), CONFIRMATIONS, watched=WATCHED)
    assert found(lake) == expected(other)
    assert set(since(lake).values()) == {(0, 0), (0, None)}


def test_batches_threads_and_steps_make_no_difference(tmp_path, monkeypatch):
    monkeypatch.setattr("ingestion.bitcoin.files.reader.BATCH_ROWS", 1)
    chain, lake = grown(7), Lake(tmp_path / "lake")
    for height in (3, 40, 41, 88, 90):
        take_in(tmp_path, lake, Chain(chain.blocks[: height + 1]))
    assert found(lake) == expected(chain)


def test_a_coinbase_that_was_overwritten_pays_nobody(tmp_path):
    heights = frozenset(range(20, 40))
    network = dataclasses.replace(REGTEST, overwritten=heights)
    chain, lake = grown(8, blocks=60), Lake(tmp_path / "lake")
    take_in(tmp_path, lake, chain, WATCHED, network)
    assert found(lake) == expected(chain, unspendable=heights) != expected(chain)


def test_an_address_added_later_counts_from_then_on(tmp_path):
    chain, lake = grown(9), Lake(tmp_path / "lake")
    added = address_of(witness(0, PROGRAM))
    some = {address: entity for address, entity in WATCHED.items() if address != added}
    take_in(tmp_path, lake, Chain(chain.blocks[:51]), some)
    assert found(lake) == expected(Chain(chain.blocks[:51]), some)
    take_in(tmp_path, lake, chain)
    known = since(lake)
    assert known.pop(added) == (51, 51)
    assert {height for height, _ in known.values()} == {0}
    assert known[address_of(witness(1, PROGRAM))] == (0, 51), "its entity has another address by now"
    assert known[address_of(witness(0, PROGRAM[:20]))] == (0, 0)
    addresses = found(lake)[0]
    later, always = flows(chain, WATCHED, 51), flows(chain, WATCHED, 1)
    assert {key: sums for key, sums in addresses.items() if key[1] == added} == {
        key: sums for key, sums in later.items() if key[1] == added
    }
    assert {key: sums for key, sums in addresses.items() if key[1] != added} == {
        key: sums for key, sums in always.items() if key[1] != added
    }


def test_a_gap_is_told_where_blocks_were_read_without_an_address(tmp_path):
    chain, lake = grown(10), Lake(tmp_path / "lake")
    for height, watched in ((30, WATCHED), (40, NOTHING), (50, WATCHED)):
        take_in(tmp_path, lake, Chain(chain.blocks[: height + 1]), watched)
    assert set(since(lake).values()) == {(41, 41), (41, None)}


def test_an_entity_that_lost_an_address_begins_anew_and_a_new_name_too(tmp_path):
    chain, lake = grown(10), Lake(tmp_path / "lake")
    take_in(tmp_path, lake, Chain(chain.blocks[:31]))
    exchange, *rest = (address for address, entity in WATCHED.items() if entity == "Exchange")
    changed = {**WATCHED, exchange: None, **{address: "Bank" for address in WATCHED if WATCHED[address] == "Anchor"}}
    take_in(tmp_path, lake, Chain(chain.blocks[:41]), changed)
    known = since(lake)
    assert known[exchange] == (0, None)
    assert {known[address] for address in rest} == {(0, 31)}
    assert {known[address] for address in changed if changed[address] == "Bank"} == {(0, 31)}
    assert {known[address] for address in changed if changed[address] == "Custodian"} == {(0, 0)}


def test_nobody_misses_a_block_while_none_is_read(tmp_path):
    chain, lake = grown(10), Lake(tmp_path / "lake")
    take_in(tmp_path, lake, chain)
    before = held(lake)
    for watched in (NOTHING, WATCHED):
        take_in(tmp_path, lake, chain, watched)
        assert same(held(lake), before)


def test_what_is_new_is_watched_from_the_fork_where_the_tip_is_replaced_too(tmp_path):
    chain, lake = grown(11), Lake(tmp_path / "lake")
    take_in(tmp_path, lake, chain, NOTHING)
    other = chain.fork(85)
    grow(other, 6, random.Random(61), tag=b"other")
    take_in(tmp_path, lake, other, WATCHED, REGTEST, chain)
    assert set(since(lake).values()) == {(86, 86), (86, None)}
    assert found(lake) == expected(other, first=86)


def test_without_bodies_nothing_is_known_of_addresses(tmp_path):
    node = folder(tmp_path / "node", grown(1, blocks=30))
    (batch,) = read(node, None, 100, bodies=False, watched=WATCHED)
    assert batch.watched_flow.is_empty()
    assert batch.entity_flow.is_empty()


def test_a_table_of_many_scripts_finds_each_and_no_other():
    chance = random.Random(3)
    scripts = [witness(0, chance.randbytes(20)) for _ in range(3_000)] + [*ENTITIES]
    alike = [script[:-1] + bytes([script[-1] ^ 1]) for script in scripts]  # their keys are the same
    table = Watching({address_of(script): None for script in scripts}, REGTEST).table
    numbers = [_number(table, script) for script in scripts]
    assert sorted(numbers) == list(range(len(scripts)))
    for script, number in zip(scripts, numbers, strict=True):
        assert bytes(table.scripts[number][: table.sizes[number]]) == script
    assert {_number(table, script) for script in [*alike, *OTHERS]} == {NOBODY}


def _number(table, script: bytes) -> int:
    data = np.frombuffer(b"\xff" + script + b"\xff", dtype=np.uint8)
    keyed = np.zeros((2, len(watching.KEYED)), dtype=np.int64)
    of_script = np.uint64(watching.key(data, 1, len(script)))
    keyed[0, 0] = watching.note(keyed, 0, of_script, 9, 5, 1, len(script), watching.STORED_RAW)
    coins = watching.resolve(data, keyed, *table).tolist()
    assert [each[:2] for each in coins] in ([], [[9, 5]])
    return coins[0][2] if coins else NOBODY


def test_the_addresses_of_the_oracle_stand_for_their_scripts():
    assert all(to_script(address_of(script), "regtest") == script for script in ENTITIES)
