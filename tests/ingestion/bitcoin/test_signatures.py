"""Signatures of transfers: what a shape is called, and the same rows over every transport, read in any steps."""

import random
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from holders import SCRIPTS, grow
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from stand_in import Core, by_rpc, know
from test_ledger import folder, held, same, take_in

from ingestion.bitcoin import decode, ingest, signatures
from ingestion.bitcoin.ledger import CoinLedger, read_record
from ingestion.bitcoin.networks import COIN, NETWORKS
from ingestion.lake.tables import Lake
from ingestion.sample.regtest import KEY_X, Chain, Coin, Input, Output, Transaction
from ingestion.sample.serialization import compress_script, push

REGTEST = NETWORKS["regtest"]
START = 1_600_000_000
HOUR, DAY = 3_600, 86_400
TABLES = ("script_flow", "transfer_signatures", "large_transfers")
SEGWIT, TAPROOT = b"\x00\x14" + bytes(20), b"\x51\x20" + bytes(32)
KEY_HASH = b"\x76\xa9\x14" + bytes(20) + b"\x88\xac"
NAMED = {
    KEY_HASH: "p2pkh",
    b"\xa9\x14" + bytes(20) + b"\x87": "p2sh",
    SEGWIT: "p2wpkh",
    b"\x00\x20" + bytes(32): "p2wsh",
    TAPROOT: "p2tr",
    push(b"\x02" + KEY_X) + b"\xac": "p2pk",
    push(b"\x03" + KEY_X) + b"\xac": "p2pk",
    push(b"\x04" + bytes(64)) + b"\xac": "p2pk",
    push(b"\x06" + bytes(64)) + b"\xac": "p2pk",
    b"": "other",
    b"\x51": "other",
    b"\x51\x02\x4e\x73": "other",  # an anchor
    b"\x52\x20" + bytes(32): "other",  # a later version of witnesses
    b"\x51\x14" + bytes(20): "other",
    b"\x00\x21" + bytes(32): "other",
    b"\x00\x13" + bytes(20): "other",
    push(b"\x05" + KEY_X) + b"\xac": "other",
    push(b"\x05" + bytes(64)) + b"\xac": "other",
    KEY_HASH[:-1] + b"\xad": "other",
    b"\xa9\x14" + bytes(20) + b"\x88": "other",
}


def as_array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype=np.uint8)


def types_of(script: bytes) -> set[int]:
    """The type of a script as a coin spent, as an output, and as digits."""
    coin = as_array(Coin(5, script, 7, False).undo())
    return {
        decode.coin(coin, 0, len(coin), True)[2],
        signatures.script_type(as_array(script + b"\x00"), 0, len(script)),
        int(signatures.script_types([script.hex()])[0]),
    }


@pytest.mark.parametrize("script", NAMED, ids=bytes.hex)
def test_a_script_has_one_type_wherever_it_stands(script):
    assert types_of(script) == {signatures.SCRIPTS.index(NAMED[script])}


@settings(deadline=None)
@given(st.sampled_from([*NAMED]), st.integers(0, 66), st.integers(0, 255))
def test_a_byte_more_or_other_is_of_one_type_too(script, at, byte):
    changed = script[:at] + bytes([byte]) + script[at + 1 :]
    assert len(types_of(changed)) == 1 or len(compress_script(changed)) < len(changed)


@pytest.mark.parametrize(
    ("inputs", "outputs", "paid_to", "expected"),
    [
        (2, 1, KEY_HASH, "consolidation"),
        (30, 1, KEY_HASH, "consolidation"),
        (1, 1, KEY_HASH, "sweep"),
        (1, 1, SEGWIT, "migration"),
        (30, 1, SEGWIT, "migration"),
        (3, 9, SEGWIT, "migration"),
        (3, 10, SEGWIT, "payout"),
        (30, 10, KEY_HASH, "payout"),
        (1, 2, KEY_HASH, "payment"),
        (30, 9, KEY_HASH, "payment"),
        (1, 0, KEY_HASH, "payment"),
    ],
)
def test_a_shape_has_its_name(inputs, outputs, paid_to, expected):
    assert signed(inputs, [paid_to] * outputs) == expected


def test_a_migration_leaves_nothing_in_the_scripts_that_were_spent():
    assert signed(3, [SEGWIT, TAPROOT]) == "migration"
    assert signed(3, [SEGWIT, KEY_HASH]) == "payment"


def signed(inputs: int, paid_to: list[bytes]) -> str:
    bits = sum({1 << signatures.script_type(as_array(script), 0, len(script)) for script in paid_to})
    return signatures.SIGNATURES[signatures.signature(inputs, len(paid_to), 1 << signatures.P2PKH, bits)]


@pytest.fixture(scope="module")
def chain() -> Chain:
    """Miners' coins of 150 hours, half a year later one transaction of each shape a block, and then young coins."""
    chain = Chain.begin()
    for n in range(149):
        chain.mine(START + n * HOUR, script=KEY_HASH)
    old = [point for point, coin in chain.unspent.items() if not coin.is_coinbase or coin.height > 1]
    later = chain.tip.time + 160 * DAY
    shapes = [(22, [KEY_HASH]), (20, [SEGWIT]), (21, [KEY_HASH, SEGWIT]), (3, [KEY_HASH]), (1, [KEY_HASH])]
    shapes += [(2, [TAPROOT]), (1, [SEGWIT] * 12), (2, [KEY_HASH, SEGWIT]), (20, [KEY_HASH, b"\x6a"])]
    for n, (inputs, paid_to) in enumerate(shapes):
        points, old = old[:inputs], old[inputs:]
        chain.mine(later + n * 5 * HOUR, [paying(chain, points, paid_to)], script=SEGWIT)
    grow(chain, 30, random.Random(4))
    return know(chain)


def paying(chain: Chain, points: list[tuple[bytes, int]], paid_to: list[bytes]) -> Transaction:
    amount = sum(chain.unspent[point].amount for point in points)
    share = amount // len([script for script in paid_to if script != b"\x6a"])
    outputs = tuple(Output(0 if script == b"\x6a" else share, script) for script in paid_to)
    return Transaction(tuple(Input(*point) for point in points), outputs)


@pytest.fixture
def by_files(tmp_path, chain) -> dict[str, pl.DataFrame]:
    lake = Lake(tmp_path / "by_files")
    take_in(lake, folder(tmp_path / "all", chain), 5)
    return held(lake)


def test_signatures_are_the_transactions_counted_one_by_one(chain, by_files):
    """Plain Python over the made transactions and the coins they spent."""
    day = np.maximum.accumulate([block.time for block in chain.blocks]) // DAY
    sums: dict[tuple, list[int]] = {}
    large, scripts = set(), {}
    for block in chain.blocks:
        for spender, coins in zip(block.transactions[1:], block.spent, strict=True):
            is_old = [day[block.height] - day[coin.height] >= 155 for coin in coins]
            for coin, old in zip(coins, is_old, strict=True):
                cell = day[block.height], "lth" if old else "sth", NAMED.get(coin.script) or named(coin.script)
                scripts[cell] = scripts.get(cell, 0) + coin.amount
            lth = sum(coin.amount for coin, old in zip(coins, is_old, strict=True) if old)
            if lth == 0:
                continue
            outputs = [
                each.script for each in spender.outputs if each.script[:1] != b"\x6a" and len(each.script) < 10_001
            ]
            kind = expected_shape(coins, outputs)
            row = sums.setdefault((day[block.height], kind), [0, 0, 0, 0, 0])
            counted = [
                1,
                lth,
                sum(coin.amount for coin in coins),
                int(lth >= 1_000 * COIN),
                lth * (lth >= 1_000 * COIN),
            ]
            row[:] = [a + b for a, b in zip(row, counted, strict=True)]
            if lth >= 1_000 * COIN:
                at = datetime.fromtimestamp(block.time, UTC).replace(tzinfo=None)
                large.add((block.height, at, spender.txid[::-1].hex(), kind, len(coins), len(outputs), lth))
    found = by_files["transfer_signatures"].with_columns(pl.col("spend_date").cast(pl.Int32))
    assert {
        (row["spend_date"], row["signature"]): [row[name] for name in signatures.SUMS]
        for row in found.iter_rows(named=True)
        if row["transactions"]
    } == sums
    assert len({kind for _, kind in sums}) == 5
    names = ["block_height", "block_at", "txid", "signature", "inputs", "outputs", "lth_sats"]
    assert {*by_files["large_transfers"].select(names).iter_rows()} == large
    assert len(large) == 4
    flow = by_files["script_flow"].with_columns(pl.col("spend_date").cast(pl.Int32))
    assert {tuple(row[:3]): row[3] for row in flow.drop("asset", "network", "coins").iter_rows()} == scripts


def named(script: bytes) -> str:
    """The type of a script of `holders`, told from how it is compressed."""
    stored = compress_script(script)
    return {0: "p2pkh", 1: "p2sh", 2: "p2pk", 3: "p2pk", 4: "p2pk", 5: "p2pk"}.get(stored[0] if script else 6) or (
        "p2wsh" if script[:2] == b"\x00\x20" else "other"
    )


def expected_shape(coins: tuple[Coin, ...], outputs: list[bytes]) -> str:
    spent, paid = (
        {NAMED.get(script) or named(script) for script in each} for each in ([c.script for c in coins], outputs)
    )
    if len(outputs) >= 10:
        return "payout"
    if outputs and not spent & paid:
        return "migration"
    if len(outputs) == 1:
        return "consolidation" if len(coins) > 1 else "sweep"
    return "payment"


def test_every_block_is_counted_once_for_each_signature(chain, by_files):
    counted = by_files["transfer_signatures"].group_by("spend_date").agg(pl.col("blocks").unique(), pl.len())
    blocks = by_files["blocks_daily"].select(spend_date="value_date", expected="blocks")
    joined = counted.join(blocks, on="spend_date", how="full")
    assert joined["len"].unique().to_list() == [5]
    assert joined["blocks"].to_list() == [[each] for each in joined["expected"]]


def test_scripts_sum_to_the_coin_flow(by_files):
    flow = by_files["coin_flow"].group_by("spend_date").agg(pl.sum("amount_sats", "coins")).sort("spend_date")
    scripts = by_files["script_flow"].group_by("spend_date").agg(pl.sum("amount_sats", "coins")).sort("spend_date")
    assert_frame_equal(scripts, flow)
    old = by_files["script_flow"].filter(cohort="lth")["amount_sats"].sum()
    assert old == by_files["transfer_signatures"]["lth_sats"].sum() > 4_000 * COIN


def test_a_running_node_gives_the_same_rows(tmp_path, chain, by_files):
    lake = Lake(tmp_path / "lake")
    with closing(Core(chain)) as core:
        ingest.from_node(lake, by_rpc(core), 5)
    found = held(lake)
    assert found["large_transfers"].height == 4
    for table in TABLES:
        assert_frame_equal(found[table], by_files[table])


@pytest.mark.parametrize(("steps", "confirmations"), [((150, 152, 155), 3), ((151, 160), 0), ((153, 154), 100)])
def test_read_in_steps_and_reorganised_is_read_at_once(tmp_path, chain, by_files, steps, confirmations):
    lake = Lake(tmp_path / "lake")
    for height in steps:
        take_in(lake, folder(tmp_path / "node", Chain(chain.blocks[: height + 1])), confirmations)
    take_in(lake, folder(tmp_path / "node", chain), confirmations)
    assert same(held(lake), by_files)
    other = chain.fork(chain.tip.height - min(confirmations, 2))
    grow(other, 4, random.Random(6), tag=b"other")
    node = folder(tmp_path / "node", chain, other)
    take_in(lake, node, confirmations)
    expected = Lake(tmp_path / "expected")
    take_in(expected, node, 0)
    assert same(held(lake), held(expected))


def test_a_home_of_an_earlier_version_goes_on_with_what_comes(tmp_path, chain, by_files):
    """Days that it read before have no signatures, and say so by their number of blocks."""
    lake = Lake(tmp_path / "lake")
    take_in(lake, folder(tmp_path / "node", Chain(chain.blocks[:153])), 1)
    ledger = CoinLedger(lake, REGTEST)
    for table in TABLES:
        ledger.record.parts.pop(table)
        ledger.record.parts.pop(f"unfolded_{table}")
    ledger.commit()
    take_in(lake, folder(tmp_path / "node", chain), 1)
    found = held(lake)
    assert same({**by_files, **{table: found[table] for table in TABLES}}, found)
    counted = found["transfer_signatures"].filter(signature="sweep")["blocks"].sum()
    assert counted == chain.tip.height - 152
    assert read_record(lake, REGTEST).tip_height == chain.tip.height


def test_a_snapshot_has_no_signatures_and_the_blocks_after_it_have(tmp_path, chain, by_files):
    from test_snapshot import written

    start = chain.fork(152)
    (tmp_path / "utxo.dat").write_bytes(written(start.tip.hash, start.unspent))
    node, lake = folder(tmp_path / "node", chain), Lake(tmp_path / "lake")
    ingest.from_snapshot(lake, tmp_path / "utxo.dat", node)
    take_in(lake, node, 5)
    after = pl.col("block_height") > 152
    assert_frame_equal(held(lake)["large_transfers"], by_files["large_transfers"].filter(after))
    assert held(lake)["transfer_signatures"].filter(signature="sweep")["blocks"].sum() == chain.tip.height - 152


def test_scripts_of_the_holders_are_of_several_types():
    assert {named(script) for script in SCRIPTS} == {"p2pk", "p2pkh", "p2sh", "p2wsh", "other"}
