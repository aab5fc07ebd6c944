"""A node's own files against its own engine."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

import numpy as np
import pbk
import polars as pl
import pytest
from engine import Engine

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.files import reader
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.networks import NETWORKS
from ingestion.sample.serialization import is_unspendable

REGTEST = NETWORKS["regtest"]
STATES = ["before", "after"]
CHAIN_TYPES = {
    "main": pbk.ChainType.MAINNET,
    "signet": pbk.ChainType.SIGNET,
    "testnet4": pbk.ChainType.TESTNET_4,
    "regtest": pbk.ChainType.REGTEST,
}


def kind(is_coinbase):
    return "coinbase" if is_coinbase else "transfer"


def days(node):
    return [datetime.fromtimestamp(time, UTC).date() for time in accumulate((b.time for b in node.blocks), max)]


def summed(coins):
    """{key: (satoshi, coins)} of (key, satoshi) pairs."""
    amounts, counts = Counter(), Counter()
    for key, amount in coins:
        amounts[key] += amount
        counts[key] += 1
    return {key: (amounts[key], counts[key]) for key in counts}


def as_map(frame, *key):
    return {row[:-2]: row[-2:] for row in frame.select(*key, "amount_sats", "coins").iter_rows()}


def read_all(node, finalize_until, **options):
    batches = list(reader.read(FileChain(node.datadir, REGTEST), None, finalize_until, **options))
    return [
        pl.concat(getattr(batch, name) for batch in batches) for name in ("coin_flow", "coin_created", "blocks_daily")
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_the_engines(name, tmp_path):
    network = NETWORKS[name]
    engine = Engine(tmp_path / network.folder, CHAIN_TYPES[name])
    assert [each[::-1].hex() for each in engine.hashes()] == [network.genesis]
    folder = FileChain(tmp_path, network)
    assert (folder.tip_height, folder.block_hash(0)) == (0, network.genesis)


@pytest.mark.parametrize("state", STATES)
def test_the_chain_is_the_engines(nodes, state):
    node = nodes[state]
    folder = FileChain(node.datadir, REGTEST)
    assert [folder.block_hash(height) for height in range(folder.tip_height + 1)] == [
        block.hash[::-1].hex() for block in node.blocks
    ]


@pytest.mark.parametrize("state", STATES)
def test_every_coin_spent_is_the_engines(nodes, state):
    node = nodes[state]
    folder = FileChain(node.datadir, REGTEST)
    undo, places = folder.undo(0)
    heights = np.arange(folder.tip_height + 1, dtype=np.int32)
    assert sum(map(len, node.spent)) > 500
    for height, spent in enumerate(node.spent[1:], start=1):
        cells = np.zeros((height + 1, 2, 2), dtype=np.int64)
        rest = signatures.empty_scripts(), signatures.room_for_spent(1_000), np.zeros(3, dtype=np.int64)
        assert decode.fold_undo(undo, *places[height], height, heights, cells, *rest) == decode.OK
        read = {(int(birth), int(k)): tuple(cells[birth, k]) for birth, k in np.argwhere(cells[:, :, decode.COINS])}
        assert read == summed(((birth, int(not is_coinbase)), amount) for birth, amount, is_coinbase in spent)


@pytest.mark.parametrize("state", STATES)
def test_flow_by_block_and_by_day_is_the_engines(nodes, state):
    node = nodes[state]
    day = days(node)
    spent = [(height, *coin) for height, coins in enumerate(node.spent) for coin in coins]
    by_block = read_all(node, -1)[0]
    assert as_map(by_block, "height", "spend_date", "birth_date", "kind") == summed(
        ((height, day[height], day[birth], kind(cb)), amount) for height, birth, amount, cb in spent
    )
    by_day = read_all(node, len(node.blocks))[0]
    assert as_map(by_day, "spend_date", "birth_date", "kind") == summed(
        ((day[height], day[birth], kind(cb)), amount) for height, birth, amount, cb in spent
    )


@pytest.mark.parametrize("state", STATES)
def test_created_coins_are_the_outputs_that_can_be_spent(nodes, state):
    node = nodes[state]
    day = days(node)
    created = summed(
        ((day[block.height], kind(n == 0)), output.amount)
        for block in node.blocks[1:]
        for n, transaction in enumerate(block.transactions)
        for output in transaction.outputs
        if not is_unspendable(output.script)
    )
    assert as_map(read_all(node, len(node.blocks))[1], "birth_date", "kind") == created


@pytest.mark.parametrize("state", STATES)
def test_blocks_are_counted(nodes, state):
    node = nodes[state]
    found = read_all(node, -1)[2].sort("height")
    transactions = [block.transactions for block in node.blocks]
    outputs = [[output for each in block for output in each.outputs] for block in transactions]
    fees = [
        sum(amount for _, amount, _ in spent) - sum(output.amount for each in block[1:] for output in each.outputs)
        for spent, block in zip(node.spent, transactions, strict=True)
    ]
    reward = [sum(output.amount for output in block[0].outputs) for block in transactions]
    subsidy = [50 * 10**8 >> height // 150 for height in range(len(node.blocks))]
    lost = [sum(output.amount for output in each if is_unspendable(output.script)) for each in outputs]
    expected = {
        "transactions": [len(block) for block in transactions],
        "spends": [len(spent) for spent in node.spent],
        "outputs": [len(each) for each in outputs],
        "fees_sats": fees,
        "subsidy_sats": subsidy,
        "unclaimed_sats": [s + f - r for s, f, r in zip(subsidy, fees, reward, strict=True)],
        "unspendable_sats": [subsidy[0], *lost[1:]],
        "coinbase_sats": reward,
    }
    assert found.select(*expected).to_dict(as_series=False) == expected
    assert sum(expected["unclaimed_sats"]) > 0
    assert sum(lost) > 0


@pytest.mark.parametrize("state", STATES)
def test_each_day_supply_grows_by_what_was_issued_and_can_be_spent(nodes, state):
    flow, created, blocks = read_all(nodes[state], len(nodes[state].blocks))
    growth = created.group_by(day="birth_date").agg(born=pl.sum("amount_sats"))
    growth = growth.join(flow.group_by(day="spend_date").agg(spent=pl.sum("amount_sats")), on="day", how="left")
    growth = growth.join(blocks, left_on="day", right_on="value_date", how="right").fill_null(0)
    issued = pl.col("subsidy_sats") - pl.col("unclaimed_sats") - pl.col("unspendable_sats")
    assert growth.filter(pl.col("born") - pl.col("spent") != issued).is_empty()


def test_days_never_fall_though_header_times_do(nodes):
    node = nodes["before"]
    folder = FileChain(node.datadir, REGTEST)
    times = [block.time for block in node.blocks]
    assert any(later < earlier for earlier, later in pairwise(times))
    first = datetime(1970, 1, 1).date() + timedelta(days=folder.first_day)
    assert [first + timedelta(days=int(day)) for day in folder.day_of_height] == days(node)
