"""Logs decoded in columns: shapes distinguished, amounts exact to the last unit, against web3's own decoding by ABI."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.evm import decode
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.rows import EVENTS, LIQUIDATION_CALL, SWAP, TRANSFER, Contract, Token, WatchList
from ingestion.sample import tokens as sample

COIN, POOL, VAULT = sample.BITCOIN.address, sample.LENDER.address, sample.VAULT.address
ANN, BOB = "0x" + 40 * "a", "0x" + 40 * "b"
AT = datetime(2025, 11, 3, 23, 59, 59, tzinfo=UTC)
WATCHED = WatchList(
    "anvil",
    31337,
    (Token(COIN, "SIMBTC", 8),),
    (Contract(POOL, "aave_v3", "aave_v3_pool"), Contract(VAULT, "balancer_v2", "balancer_v2_vault")),
)
MAX_UNITS = 10**38 - 1

uint256 = st.one_of(st.integers(0, 2**256 - 1), st.integers(MAX_UNITS - 9, MAX_UNITS + 9), st.integers(0, 2**129))
int256 = st.one_of(st.integers(-(2**255), 2**255 - 1), uint256.map(lambda n: -n).filter(lambda n: n >= -(2**255)))


def word(number: int) -> str:
    return f"{number % 2**256:064x}"


def log(address: str, topics: list[str], *words: int, **other) -> dict:
    return {
        "address": address,
        "topics": [topic if len(topic) == 66 else "0x" + topic[2:].rjust(64, "0") for topic in topics],
        "data": "0x" + "".join(map(word, words)),
        "blockNumber": "0x10",
        "blockHash": "0x" + 64 * "1",
        "blockTimestamp": hex(int(AT.timestamp())),
        "transactionHash": "0x" + 64 * "2",
        "transactionIndex": "0x0",
        "logIndex": "0x0",
        "removed": False,
    } | other


def body(*logs: dict) -> bytes:
    numbered = [each | {"logIndex": hex(n)} for n, each in enumerate(logs)]
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": numbered}).encode()


def rows(*logs: dict) -> dict[str, pl.DataFrame]:
    return decode.rows(decode.logs(body(*logs)), WATCHED, is_final=True)


def test_no_log_at_all_gives_tables_without_rows():
    found = rows()
    assert {table: frame.schema for table, frame in found.items()} == {
        table: pl.Schema(schema) for table, schema in EVENTS.items()
    }
    assert not any(frame.height for frame in found.values())


def test_a_transfer_has_its_block_its_day_and_its_parties():
    (found,) = rows(log(COIN, [TRANSFER, ANN, BOB], 7))["transfers"].rows(named=True)
    assert found == {
        "network": "anvil",
        "chain_id": 31337,
        "token": COIN,
        "block_number": 16,
        "block_hash": "0x" + 64 * "1",
        "log_index": 0,
        "value_date": date(2025, 11, 3),
        "transaction_hash": "0x" + 64 * "2",
        "from_address": ANN,
        "to_address": BOB,
        "value_bytes": (7).to_bytes(32, "big"),
        "amount_units": 7,
        "is_overflow": False,
        "is_final": True,
    }


def test_addresses_and_hashes_are_in_lower_case_whatever_the_node_writes():
    loud = log(COIN.upper().replace("0X", "0x"), [TRANSFER, ANN.upper().replace("0X", "0x"), BOB], 7)
    (found,) = rows(loud | {"blockHash": "0x" + 64 * "A"})["transfers"].rows(named=True)
    assert (found["token"], found["from_address"], found["block_hash"]) == (COIN, ANN, "0x" + 64 * "a")


def test_three_shapes_of_transfer_are_raw_apart():
    standard = log(COIN, [TRANSFER, ANN, BOB], 7)
    of_one_thing = log(COIN, [TRANSFER, ANN, BOB, "0x" + word(8)])
    old = log(COIN, [TRANSFER], int(BOB, 16), int(ANN, 16), 9)
    odd = log(COIN, [TRANSFER, ANN, BOB], 7, 7)
    found = rows(standard, of_one_thing, old, odd)["transfers"]
    columns = ("log_index", "from_address", "to_address", "amount_units")
    assert found.select(columns).rows() == [(0, ANN, BOB, 7), (2, BOB, ANN, 9)]


@settings(deadline=None)  # a busy machine is no failure
@given(uint256)
def test_amounts_are_exact_or_flagged(units):
    (found,) = rows(log(COIN, [TRANSFER, ANN, BOB], units))["transfers"].rows(named=True)
    assert int.from_bytes(found["value_bytes"], "big") == units
    assert found["is_overflow"] == (units > MAX_UNITS)
    assert found["amount_units"] == (units if units <= MAX_UNITS else None)


@settings(deadline=None)
@given(int256)
def test_changes_have_their_sign(delta):
    (found,) = rows(_as_json(sample.internal_balance(VAULT, ANN, COIN, delta)))["vault_changes"].rows(named=True)
    assert found["delta_units"] == (delta if abs(delta) <= MAX_UNITS else None)


def _as_json(event: sample.Log) -> dict:
    return log(event.address, list(event.topics), *event.words)


@pytest.fixture(scope="module")
def by_abi():
    """web3's decoding of a log by the ABI of its event."""
    from web3 import Web3

    def argument(text: str) -> dict:
        kind, *indexed, name = text.split()
        return {"type": kind, "indexed": bool(indexed), "name": name}

    def read(name: str, arguments: str, raw: dict) -> dict:
        inputs = [argument(each) for each in arguments.split(", ")]
        abi = [{"type": "event", "name": name, "anonymous": False, "inputs": inputs}]
        event = Web3().eth.contract(abi=abi).events[name]()
        numbers = {key: int(raw[key], 16) for key in ("blockNumber", "logIndex", "transactionIndex")}
        return dict(event.process_log(raw | numbers)["args"])

    return read


def test_a_liquidation_is_what_its_abi_says(by_abi):
    raw = _as_json(sample.liquidation(POOL, COIN, BOB, ANN, 2**100, 345, "0x" + 40 * "c"))
    theirs = by_abi(
        "LiquidationCall",
        "address indexed collateralAsset, address indexed debtAsset, address indexed user, uint256 debtToCover, "
        "uint256 liquidatedCollateralAmount, address liquidator, bool receiveAToken",
        raw,
    )
    (ours,) = rows(raw)["liquidations"].rows(named=True)
    assert (ours["protocol"], ours["contract"]) == ("aave_v3", POOL)
    assert ours["collateral_token"] == theirs["collateralAsset"].lower()
    assert ours["debt_token"] == theirs["debtAsset"].lower()
    assert ours["user_address"] == theirs["user"].lower()
    assert ours["liquidator_address"] == theirs["liquidator"].lower()
    assert ours["collateral_units"] == theirs["liquidatedCollateralAmount"] == 345
    assert ours["debt_units"] == theirs["debtToCover"] == 2**100


def test_a_swap_is_two_rows_of_what_its_abi_says(by_abi):
    raw = _as_json(sample.swap(VAULT, sample.POOL_ID, BOB, COIN, 12, 2**90))
    theirs = by_abi(
        "Swap",
        "bytes32 indexed poolId, address indexed tokenIn, address indexed tokenOut, uint256 amountIn, "
        "uint256 amountOut",
        raw,
    )
    ours = rows(raw)["vault_changes"].select("leg", "kind", "user_address", "token", "delta_units").rows()
    pool = "0x" + theirs["poolId"].hex()[:40]
    assert ours == [
        (0, "swap", pool, theirs["tokenIn"].lower(), theirs["amountIn"]),
        (1, "swap", pool, theirs["tokenOut"].lower(), -theirs["amountOut"]),
    ]


def test_an_internal_balance_is_what_its_abi_says(by_abi):
    raw = _as_json(sample.internal_balance(VAULT, ANN, COIN, -(2**99)))
    theirs = by_abi("InternalBalanceChanged", "address indexed user, address indexed token, int256 delta", raw)
    ours = rows(raw)["vault_changes"].select("leg", "kind", "user_address", "token", "delta_units").rows()
    assert ours == [(0, "internal_balance", theirs["user"].lower(), theirs["token"].lower(), theirs["delta"])]


def test_a_contract_gives_only_the_rows_of_its_own_kind():
    assert not rows(log(COIN, [SWAP, ANN, ANN, BOB], 1, 2))["vault_changes"].height
    assert not rows(log(POOL, [TRANSFER, ANN, BOB], 1))["transfers"].height
    assert not rows(log(COIN, [LIQUIDATION_CALL, ANN, ANN, BOB], 1, 2, 3, 0))["liquidations"].height


def test_only_the_events_asked_for_stay():
    found = decode.logs(body(log(COIN, [TRANSFER, ANN, BOB], 1), log(POOL, [TRANSFER, ANN, BOB], 2), log(ANN, [])))
    assert decode.filter_pairs(found, [(COIN, TRANSFER), (POOL, SWAP)])["address"].to_list() == [COIN]


def test_a_log_raw_twice_is_one():
    raw = log(COIN, [TRANSFER, ANN, BOB], 7)
    answer = json.dumps({"result": [raw, raw]}).encode()
    assert decode.logs(answer).height == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (body(log(COIN, [TRANSFER, ANN, BOB], 7))[:-20], "cut short"),
        (b"", "the answer is empty"),
        (b"\xff\xfe", "cut short"),
        (b"<html>502</html>", "cut short"),
        (b'{"result": "0x"}', "cut short"),
        (b'{"id": 1}', "neither logs nor an error"),
        (b'{"error": {"code": -32005, "message": "too many results"}}', "error -32005: too many results"),
        (body(log(COIN, [TRANSFER, ANN, BOB], 7, removed=True)), "a reorg removed"),
        (body(log(COIN, [TRANSFER, ANN, BOB], 7, blockHash=None)), "without a block"),
        (body(log(COIN, [TRANSFER, ANN, BOB], 7, blockNumber="latest")), "without a block"),
        (body(log(COIN, [TRANSFER, ANN, BOB], 7, data="0xzz" + 62 * "0")), "not in hexadecimal digits"),
        (body(log(COIN, [TRANSFER, "0x" + 64 * "z", BOB], 7)), "not in hexadecimal digits"),
    ],
)
def test_what_cannot_be_trusted_is_refused(answer, reason):
    with pytest.raises(AnswerRefused, match=reason):
        decode.logs(answer)
