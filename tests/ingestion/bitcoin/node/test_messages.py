"""Amounts of a node's JSON."""

import gzip
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import amount

from ingestion.bitcoin.decode import MAX_SATS
from ingestion.bitcoin.networks import NETWORKS
from ingestion.bitcoin.node.messages import RPC_BLOCK, sats

RECORDED = Path(__file__).parents[5] / "shared" / "data" / "bitcoin" / "277647.v3.json.gz"


@given(st.integers(0, MAX_SATS))
def test_amounts_are_exact_to_the_satoshi(number):
    decoded = msgspec.json.decode(bytes(amount(number)), type=float)
    assert sats([decoded]).tolist() == [number]


def test_the_greatest_amounts_are_exact():
    numbers = range(MAX_SATS - 10_000, MAX_SATS + 1)
    decoded = [msgspec.json.decode(bytes(amount(number)), type=float) for number in numbers]
    assert sats(decoded).tolist() == list(numbers)


@pytest.mark.skipif(not RECORDED.exists(), reason="no recorded blocks beside the project (../shared)")
def test_block_277647_sums_to_the_satoshi():
    block = RPC_BLOCK.decode(gzip.decompress(RECORDED.read_bytes())).result
    coins = [each.prevout.value for transaction in block.transactions[1:] for each in transaction.vin]
    outputs = [output.value for transaction in block.transactions for output in transaction.vout]
    assert len(coins) == 732
    assert sats(coins).sum() == 175_466_312_176
    assert sats(outputs).sum() == 177_966_312_176 == 175_466_312_176 + NETWORKS["main"].subsidy(block.height)
