"""Which refusals ask for fewer requests, in the words of the providers."""

import pytest

from ingestion.transport.rate_limits import is_rate_limit

LIMITS = [
    (30, "Request timeout on the free tier, please upgrade your tier to the paid one"),
    (-32001, "Unable to complete request at this time."),
    (-32000, "Unable to complete the request at this time"),
    (-32029, "Too Many Requests"),
    (-32029, "slowly, please"),
    (-32007, "50/second request limit reached - reduce calls per second or upgrade your account at quicknode.com"),
    (-32005, "limit exceeded"),
    (-32005, "daily request count exceeded, request rate limited"),
    (-32005, "project ID request rate exceeded"),
    (-32016, "over rate limit"),
    (-32090, "Too many requests, reason: call rate limit exhausted, retry in 10m0s"),
    (-32046, "Cannot fulfill request"),
    (429, "Your app has exceeded its compute units per second capacity."),
    (-32000, "Your app has exceeded its throughput limit"),
    (19, "Temporary internal error. Please retry, trace-id: 1a2b"),
    (-32603, "node is overloaded, try again later"),
    (None, "error code: 1015 You are being rate limited"),
    (None, "Monthly capacity limit exceeded."),
]
OTHERS = [
    (-32005, "query returned more than 10000 results. Try with this block range [0x0, 0x1]."),
    (-32602, "query exceeds max results 20000, retry with the range 1-2"),
    (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    (-32614, "eth_getLogs is limited to a 10,000 range"),
    (-32701, "exceed maximum block range: 50000"),
    (-32005, "logs matched by query exceeds limit of 10000"),
    (35, "ranges over 10000 blocks are not supported on freetier"),
    (-32008, "Response is too big"),
    (-32002, "query timeout exceeded"),
    (-32005, "batch limit exceeded"),
    (-32000, "missing trie node 0a (path ) state 0b is not available"),
    (-32000, "unknown block"),
    (3, "execution reverted: rate limit exceeded"),
    (-32601, "the method eth_getLogs does not exist/is not available"),
    (None, "who are you"),
    (-1, "Block not available (pruned data)"),
]


@pytest.mark.parametrize(("code", "message"), LIMITS)
def test_a_limit_on_requests_is_one_in_whatever_words(code: int | None, message: str) -> None:
    assert is_rate_limit(code, message)


@pytest.mark.parametrize(("code", "message"), OTHERS)
def test_a_limit_on_answers_or_another_refusal_is_none(code: int | None, message: str) -> None:
    assert not is_rate_limit(code, message)
