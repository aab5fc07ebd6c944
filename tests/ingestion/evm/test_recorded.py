"""Two whole blocks of Ethereum's main chain as recorded, with the transfers that another decoder found in them."""

import json
from pathlib import Path

import pytest

from ingestion.evm import decode
from ingestion.evm.node import Header
from ingestion.evm.rows import TRANSFER, Token, WatchList

RECORDED = (
    Path(__file__).parents[4] / "shared/data/evm/ethereum-etl/tests/resources/test_stream/blocks_17173049_17173050"
)
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded blocks are not beside the project")


def lines(name: str) -> list[dict]:
    return [json.loads(line) for line in (RECORDED / f"expected_{name}.json").read_text().splitlines()]


@pytest.fixture(scope="module")
def logs() -> list[dict]:
    return lines("logs")


@pytest.fixture(scope="module")
def found(logs):
    logs = [
        {
            "address": log["address"],
            "topics": log["topics"],
            "data": log["data"],
            "blockNumber": hex(log["block_number"]),
            "blockHash": log["block_hash"],
            "blockTimestamp": hex(log["block_timestamp"]),
            "transactionHash": log["transaction_hash"],
            "logIndex": hex(log["log_index"]),
        }
        for log in logs
    ]
    tokens = tuple(Token(address, "any", 0) for address in {log["address"] for log in logs})
    answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": logs}).encode()
    return decode.rows(decode.logs(answer), WatchList("ethereum", 1, tokens), is_final=True)["transfers"]


def of_things(logs: list[dict]) -> set[tuple[int, int]]:
    """Block and index of ERC-721 transfers."""
    return {
        (log["block_number"], log["log_index"])
        for log in logs
        if log["topics"] and log["topics"][0] == TRANSFER and len(log["topics"]) == 4
    }


def test_the_282_transfers_are_those_of_another_decoder_and_the_9_of_things_are_none(logs, found):
    things = of_things(logs)
    expected = {
        (row["block_number"], row["log_index"]): (
            row["token_address"],
            row["from_address"],
            row["to_address"],
            row["value"],
            row["transaction_hash"],
        )
        for row in lines("token_transfers")
        if (row["block_number"], row["log_index"]) not in things
    }
    columns = ("token", "from_address", "to_address", "value_bytes", "transaction_hash")
    ours = {
        (number, index): (token, sender, receiver, int.from_bytes(value, "big"), transaction)
        for number, index, token, sender, receiver, value, transaction in found.select(
            "block_number", "log_index", *columns
        ).iter_rows()
    }
    assert ours == expected
    assert (len(ours), len(things)) == (282, 9)


def test_no_bloom_denies_a_log_that_is_there(logs):
    headers = {
        block["number"]: Header(hex(block["number"]), block["hash"], "", "0x0", block["logs_bloom"])
        for block in lines("blocks")
    }
    for log in logs:
        for topic in log["topics"][:1]:
            assert headers[log["block_number"]].may_hold([(log["address"], topic)])


def test_blooms_deny_most_of_what_is_not_there(logs):
    block, *_ = lines("blocks")
    header = Header(hex(block["number"]), block["hash"], "", "0x0", block["logs_bloom"])
    strangers = [f"0x{n:040x}" for n in range(200)]
    assert sum(header.may_hold([(address, TRANSFER)]) for address in strangers) < 50
