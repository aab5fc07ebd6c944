"""Snapshots of made chains, against the chain's unspent coins and against its files."""

import random
from collections import Counter
from datetime import UTC, date, datetime
from itertools import accumulate
from pathlib import Path

import polars as pl
import pytest
from holders import grow
from polars.testing import assert_frame_equal

from ingestion.bitcoin import snapshot
from ingestion.bitcoin.errors import WrongNetwork
from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.hashing import sha256d
from ingestion.bitcoin.ledger import CoinLedger
from ingestion.bitcoin.networks import NETWORKS
from ingestion.bitcoin.rows import BLOCKS_DAILY, COIN_CREATED, COIN_FLOW, KINDS, Batch
from ingestion.bitcoin.snapshot import DamagedSnapshot, NotASnapshot, UnknownBase
from ingestion.lake.tables import Lake
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain, Coin
from ingestion.sample.serialization import compact_size, compress_amount, compress_script, varint

REGTEST = NETWORKS["regtest"]
BLOCKS, BASE = 200, 150
MANY = 300


def coin(each: Coin) -> bytes:
    """As Core's Coin::Serialize."""
    code = varint(each.height * 2 + each.is_coinbase)
    return code + varint(compress_amount(each.amount)) + compress_script(each.script)


def written(
    base: bytes, unspent: dict[tuple[bytes, int], Coin], magic: bytes = REGTEST.magic, version: int = 2
) -> bytes:
    """As `dumptxoutset` writes it: transactions by id, their coins by output."""
    by_txid: dict[bytes, list[bytes]] = {}
    for (txid, index), each in sorted(unspent.items()):
        by_txid.setdefault(txid, []).append(compact_size(index) + coin(each))
    header = b"utxo\xff" + version.to_bytes(2, "little") + magic + base + len(unspent).to_bytes(8, "little")
    return header + b"".join(txid + compact_size(len(coins)) + b"".join(coins) for txid, coins in by_txid.items())


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(1_600_000_000)
    grow(chain, BLOCKS - 1, random.Random(5))
    return chain


@pytest.fixture(scope="module")
def folder(chain, tmp_path_factory) -> FileChain:
    path = tmp_path_factory.mktemp("node")
    write_files(path / "regtest" / "blocks", [chain.blocks])
    return FileChain(path, REGTEST)


@pytest.fixture(scope="module")
def at_base(chain) -> Chain:
    return chain.fork(BASE)


@pytest.fixture
def file(at_base, tmp_path) -> Path:
    return saved(tmp_path, written(at_base.tip.hash, at_base.unspent))


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "utxo.dat"
    path.write_bytes(content)
    return path


def days(chain: Chain) -> list[date]:
    return [datetime.fromtimestamp(time, UTC).date() for time in accumulate((b.time for b in chain.blocks), max)]


def cells(created: pl.DataFrame) -> dict[tuple[date, str], tuple[int, int]]:
    return {row[:2]: row[2:] for row in created.select("birth_date", "kind", "amount_sats", "coins").iter_rows()}


@pytest.mark.parametrize("piece", [snapshot.PIECE_BYTES, 10_100])
def test_the_coins_are_those_unspent_at_the_base(file, at_base, folder, monkeypatch, piece):
    monkeypatch.setattr(snapshot, "PIECE_BYTES", piece)
    day = days(at_base)
    amounts, counts = Counter(), Counter()
    for each in at_base.unspent.values():
        key = day[each.height], KINDS[not each.is_coinbase]
        amounts[key] += each.amount
        counts[key] += 1
    calls = []
    batch = snapshot.read(file, folder, lambda *done: calls.append(done))
    assert cells(batch.coin_created) == {key: (amounts[key], counts[key]) for key in counts}
    assert {kind for _, kind in counts} == set(KINDS)
    assert calls[-1] == (len(at_base.unspent), len(at_base.unspent))
    assert len(calls) > 1 or piece == snapshot.PIECE_BYTES


def test_a_transaction_with_many_coins_between_pieces(tmp_path, at_base, folder, monkeypatch):
    monkeypatch.setattr(snapshot, "PIECE_BYTES", 1_000)
    unspent = {(b"\x01" * 32, n): Coin(n, b"\x51", 1, True) for n in range(MANY)}
    batch = snapshot.read(saved(tmp_path, written(at_base.tip.hash, unspent)), folder)
    assert batch.coin_created.select("amount_sats", "coins").rows() == [(MANY * (MANY - 1) // 2, MANY)]


def test_the_batch_stands_for_all_blocks_up_to_the_base(file, at_base, folder):
    batch = snapshot.read(file, folder)
    assert (batch.first_height, batch.last_height, batch.is_finalized) == (0, BASE, True)
    assert batch.last_hash == folder.block_hash(BASE)
    assert (batch.coin_flow.schema, batch.coin_flow.height) == (pl.Schema(COIN_FLOW), 0)
    assert batch.coin_created.schema == COIN_CREATED
    assert batch.blocks_daily.schema == BLOCKS_DAILY
    row = batch.blocks_daily.row(0, named=True)
    assert batch.blocks_daily.height == 1
    assert (row["value_date"], row["first_height"], row["last_height"]) == (days(at_base)[-1], BASE, BASE)
    assert (row["blocks"], row["unfolded_blocks"]) == (0, 0)
    assert {row[name] for name in ("outputs", "fees_sats", "unclaimed_sats", "unspendable_sats", "coinbase_sats")} == {
        None
    }


def remaining(batches: list[Batch], until: date) -> pl.DataFrame:
    """What is left of each birth day and kind at the end of a day."""
    keys = ["birth_date", "kind"]
    flow = pl.concat(batch.coin_flow for batch in batches).filter(pl.col("spend_date") <= until)
    created = pl.concat(batch.coin_created for batch in batches).filter(pl.col("birth_date") <= until)
    left = pl.concat(
        [created.select(*keys, "amount_sats", "coins"), flow.select(*keys, -pl.col("amount_sats"), -pl.col("coins"))]
    )
    return left.group_by(keys).agg(pl.sum("amount_sats", "coins")).filter(pl.col("coins") > 0).sort(keys)


def test_from_its_day_on_it_agrees_with_the_files(file, chain, at_base, folder):
    from_genesis = list(reader.read(folder, None, BLOCKS))
    from_snapshot = [snapshot.read(file, folder), *reader.read(folder, BASE, BLOCKS)]
    later = sorted(set(days(chain)[BASE:]))
    assert len(later) > 3
    for day in later:
        assert_frame_equal(remaining(from_snapshot, day), remaining(from_genesis, day))


def test_a_ledger_starts_with_it(file, folder, tmp_path):
    lake = Lake(tmp_path / "lake")
    CoinLedger(lake, REGTEST).append([snapshot.read(file, folder)], None, BASE)
    ledger = CoinLedger(lake, REGTEST)
    assert ledger.last_common(folder.block_hash) == BASE
    ledger.append(reader.read(folder, BASE, BLOCKS), BASE, BLOCKS)
    blocks = pl.read_parquet(lake.root / "bitcoin" / "blocks_daily" / "*.parquet").sort("first_height")
    assert blocks["first_height"][0] == BASE
    assert blocks["last_height"][-1] == BLOCKS


def test_a_file_that_is_no_snapshot(tmp_path, folder):
    for content in (b"", b"utxo\xff\x02\x00", bytes(200)):
        with pytest.raises(NotASnapshot, match=r"utxo\.dat is not a UTXO snapshot"):
            snapshot.read(saved(tmp_path, content), folder)


@pytest.mark.parametrize("version", [1, 3])
def test_an_unknown_version(tmp_path, at_base, folder, version):
    path = saved(tmp_path, written(at_base.tip.hash, at_base.unspent, version=version))
    with pytest.raises(NotASnapshot, match=f"of version {version} .* only version 2 can be read"):
        snapshot.read(path, folder)


@pytest.mark.parametrize(("magic", "name"), [(NETWORKS["main"].magic, "main"), (b"abcd", "magic 61626364")])
def test_another_network(tmp_path, at_base, folder, magic, name):
    path = saved(tmp_path, written(at_base.tip.hash, at_base.unspent, magic))
    with pytest.raises(WrongNetwork, match=f"of the network {name}, not of regtest"):
        snapshot.read(path, folder)


def test_a_base_that_is_not_on_the_chain(tmp_path, folder):
    path = saved(tmp_path, written(sha256d(b"another"), {}))
    with pytest.raises(UnknownBase, match="which is not on the node's chain: let the node catch up"):
        snapshot.read(path, folder)


@pytest.mark.parametrize("cut", [1, 40, 5_000])
def test_a_torn_file(file, folder, cut):
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(DamagedSnapshot, match=rf"taken at height {BASE}, ends early .* after \d+ of \d+ coins"):
        snapshot.read(file, folder)


def test_a_file_without_its_coins(file, folder):
    file.write_bytes(file.read_bytes()[: snapshot.HEADER_BYTES])
    with pytest.raises(DamagedSnapshot, match=r"ends early .* after 0 of"):
        snapshot.read(file, folder)


def test_a_file_that_goes_on(file, folder):
    file.write_bytes(file.read_bytes() + b"\x00")
    with pytest.raises(DamagedSnapshot, match="continues after its last coin"):
        snapshot.read(file, folder)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Coin(1, b"", 0, False), "not from a block between genesis and the base after 0 of 1 coins"),
        (Coin(1, b"", BASE + 1, False), "not from a block between genesis and the base"),
        (Coin(2_100_000_000_000_001, b"", 1, False), "above 21 million coins"),
    ],
)
def test_coins_that_cannot_be(tmp_path, at_base, folder, bad, words):
    path = saved(tmp_path, written(at_base.tip.hash, {(bytes(32), 0): bad}))
    with pytest.raises(DamagedSnapshot, match=words):
        snapshot.read(path, folder)


@pytest.mark.parametrize("count", [0, 2])
def test_a_transaction_with_a_wrong_count(tmp_path, at_base, folder, count):
    content = written(at_base.tip.hash, {(bytes(32), 0): Coin(1, b"\x51", 1, False)})
    at = snapshot.HEADER_BYTES + 32
    path = saved(tmp_path, content[:at] + compact_size(count) + content[at + 1 :])
    with pytest.raises(DamagedSnapshot, match="more coins than are left, or none"):
        snapshot.read(path, folder)


def test_a_number_no_coin_has_does_not_go_on_forever(tmp_path, at_base, folder, monkeypatch):
    monkeypatch.setattr(snapshot, "PIECE_BYTES", 1_000)
    content = written(at_base.tip.hash, {(bytes(32), 0): Coin(1, b"\x51", 1, False)})
    path = saved(tmp_path, content[: snapshot.HEADER_BYTES + 34] + b"\xff" * 5_000)
    with pytest.raises(DamagedSnapshot, match="cannot be read after 0 of 1 coins"):
        snapshot.read(path, folder)
