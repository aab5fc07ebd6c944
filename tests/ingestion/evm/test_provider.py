"""Requests to a provider: what is retried and for how long, what its messages become, and what is never shown."""

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from loopback import HttpServer, JsonHandler, bomb, drip, serving

from ingestion.errors import UsageError
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.node import Node
from ingestion.evm.provider import BOUNDS, Provider
from ingestion.transport.errors import NodeRefused, NodeUnreachable
from ingestion.transport.session import Cause, NoResponse

KEY = "sEcr3tK3y0123456789"
GOOD = b'{"jsonrpc": "2.0", "id": 0, "result": "0x1"}'
Reply = tuple[int, dict[str, str], bytes]


class Server(HttpServer):
    """Gives the replies of a list in their order, the last one for ever; with a status of 0 it hangs up."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.asked: list[dict] = []
        server = self

        class Handler(JsonHandler):
            def do_POST(self) -> None:
                server.asked.append(self.read_json())
                status, headers, body = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
                if status:
                    self.reply(status, body, headers)
                else:
                    self.close_connection = True

        super().__init__(Handler)
        self.host = f"127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(served) -> Server:
    served.asked.clear()
    return served


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def ask(server, waits) -> Iterator[Callable]:
    """Requests the chain's id from a provider whose address has a key in it."""
    made = []

    def ask(*replies: Reply, is_patient: bool = True, chance: float = 1.0, read: Callable = bytes):
        server.replies = list(replies)
        url = f"http://user:{KEY}-p@{server.host}/v3/{KEY}?apikey={KEY}%2Bq"
        made.append(
            Provider(
                url, attempts=4, bounds=replace(BOUNDS, silence_seconds=2), sleep=waits.append, chance=lambda: chance
            )
        )
        return made[-1].ask("eth_chainId", [], read, is_patient)

    yield ask
    for provider in made:
        provider.close()


def test_an_answer_comes_as_its_bytes(ask):
    assert ask((200, {}, GOOD)) == GOOD


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_passing_failure_is_tried_again_after_longer_and_longer_waits(ask, waits, status):
    assert ask((status, {}, b""), (status, {}, b""), (status, {}, b""), (200, {}, GOOD)) == GOOD
    assert waits == [2, 4, 8]


def test_waits_are_shortened_by_chance_so_that_not_all_come_at_once(ask, waits):
    ask((503, {}, b""), (200, {}, GOOD), chance=0.0)
    assert waits == [1]


def test_a_provider_says_itself_how_long_to_wait(ask, waits):
    ask((429, {"Retry-After": "7"}, b""), (200, {}, GOOD))
    assert waits == [7]


def test_a_wait_of_just_the_bound_is_waited_for(ask, waits):
    ask((429, {"Retry-After": "120"}, b""), (200, {}, GOOD))
    assert waits == [120]


def test_a_wait_that_is_too_long_ends_in_a_sentence(ask, waits):
    with pytest.raises(NodeUnreachable, match=r"answers 429 .* try again in 10 minutes"):
        ask((429, {"Retry-After": "600"}, b"quota"))
    assert waits == []


def test_a_limit_on_requests_is_waited_for_even_where_a_smaller_one_may_help(ask, waits):
    assert ask((429, {}, b""), (200, {}, GOOD), is_patient=False) == GOOD
    assert len(waits) == 1


def test_a_limit_on_requests_may_be_told_in_json(ask, waits):
    def read(body: bytes) -> bytes:
        if len(waits) < 2:
            raise AnswerRefused("error -32005: rate limit exceeded", is_passing=False)
        return body

    assert ask((200, {}, GOOD), read=read, is_patient=False) == GOOD
    assert len(waits) == 2


@pytest.mark.parametrize("status", [413, 400, 500, 504])
def test_what_a_smaller_request_may_cure_is_not_tried_again_as_it_was(ask, waits, status):
    with pytest.raises(AnswerRefused, match=f"answers {status} .query timed out."):
        ask((status, {}, b"query timed out"), is_patient=False)
    assert waits == []


def test_a_body_that_is_cut_is_tried_again_or_left_to_a_smaller_request(ask, waits):
    cut = (200, {"Content-Length": "1000"}, GOOD)
    assert ask(cut, (200, {}, GOOD)) == GOOD
    assert len(waits) == 1
    with pytest.raises(AnswerRefused, match="broke off or garbled"):
        ask(cut, is_patient=False)


def test_an_answer_that_cannot_be_read_is_asked_for_again(server, waits):
    server.replies = [(200, {}, GOOD[:-10]), (200, {}, GOOD)]
    provider = Provider(f"http://{server.host}", sleep=waits.append)
    assert Node(provider).chain_id() == 1
    assert len(waits) == 1
    provider.close()


def test_an_error_of_the_node_is_not_asked_for_again_and_told_in_its_words(server, waits):
    server.replies = [(200, {}, b'{"id": 0, "error": {"code": -32601, "message": "no such method"}}')]
    provider = Provider(f"http://{server.host}", sleep=waits.append)
    with pytest.raises(AnswerRefused, match="error -32601: no such method"):
        Node(provider).chain_id()
    assert waits == []
    provider.close()


def test_an_answer_that_unpacks_to_too_much_is_left_to_a_smaller_request(waits):
    bounds = replace(BOUNDS, max_bytes=1_000_000)
    with serving(bomb()) as url, closing(Provider(url, bounds=bounds, sleep=waits.append)) as provider:
        with pytest.raises(AnswerRefused, match=r"serves more than 1,000,000 bytes$") as caught:
            provider.ask("eth_getLogs", [], bytes)
        assert not caught.value.is_passing
    assert waits == []


def test_an_answer_that_drips_is_given_up(waits):
    bounds = replace(BOUNDS, total_seconds=0.3)
    with serving(drip()) as url, closing(Provider(url, bounds=bounds, sleep=waits.append)) as provider:
        words = r"did not finish its answer within 0\.3 s: check the connection, or use another provider\."
        with pytest.raises(NodeUnreachable, match=words):
            provider.ask("eth_getLogs", [], bytes)
    assert waits == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_at_once(ask, waits, status):
    with pytest.raises(NodeRefused, match=rf"answers {status} \(who are you\): check the key"):
        ask((status, {}, b"who are you"))
    assert waits == []


def test_a_provider_that_is_not_there_is_named(waits):
    provider = Provider("http://127.0.0.1:9", attempts=2, sleep=waits.append)
    with pytest.raises(NodeUnreachable, match=r"http://127\.0\.0\.1:9 could not be reached"):
        provider.ask("eth_chainId", [], bytes)
    assert len(waits) == 1


@pytest.mark.parametrize("url", ["", "127.0.0.1:8545", "ws://127.0.0.1", "http://", "http://host:port"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="must be like http"):
        Provider(url)


@pytest.mark.parametrize(
    "reply",
    [
        (0, {}, b""),
        (400, {}, f"no project {KEY} for /v3/{KEY}?apikey={KEY}+q".encode()),
        (401, {}, f"bad key {KEY}".encode()),
        (500, {}, f"user:{KEY}-p is unknown".encode()),
        (400, {}, b"x" * (200 - len(KEY) // 2) + KEY.encode()),
        (302, {"Location": f"http://elsewhere/{KEY}"}, b""),
    ],
)
def test_a_key_is_never_shown(ask, server, reply, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Exception, match=server.host) as caught:
        ask(reply)
    error: BaseException | None = caught.value
    while error:
        assert KEY[:8] not in str(error) + repr(error)
        error = error.__cause__ or error.__context__
    assert KEY not in caplog.text


def test_no_more_requests_are_under_way_than_may_be(server):
    under_way, most, counting = 0, 0, threading.Lock()

    class Counting(Provider):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            self._session.request = self.request

        def request(self, *given, **named):
            nonlocal under_way, most
            with counting:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.01)
            with counting:
                under_way -= 1
            return NoResponse(Cause.INVALID, "")

    provider = Counting(f"http://{server.host}", in_flight=3)
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(provider.ask, "eth_chainId", [], bytes) for _ in range(24)]
    assert all(isinstance(each.exception(), NodeUnreachable) for each in asked)
    assert most == 3


def test_a_redirect_is_not_followed_with_the_key(ask, server):
    with pytest.raises(AnswerRefused, match="answers 307"):
        ask((307, {"Location": f"http://{server.host}/elsewhere"}, b""), (200, {}, GOOD))
    assert len(server.asked) == 1


def test_a_key_is_not_shown_by_what_web3_says_of_itself(server, caplog):
    from web3 import Web3

    caplog.set_level(logging.DEBUG)
    server.replies = [(200, {}, GOOD)]
    provider = Provider(f"http://{server.host}/v3/{KEY}")
    assert Web3(provider).eth.chain_id == 1
    assert KEY not in caplog.text + str(provider) + repr(provider)
    provider.close()


def test_calls_are_asked_for_together_and_answered_in_their_order(server):
    class Shuffled(Provider):
        def _ask(self, body, read, is_patient):
            calls = json.loads(body)
            answers = [{"id": call["id"], "result": hex(2 * int(call["params"][0], 16))} for call in calls]
            return read(json.dumps(answers[::-1]).encode())

    provider = Shuffled(f"http://{server.host}")
    node = Node(provider)
    assert node._calls("double", [[hex(n)] for n in range(20)], str) == [hex(2 * n) for n in range(20)]
    provider.close()


def test_nested_json_stays_an_error_after_web3_is_imported():
    code = "import ingestion.evm.provider, json; json.loads(100_000 * '[')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1].startswith("RecursionError")
