"""The limits of one answer: memory and time."""

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import closing

import pytest
from loopback import BOMB_BYTES, DRIP_SECONDS, DRIPS, OK, Answer, bomb, drip, serving

from ingestion.transport.session import REFUSAL_BYTES, Bounds, Cause, NoResponse, Session

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BOUNDS = Bounds(max_bytes=1_000_000, silence_seconds=2, total_seconds=0.3)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with closing(Session(BOUNDS)) as session:
        yield session


def test_an_answer_that_unpacks_to_too_much_is_dropped_before_it_fills_the_memory(session: Session) -> None:
    with serving(bomb()) as url:
        tracemalloc.start()
        answer = session.request(url, "it")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer == NoResponse(Cause.TOO_LARGE, "it serves more than 1,000,000 bytes")
    assert peak < 10_000_000


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate"])
def test_however_an_answer_is_packed_its_bytes_have_a_bound(session: Session, coding: str) -> None:
    body = zlib.compress(bytes(BOMB_BYTES)) if coding == "deflate" else gzip.compress(gzip.compress(bytes(BOMB_BYTES)))
    head = OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with serving(lambda connection, closing: connection.sendall(head + body)) as url:
        assert session.request(url, "it") == NoResponse(Cause.TOO_LARGE, "it serves more than 1,000,000 bytes")


def test_of_a_refusal_only_the_start_is_read(session: Session) -> None:
    with serving(bomb(b"HTTP/1.1 500 Error\r\n")) as url:
        answer = session.request(url, "it")
    assert not isinstance(answer, NoResponse)
    assert (answer.status, answer.content) == (500, bytes(REFUSAL_BYTES))


@pytest.mark.parametrize(
    "answer",
    [
        drip(),
        drip(OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n"),
        drip(OK + b"X-Word: "),
        drip(b"HTTP/1.1 200 "),
        lambda connection, closing: [connection.sendall(CONTINUE) or closing.wait(DRIP_SECONDS) for _ in range(DRIPS)],
    ],
    ids=["body", "chunk", "header", "status", "continue"],
)
def test_an_answer_that_drips_is_ended(session: Session, answer: Answer) -> None:
    before = time.monotonic()
    with serving(answer) as url:
        found = session.request(url, "it")
    assert found == NoResponse(Cause.TOO_SLOW, "it did not finish its answer within 0.3 s")
    assert time.monotonic() - before < 2


def test_a_refusal_that_drips_is_taken_for_what_has_come(session: Session) -> None:
    before = time.monotonic()
    with serving(drip(b"HTTP/1.1 503 Busy\r\nContent-Length: 60\r\n\r\n")) as url:
        answer = session.request(url, "it")
    assert not isinstance(answer, NoResponse)
    assert answer.status == 503
    assert time.monotonic() - before < 2


def test_the_time_of_an_answer_is_its_own(session: Session) -> None:
    """A reused connection does not inherit the time of its last answer."""
    body = b"Content-Length: 2\r\n\r\nok"

    def two(connection, closing) -> None:
        connection.sendall(OK + body)
        connection.recv(65_536)
        connection.sendall(OK + body)

    with serving(two) as url:
        first = session.request(url, "it")
        time.sleep(BOUNDS.total_seconds)
        second = session.request(url, "it")
    assert not isinstance(first, NoResponse)
    assert not isinstance(second, NoResponse)
    assert first.content == second.content == b"ok"
