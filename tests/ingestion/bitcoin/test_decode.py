import importlib.util

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.bitcoin import decode, signatures
from ingestion.sample import regtest, serialization
from ingestion.sample.regtest import Coin, Input, Output, Transaction

MAX_SATS = 21_000_000 * 10**8
SUBSIDY = 50 * 10**8
ONE, REWARD = (Output(1),), (Output(SUBSIDY),)
# Compiling comes on top the first time.
NO_DEADLINE = settings(deadline=None)
DAYS = np.arange(1001, dtype=np.int32) // 10
scripts = st.one_of(
    st.binary(max_size=300),
    st.binary(min_size=20, max_size=20).map(lambda key: b"\x76\xa9\x14" + key + b"\x88\xac"),
    st.binary(min_size=20, max_size=20).map(lambda key: b"\xa9\x14" + key + b"\x87"),
    st.binary(min_size=32, max_size=32).map(lambda key: serialization.push(b"\x02" + key) + b"\xac"),
    st.binary(min_size=64, max_size=64).map(lambda key: serialization.push(b"\x04" + key) + b"\xac"),
)
coins = st.builds(Coin, st.integers(0, MAX_SATS), scripts, st.integers(1, 1000), st.booleans())
spends = st.lists(st.lists(coins, max_size=4).map(tuple), max_size=4).map(tuple)


def array(data):
    return np.frombuffer(data, dtype=np.uint8)


def block(spent, outputs=ONE, reward=REWARD, witness=()):
    """A block at height 1000 whose transactions spend `spent` and pay `outputs` each."""
    coinbase = Transaction((Input(bytes(32), regtest.FINAL, b"\x00" * 4),), tuple(reward))
    paid = []
    for n, each in enumerate(spent):
        txid = n.to_bytes(32, "little")
        inputs = tuple(Input(txid, m, b"s" * m, witness) for m in range(len(each)))
        paid.append(Transaction(inputs, tuple(outputs)))
    return regtest.solve(1000, bytes(32), 1_600_000_000, (coinbase, *paid), tuple(spent))


def room(transactions=1000):
    """Where `fold_undo` puts script types and what transactions spend."""
    return signatures.empty_scripts(), signatures.room_for_spent(transactions)


def unsigned(transactions=1000):
    """What `read_block` is told of transactions that spend nothing old."""
    spent = signatures.room_for_spent(transactions)
    spent[:] = 0
    return spent


def signed():
    """Where `read_block` puts signatures."""
    return signatures.empty_sums(), signatures.room_for_large()


def folded(undo, height=1000, start=0, end=None, transactions=1000):
    """(status, cells that hold coins, totals)."""
    cells = np.zeros((DAYS[-1] + 1, 2, 2), dtype=np.int64)
    totals = np.zeros(3, dtype=np.int64)
    end = len(undo) if end is None else end
    status = decode.fold_undo(array(undo), start, end, height, DAYS, cells, *room(transactions), totals)
    held = {(int(day), int(kind)): tuple(map(int, cells[day, kind])) for day, kind in np.argwhere(cells[:, :, 1])}
    return status, held, totals.tolist()


def read(data):
    outputs = np.zeros((2, 4), dtype=np.int64)
    transactions, inputs, listed = decode.read_block(array(data), unsigned(), outputs, *signed())
    assert listed == 0
    return (transactions, inputs), outputs.tolist()


@NO_DEADLINE
@given(st.integers(0, 2**55 - 1))
def test_varint_comes_back(number):
    data = serialization.varint(number)
    assert decode.varint(array(data), 0, len(data)) == (number, len(data))
    assert decode.varint(array(data), 0, len(data) - 1)[1] == -1


def test_a_varint_beyond_any_coin_is_refused():
    data = b"\xff" * 30 + b"\x00"
    assert decode.varint(array(data), 0, len(data))[1] == -1


@NO_DEADLINE
@given(st.integers(0, MAX_SATS))
def test_amount_comes_back(sats):
    assert decode.decompress(serialization.compress_amount(sats)) == sats


@NO_DEADLINE
@given(st.integers(0, 20_999_999).map(lambda coins: coins * 10**8))
def test_round_amount_comes_back(sats):
    assert decode.decompress(serialization.compress_amount(sats)) == sats


@NO_DEADLINE
@given(st.integers(MAX_SATS + 1, 10**17))
def test_more_than_21_million_is_refused(sats):
    assert decode.decompress(serialization.compress_amount(sats)) == -1


@NO_DEADLINE
@given(spends)
def test_coins_go_to_their_birth_day_and_kind(spent):
    expected = {}
    for coin in (coin for each in spent for coin in each):
        cell = coin.height // 10, int(not coin.is_coinbase)
        amount, count = expected.get(cell, (0, 0))
        expected[cell] = amount + coin.amount, count + 1
    undo = block(spent).undo
    totals = [len(spent), sum(map(len, spent)), sum(coin.amount for each in spent for coin in each)]
    assert folded(b"before" + undo + b"after", start=6, end=6 + len(undo)) == (decode.OK, expected, totals)


@NO_DEADLINE
@given(spends)
def test_a_record_cut_anywhere_runs_out(spent):
    undo = block(spent).undo
    assert {folded(undo, end=end)[0] for end in range(len(undo))} == {decode.RUNS_OUT}


@NO_DEADLINE
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    assert folded(data)[0] in {decode.OK, *decode.STATUS}
    assert read(bytes(80) + data)[0] >= (-1, -1)
    assert decode.belongs(array(bytes(80) + data), array(data), 0, len(data), SUBSIDY) in (True, False)


@pytest.mark.parametrize(
    ("coin", "status"),
    [
        (Coin(1, b"", 1000, False), decode.OK),
        (Coin(1, b"", 1001, False), decode.LATE_HEIGHT),
        (Coin(1, b"", 0, True), decode.NO_HEIGHT),
        (Coin(MAX_SATS, b"", 1, False), decode.OK),
        (Coin(MAX_SATS + 1, b"", 1, False), decode.TOO_MUCH),
    ],
)
def test_coins_that_cannot_be_are_refused(coin, status):
    assert folded(block(((coin,),)).undo)[0] == status


def test_more_transactions_than_there_is_room_for_are_refused():
    made = block(((Coin(1, b"", 1, False),),) * 3)
    assert [folded(made.undo, transactions=room)[0] for room in (2, 3)] == [decode.TOO_MANY, decode.OK]
    outputs = np.zeros((2, 4), dtype=np.int64)
    assert decode.read_block(array(made.serialized), unsigned(3), outputs, *signed()) == (-1, -1, 0)
    assert decode.read_block(array(made.serialized), unsigned(4), outputs, *signed()) == (4, 3, 0)


def test_bytes_after_the_last_coin_are_refused():
    assert folded(block(((Coin(1, b"", 1, False),),)).undo + b"\x00")[0] == decode.LEFT_OVER


@pytest.fixture
def interpreted(monkeypatch):
    """The same loops uncompiled, so that a read beyond the bytes is an IndexError."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    spec = importlib.util.spec_from_file_location("interpreted_decode", decode.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_read_beyond_the_bytes(interpreted):
    coin = Coin(300, b"s" * 300, 1, False)
    many = block(((coin,) * 300,), witness=(b"w" * 300,))
    blank = unsigned(), np.zeros((2, 4), dtype=np.int64), *signed()
    for made, step in ((many, 997), (block(((coin,), (coin,)), [Output(1, b"s" * 300)]), 1)):
        body, undo = array(made.serialized), array(made.undo)
        for end in range(80, len(body), step):
            assert interpreted.read_block(body[:end], *blank) == (-1, -1, 0)
            assert not interpreted.belongs(body[:end], undo, 0, len(undo), SUBSIDY)
        for end in range(0, len(undo), step):
            cells = np.zeros((1, 2, 2), dtype=np.int64)
            totals = np.zeros(3, dtype=np.int64)
            status = interpreted.fold_undo(undo[:end], 0, end, 1000, DAYS * 0, cells, *room(), totals)
            assert status == interpreted.RUNS_OUT
            assert not interpreted.belongs(body, undo[:end], 0, end, SUBSIDY)
        assert interpreted.belongs(body, undo, 0, len(undo), SUBSIDY)


def test_a_script_that_claims_more_than_there_is_is_refused(interpreted):
    data = block((), reward=[Output(1, b"\x51" * 3)]).serialized
    blank = unsigned(), np.zeros((2, 4), dtype=np.int64), *signed()
    assert interpreted.read_block(array(data), *blank) == (1, 0, 0)
    claimed = data[:-8] + b"\x04"  # the script's length, and nothing after it
    assert interpreted.read_block(array(claimed), *blank) == (-1, -1, 0)


def test_a_number_beyond_any_length_is_refused():
    start = bytes(80) + b"\x01" + bytes([1, 0, 0, 0])
    assert read(start + b"\x00\x00" + bytes(4))[0] == (-1, -1)
    assert read(start + b"\xfe\x00\x00\x00\x00" + b"\x00" + bytes(4))[0] == (1, 0)
    assert read(start + b"\xff" + b"\xff" * 8 + b"\x00" + bytes(4))[0] == (-1, -1)


def test_an_unknown_kind_of_transaction_is_refused():
    data = block((), witness=()).serialized
    segwit = data[:85] + b"\x00\x01" + data[85:-4] + b"\x00" + data[-4:]
    assert read(segwit)[0] == (1, 0)
    assert read(segwit[:86] + b"\x02" + segwit[87:])[0] == (-1, -1)


def test_no_record_belongs_to_a_header_alone():
    """Not even where the header reads as a transaction from the byte before it."""
    header = bytes(3) + b"\x01" + bytes(36) + b"\x00" + bytes(4) + b"\x01" + bytes(8) + b"\x15" + bytes(25)
    assert len(header) == decode.HEADER_BYTES
    assert not decode.belongs(array(header), array(b"\x00"), 0, 1, SUBSIDY)


OUTPUTS = [
    Output(5, b"\x6a\x01x"),
    Output(7, b"\x51" * 10_000),
    Output(11, b"\x51" * 10_001),
    Output(13, b""),
    Output(17, b"\x51\x6a"),
    Output(0),
]


@pytest.mark.parametrize("witness", [(), (b"w" * 300, b"")], ids=["legacy", "segwit"])
def test_outputs_are_added_up_and_the_unspendable_kept_apart(witness):
    coin = Coin(100, b"", 1, False)
    reward = (Output(SUBSIDY), Output(3, b"\x6a"))
    made = block(((coin, coin), (coin,)), OUTPUTS, reward, witness)
    assert read(made.serialized) == (
        (3, 3),
        [[2, SUBSIDY + 3, 1, 3], [12, 2 * 53, 4, 2 * 16]],
    )


@pytest.mark.parametrize("witness", [(), (b"w" * 300, b"")], ids=["legacy", "segwit"])
def test_a_block_cut_anywhere_or_too_long_is_refused(witness):
    coin = Coin(100, b"", 1, False)
    data = block(((coin, coin), (coin,)), witness=witness).serialized
    for end in range(80, len(data)):
        assert read(data[:end])[0] == (-1, -1)
    assert read(data + b"\x00")[0] == (-1, -1)


def test_more_than_252_of_anything_is_counted():
    coin = Coin(1, b"", 1, False)
    made = block(((coin,) * 300,) * 300, [Output(1)] * 260)
    assert read(made.serialized)[0] == (301, 90_000)
    assert folded(made.undo) == (decode.OK, {(0, 1): (90_000, 90_000)}, [300, 90_000, 90_000])


def belongs(made, undo):
    return decode.belongs(array(made.serialized), array(undo), 0, len(undo), SUBSIDY)


def test_a_record_belongs_to_a_block_with_its_inputs_and_amounts():
    rich, poor = Coin(100, b"", 1, False), Coin(9, b"", 1, False)
    made = block(((rich, rich), (rich,)), [Output(10)])
    assert belongs(made, made.undo)
    assert not belongs(made, block(((rich, rich),)).undo)
    assert not belongs(made, block(((rich,), (rich, rich))).undo)
    assert not belongs(made, block(((rich, rich), (poor,))).undo)
    assert not belongs(made, made.undo + b"\x00")
    assert not belongs(made, made.undo[:-1])


def test_a_record_that_cannot_pay_for_the_coinbase_does_not_belong():
    rich, richer = Coin(100, b"", 1, False), Coin(101, b"", 1, False)
    made = block(((richer,),), [Output(10)], [Output(SUBSIDY + 91)])
    assert belongs(made, made.undo)
    assert not belongs(made, block(((rich,),)).undo)
