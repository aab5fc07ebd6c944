"""Answers of JSON-RPC, and errors as providers and gateways write them."""

import pytest

from ingestion.evm import json_rpc
from ingestion.evm.errors import AnswerRefused

LIMIT = b'"error": {"code": -32005, "message": "limit exceeded"}'


@pytest.mark.parametrize(
    ("body", "words", "code"),
    [
        (b'{"id": 1, %b}' % LIMIT, "error -32005: limit exceeded", -32005),
        (b'{"id": null, "result": null, %b}' % LIMIT, "error -32005: limit exceeded", -32005),
        (b'{"error": {"code": "-32005", "message": "no"}}', "error -32005: no", None),
        (b'{"error": "too many requests"}', "error None: too many requests", None),
        (b'{"error": {"message": null}}', "error None: {'message': None}", None),
        (b'{"message": "API rate limit exceeded"}', "error None: API rate limit exceeded", None),
        (b'{"code": 429, "message": "slow down"}', "error 429: slow down", 429),
        (b'{"id": 1}', "neither a result nor an error", None),
        (b"<html>Too Many Requests</html>", "not a node's .<html>Too Many Requests</html>", None),
        (b"[" * 100_000, "not a node's", None),
        (b'{"result": ' + b"[" * 100_000, "not a node's", None),
        (b'{"id": 1, "result": "0x1', "cut short, or not a node's$", None),
        (b"", "cut short", None),
    ],
)
def test_an_answer_without_a_result_is_refused_in_its_words(body, words, code):
    with pytest.raises(AnswerRefused, match=words) as caught:
        json_rpc.result(body, str | None)
    assert caught.value.code == code


def test_a_null_result_is_one():
    assert json_rpc.result(b'{"id": 1, "result": null}', str | None) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'[{"id": 0, "result": "a"}, {"id": null, %b}]' % LIMIT, "limit exceeded"),
        (b"{%b}" % LIMIT, "limit exceeded"),
        (b'[{"id": 0, "result": "a"}]', "a batch is not one"),
        (b'[{"id": 0, "result": "a"}, {"id": 0, "result": "b"}]', "a batch is not one"),
        (b'[{"id": null, "result": "a"}, {"id": "x", "result": "b"}]', "which call is which"),
        (b'[{"id": 0, "result": "a"}, {"id": 1}]', "neither a result nor an error"),
    ],
)
def test_a_batch_is_answered_call_by_call_or_refused(body, words):
    with pytest.raises(AnswerRefused, match=words):
        json_rpc.results(body, 2, str)


def test_a_batch_is_put_in_order():
    assert json_rpc.results(b'[{"id": 1, "result": "b"}, {"id": 0, "result": "a"}]', 2, str) == ["a", "b"]
