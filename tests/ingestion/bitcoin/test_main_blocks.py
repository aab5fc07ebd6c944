"""Blocks of the main network, where they are available, counted a second time by a plain parser."""

import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from ingestion.bitcoin import decode, signatures
from ingestion.bitcoin.networks import COIN, NETWORKS
from ingestion.bitcoin.node.messages import RPC_BLOCK
from ingestion.bitcoin.node.reader import block_rows
from ingestion.bitcoin.watched import NOTHING
from ingestion.bitcoin.watching import Watching
from ingestion.sample import serialization

BLOCKS = Path(__file__).parents[4] / "shared" / "data" / "bitcoin"
HEIGHTS = [277_647, 413_567, 540_107, 574_200, 702_861]
MAIN = NETWORKS["main"]
CORES_NAMES = {
    "pubkey": signatures.P2PK,
    "pubkeyhash": signatures.P2PKH,
    "scripthash": signatures.P2SH,
    "multisig": signatures.OTHER,
    "nonstandard": signatures.OTHER,
}

pytestmark = pytest.mark.skipif(not BLOCKS.is_dir(), reason="no recorded blocks in ../shared/data/bitcoin")


class Stream(io.BytesIO):
    """Bytes read in the order of Bitcoin's wire format."""

    def number(self, width):
        return int.from_bytes(self.read(width), "little")

    def size(self):
        first = self.number(1)
        return first if first < 253 else self.number({253: 2, 254: 4, 255: 8}[first])

    def run(self):
        return self.read(self.size())

    def varint(self):
        value = 0
        while (byte := self.number(1)) & 0x80:
            value = (value << 7 | byte & 0x7F) + 1
        return value << 7 | byte

    def transaction(self):
        """((txid, index) of each input, (satoshi, script) of each output)."""
        self.read(4)
        count = self.size()
        has_witness = count == 0
        if has_witness:
            assert self.number(1) == 1
            count = self.size()
        inputs = []
        for _ in range(count):
            inputs.append((self.read(32), self.number(4)))
            self.run()
            self.read(4)
        outputs = [(self.number(8), self.run()) for _ in range(self.size())]
        for _ in inputs if has_witness else ():
            for _ in range(self.size()):
                self.run()
        self.read(4)
        return inputs, outputs


def transactions(raw):
    stream = Stream(raw[80:])
    found = [stream.transaction() for _ in range(stream.size())]
    assert stream.read() == b""
    return found


def raw_block(height):
    return (BLOCKS / f"{height}.raw").read_bytes()


def read(raw):
    outputs = np.zeros((2, 4), dtype=np.int64)
    spent = np.zeros_like(signatures.room_for_spent(10_000))
    room = signatures.empty_sums(), signatures.room_for_large()
    return decode.read_block(np.frombuffer(raw, dtype=np.uint8), spent, outputs, *room)[:2], outputs.tolist()


DAYS = np.arange(277_648, dtype=np.int32)
"""Every height is a day of its own."""


def folded(undo):
    """(cells, coins by script type, what transactions spent, totals) of block 277,647."""
    cells, totals = np.zeros((277_648, 2, 2), dtype=np.int64), np.zeros(3, dtype=np.int64)
    scripts, spent = signatures.empty_scripts(), signatures.room_for_spent(10_000)
    assert decode.fold_undo(undo, 0, len(undo), 277_647, DAYS, cells, scripts, spent, totals) == decode.OK
    return cells, scripts, spent, totals


def undo_277647():
    """The undo record of block 277,647, from the coins it spent as btcd keeps them: without Core's version byte."""
    stream = Stream((BLOCKS / "277647.utxostore").read_bytes())
    coins = {}
    while txid := stream.read(32):
        outpoint = txid, stream.number(4)
        coin = Stream(stream.read(stream.number(4)))
        code = coin.varint()
        coins[outpoint] = serialization.varint(code) + b"\x00" + coin.read()
    block = transactions(raw_block(277_647))
    spending = [[coins[each] for each in inputs] for inputs, _ in block[1:]]
    parts = [serialization.compact_size(len(each)) + b"".join(each) for each in spending]
    return serialization.compact_size(len(parts)) + b"".join(parts)


@pytest.mark.parametrize("height", HEIGHTS)
def test_a_block_is_counted_exactly(height):
    raw = raw_block(height)
    coinbase, *others = transactions(raw)
    outputs = [coinbase[1], [output for _, each in others for output in each]]
    lost = [[output for output in each if serialization.is_unspendable(output[1])] for each in outputs]
    assert read(raw) == (
        (1 + len(others), sum(len(inputs) for inputs, _ in others)),
        [
            [len(each), sum(sats for sats, _ in each), len(dead), sum(sats for sats, _ in dead)]
            for each, dead in zip(outputs, lost, strict=True)
        ],
    )


def test_the_sums_of_block_277647_are_exact_to_the_satoshi():
    record = np.frombuffer(undo_277647(), dtype=np.uint8)
    totals = folded(record)[-1]
    (transactions_read, inputs), outputs = read(raw_block(277_647))
    assert totals.tolist() == [transactions_read - 1, 732, 175_466_312_176]
    assert inputs == 732
    assert MAIN.subsidy(277_647) == 25 * COIN
    assert (
        outputs[decode.COINBASE][decode.OUTPUT_SATS] + outputs[decode.TRANSFER][decode.OUTPUT_SATS] == 177_966_312_176
    )
    assert decode.belongs(np.frombuffer(raw_block(277_647), dtype=np.uint8), record, 0, len(record), 25 * COIN)


def test_the_coins_of_block_277647_are_those_of_its_json():
    cells, scripts, _, _ = folded(np.frombuffer(undo_277647(), dtype=np.uint8))
    block = json.loads(gzip.decompress((BLOCKS / "277647.v3.json.gz").read_bytes()), parse_float=Decimal)["result"]
    expected, expected_scripts = np.zeros_like(cells), np.zeros_like(scripts)
    for each in (each["prevout"] for transaction in block["tx"][1:] for each in transaction["vin"]):
        cell = expected[each["height"], 0 if each["generated"] else 1]
        cell += (int(each["value"] * COIN), 1)
        cohort = signatures.LONG if each["height"] <= 277_647 - signatures.LONG_TERM_DAYS else signatures.SHORT
        expected_scripts[cohort, CORES_NAMES[each["scriptPubKey"]["type"]]] += (int(each["value"] * COIN), 1)
    assert (cells == expected).all()
    assert (scripts == expected_scripts).all()


def test_the_signatures_of_block_277647_are_those_of_its_json():
    _, scripts, spent, _ = folded(np.frombuffer(undo_277647(), dtype=np.uint8))
    sums, outputs = signatures.empty_sums(), np.zeros((2, 4), dtype=np.int64)
    raw = np.frombuffer(raw_block(277_647), dtype=np.uint8)
    decode.read_block(raw, spent, outputs, sums, signatures.room_for_large())
    block = RPC_BLOCK.decode(gzip.decompress((BLOCKS / "277647.v3.json.gz").read_bytes())).result
    typed = block_rows(block, DAYS, Watching(NOTHING, MAIN))
    assert sums[:, 0].tolist() == [6, 0, 2, 2, 41]
    assert (sums == typed.sums).all()
    assert (scripts == typed.scripts).all()
