"""A provider that refuses for a while, however it says so: the lake is that of an undisturbed read."""

import json
from collections.abc import Callable
from contextlib import closing

import pytest
from loopback import HttpServer, JsonHandler
from simulated import held

from ingestion.evm import ingest
from ingestion.evm.node import Node
from ingestion.evm.provider import Provider
from ingestion.evm.rows import WatchList
from ingestion.lake.tables import Lake
from ingestion.sample import tokens as sample
from ingestion.transport.errors import NodeRefused, NodeUnreachable
from ingestion.transport.rate_limits import LIMIT_SECONDS

IN_A_ROW = 20
CHAIN = sample.Chain(blocks=sample.chain().blocks[:60])
Refusal = tuple[int, dict[str, str], bytes]


def error(code: int, message: str, status: int = 200, **data) -> Refusal:
    answer = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message} | data}
    return status, {}, json.dumps(answer).encode()


RATE = {"data": {"rate": {"allowed_rps": 1, "backoff_seconds": 30, "current_rps": 1.4}, "see": "https://infura.io"}}
REFUSALS = {
    "dRPC": error(30, "Request timeout on the free tier, please upgrade your tier to the paid one"),
    "Alchemy": error(-32001, "Unable to complete request at this time."),
    "-32029": error(-32029, "Too Many Requests"),
    "-32007": error(-32007, "50/second request limit reached - reduce calls per second"),
    "-32005": error(-32005, "limit exceeded"),
    "402": error(-32005, "daily request count exceeded, request rate limited", 402, **RATE),
    "hint": error(-32000, "no", **RATE),
    "429": (429, {}, b""),
    "429 with seconds": (429, {"Retry-After": "7"}, b"slow down"),
    "403 in words": (403, {}, b"error code: 1015 You are being rate limited"),
    "503": (503, {}, b"upstream is gone"),
    "a page": (200, {}, b"<html>Too Many Requests</html>"),
    "bare": (200, {}, b'{"message": "API rate limit exceeded"}'),
    "text": (200, {}, b'{"error": "too many requests"}'),
}
UNKNOWN = {
    "unknown": error(-32000, "the stars are not right"),
    "unknown and 400": error(-32603, "Internal error", 400),
}


class Refusing(HttpServer):
    """The sample's node over HTTP, which refuses the requests that `refuses` says, by method and number so far."""

    def __init__(self, refusal: Refusal, refuses: Callable[[str, int], bool]):
        provider, self.asked = sample.Provider(CHAIN), []
        served = self

        class Handler(JsonHandler):
            def do_POST(self) -> None:
                asked = self.read_json()
                calls = asked if isinstance(asked, list) else [asked]
                served.asked.append(calls[0]["method"])
                if refuses(calls[0]["method"], len(served.asked)):
                    self.reply(refusal[0], refusal[2], refusal[1])
                    return
                found = [provider.answer(each["method"], each["params"]) | {"id": each["id"]} for each in calls]
                self.reply(200, json.dumps(found if isinstance(asked, list) else found[0]).encode())

        super().__init__(Handler)


def read(lake: Lake, refusal: Refusal, refuses: Callable[[str, int], bool], watched: WatchList = sample.WATCHED):
    """What an update did, the requests it made, and its waits in seconds."""
    waits: list[float] = []
    with closing(Refusing(refusal, refuses)) as server:
        provider = Provider(f"http://127.0.0.1:{server.port}", sleep=waits.append, chance=lambda: 1.0)
        with closing(provider):
            return ingest.from_node(lake, Node(provider), watched), server.asked, waits


def first_logs(count: int) -> Callable[[str, int], bool]:
    """Refuses the first requests for logs."""
    left = iter(range(count))
    return lambda method, nth: method == "eth_getLogs" and next(left, None) is not None


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("clean"))
    ingest.from_node(lake, Node(sample.Provider(CHAIN)), sample.WATCHED)
    return lake


@pytest.mark.parametrize("first", [1, 7])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_twenty_refusals_in_a_row_are_waited_for(tmp_path, clean, refusal, first):
    result, _, waits = read(Lake(tmp_path), refusal, lambda method, nth: first <= nth < first + IN_A_ROW)
    assert result.failures == ()
    assert held(Lake(tmp_path)) == held(clean)
    assert 0 < sum(waits) <= LIMIT_SECONDS


@pytest.mark.parametrize("refusal", [*REFUSALS.values(), *UNKNOWN.values()], ids=[*REFUSALS, *UNKNOWN])
def test_twenty_refusals_of_blocks_are_waited_for(tmp_path, clean, refusal):
    result, _, _ = read(Lake(tmp_path), refusal, first_logs(IN_A_ROW))
    assert result.failures == ()
    assert held(Lake(tmp_path)) == held(clean)


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [("-32029", [2, 4, 8, 15, 15]), ("hint", 5 * [30]), ("429 with seconds", [7, 7, 8, 15, 15])],
)
def test_pauses_grow_and_a_providers_own_is_kept(refusal, expected):
    waits: list[float] = []
    with closing(Refusing(REFUSALS[refusal], lambda method, nth: nth <= 5)) as server:
        provider = Provider(f"http://127.0.0.1:{server.port}", sleep=waits.append, chance=lambda: 1.0)
        with closing(provider):
            assert Node(provider).chain_id() == sample.WATCHED.chain_id
    assert waits == expected


@pytest.mark.parametrize("refusal", ["-32029", "429", "402", "a page"])
def test_a_limit_that_lasts_ends_in_the_providers_words(tmp_path, refusal):
    words = {"429": "answers 429", "402": "request rate limited"}.get(refusal, "Too Many Requests")
    with pytest.raises(NodeUnreachable, match=rf"{words}.*: try again later"):
        read(Lake(tmp_path), REFUSALS[refusal], lambda method, nth: nth > 6)


def test_a_block_that_is_refused_for_good_ends_in_the_providers_words(tmp_path):
    with pytest.raises(NodeRefused, match=r"Block 1 cannot be read.*the stars are not right.*: use another provider"):
        read(Lake(tmp_path), UNKNOWN["unknown"], lambda method, nth: method == "eth_getLogs")


def test_a_range_that_holds_too_much_is_halved_without_a_wait(tmp_path, clean):
    many = error(-32005, "query returned more than 10000 results. Try with this block range [0x0, 0x1].")
    _, _, waits = read(Lake(tmp_path), many, first_logs(3))
    assert waits == []
    assert held(Lake(tmp_path)) == held(clean)
