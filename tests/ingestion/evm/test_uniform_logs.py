"""Answers that are split give the same logs as JSON, and only answers of uniform logs are split."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.evm import decode, uniform_logs
from ingestion.evm.errors import AnswerRefused

digits = st.text("0123456789abcdefABCDEF", max_size=70).map("0x".__add__)


def log(number: int, **other) -> dict:
    return {
        "address": "0x" + 40 * "a",
        "topics": [f"0x{number:064x}", f"0x{number + 1:064x}"],
        "data": f"0x{number:x}",
        "blockHash": "0x" + 64 * "1",
        "blockNumber": hex(number),
        "logIndex": hex(number),
        "transactionHash": "0x" + 64 * "2",
        "removed": False,
    } | other


def answer(*logs: dict, **other) -> bytes:
    return json.dumps({"id": 1, "result": logs} | other, separators=(",", ":")).encode()


def by_json(body: bytes) -> list[dict]:
    """The logs as Python reads them; absent keys are None."""
    return [{key: log.get(key) for key in decode._LOG} for log in json.loads(body)["result"]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4).flatmap(lambda n: st.lists(st.lists(digits, min_size=n, max_size=n), max_size=5)), digits)
def test_what_is_cut_is_what_json_says(topics, data):
    logs = [log(n, topics=each, data=data[: 2 + n]) for n, each in enumerate(topics)]
    body = answer(*logs, jsonrpc="2.0")
    assert decode._read(body).rows(named=True) == by_json(body)
    assert (uniform_logs.cut(body) is None) == (not logs)


@pytest.mark.parametrize(
    "odd",
    [
        log(7, topics=["0x1"]),
        log(7, removed=True),
        log(7, blockTimestamp="0x5"),
        log(7, blockHash=None),
        log(7, data='0x"'),
        log(7, data="0x\n"),
        log(7, data="0xé"),
        dict(reversed(log(7).items())),
        log(7) | {"logs": [log(8)]},
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_log_unlike_the_others_has_all_read_as_json(odd, at):
    logs = [log(1), log(2)]
    logs.insert(at, odd)
    body = json.dumps({"result": logs}, separators=(",", ":"), ensure_ascii=False).encode()
    assert uniform_logs.cut(body) is None
    assert decode._read(body).rows(named=True) == by_json(body)


def test_the_first_log_cut_has_to_be_the_first_log_read():
    body = answer(*(log(n, topics=["0x1", "none", "0x2"]) for n in range(3)))
    assert uniform_logs.cut(body) is not None
    assert decode._read(body).rows(named=True) == by_json(body)


@pytest.mark.parametrize("end", [1, 2, 3, 30, 700])
def test_an_answer_that_is_cut_short_is_refused(end):
    body = answer(*(log(n) for n in range(3)))
    with pytest.raises(AnswerRefused, match="cut short"):
        decode.logs(body[:-end])


@pytest.mark.parametrize("between", [b"},,{", b"}{", b"},{},{", b"}, {"])
def test_what_stands_between_logs_is_compared_too(between):
    assert uniform_logs.cut(answer(log(1), log(2), log(3)).replace(b"},{", between, 1)) is None


def test_an_error_beside_logs_is_an_error():
    with pytest.raises(AnswerRefused, match="error 5: half of it"):
        decode.logs(answer(log(1), log(2), error={"code": 5, "message": "half of it"}))


@pytest.mark.parametrize("bare", [{}, {"address": None}, {"data": ""}])
def test_logs_without_numbers_are_read_as_json(bare):
    assert uniform_logs.cut(answer(bare, bare)) is None
    with pytest.raises(AnswerRefused, match="without a block"):
        decode.logs(answer(bare, bare))
