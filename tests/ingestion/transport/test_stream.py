"""A websocket that listens: what it yields, and every way in which it can be lost."""

import asyncio
import socket
import threading

import pytest
from websocket_server import break_off, streaming, wait

from ingestion.transport.errors import StreamLost
from ingestion.transport.stream import Limits, Message, Sign, listen

QUICK = Limits(max_bytes=10_000, open_seconds=1, ping_seconds=0.05, pong_seconds=0.3)


def heard(url: str, *requests: str, ping: str | None = None, most: int = 1000) -> tuple[list[Sign | Message], str]:
    """What a stream yields until it is lost, and why it was; at most so many."""

    async def run() -> tuple[list[Sign | Message], str]:
        found: list[Sign | Message] = []
        stream = listen(url, requests, ping, QUICK)
        try:
            async for each in stream:
                found.append(each)
                if len(found) == most:
                    break
        except StreamLost as lost:
            return found, str(lost)
        finally:
            await stream.aclose()
        return found, ""

    return asyncio.run(run())


def test_messages_come_in_order_after_the_requests():
    def part(connection):
        asked = [connection.recv(), connection.recv()]
        for each in (*asked, "ü", b"\xff{}"):
            connection.send(each)

    with streaming(part) as url:
        found, why = heard(url, "one", "two")
    assert found == [Sign.CONNECTED, *map(Message, ["one", "two", "ü", "\ufffd{}"])]
    assert why == "the other side closed it (1000)"


def test_an_answered_ping_is_a_sign_of_life_and_the_text_goes_along():
    with streaming(lambda connection: connection.send(connection.recv()) or wait(connection)) as url:
        found, _ = heard(url, ping="ping", most=4)
    assert found[:2] == [Sign.CONNECTED, Message("ping")] or found[:3] == [Sign.CONNECTED, Sign.ALIVE, Message("ping")]
    assert Sign.ALIVE in found


def test_a_ping_that_is_not_answered_loses_the_stream():
    with socket.create_server(("127.0.0.1", 0)) as silent, streaming(wait) as url:
        found, why = through_a_wire_that_is_cut(silent, url)
    assert found == [Sign.CONNECTED]
    assert why == "it did not answer a ping within 0.3 s"


def through_a_wire_that_is_cut(silent: socket.socket, url: str) -> tuple[list[Sign | Message], str]:
    """What is heard of a server behind a proxy that passes the handshake on, and nothing afterwards."""

    def pass_on() -> None:
        near, _ = silent.accept()
        port = int(url.rpartition(":")[2])
        with near, socket.create_connection(("127.0.0.1", port)) as far:
            far.sendall(near.recv(65536))
            near.sendall(far.recv(65536))
            while near.recv(65536):
                pass

    thread = threading.Thread(target=pass_on)
    thread.start()
    try:
        return heard(f"ws://127.0.0.1:{silent.getsockname()[1]}")
    finally:
        thread.join()


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (break_off, "it broke off"),
        (
            lambda connection: connection.close(1013, "try\n\x1b[31m again"),
            "the other side closed it (1013 try [31m again)",
        ),
        (lambda connection: connection.send("x" * 10_001), "it sent a message of more than 10,000 bytes"),
    ],
    ids=["broken off", "closed", "too large"],
)
def test_how_a_stream_is_lost(part, why):
    with streaming(part) as url:
        found, said = heard(url)
    assert (found, said) == ([Sign.CONNECTED], why)


def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert heard(f"ws://127.0.0.1:{port}") == ([], "it could not be reached (Connection refused)")


def test_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert heard(f"ws://127.0.0.1:{server.getsockname()[1]}") == ([], "it did not answer within 1 s")


def test_an_answer_that_is_no_websocket():
    def refuse(connection, request):
        return connection.respond(503, "<html>maintenance</html>")

    with streaming(wait, process_request=refuse) as url:
        assert heard(url) == ([], "it answered 503")


def test_a_flood_waits_at_the_server():
    """What is not taken is not read either: the server is kept waiting by TCP, and memory is not filled."""
    sent = []

    def part(connection):
        for number in range(2_000):
            connection.send("x" * 100_000)
            sent.append(number)

    async def run() -> None:
        stream = listen(url, (), None, Limits(queued=8))
        async for each in stream:
            if each is not Sign.CONNECTED:
                break
        await asyncio.sleep(0.5)
        before = len(sent)
        await asyncio.sleep(0.3)
        assert len(sent) == before
        await stream.aclose()

    with streaming(part, compression=None) as url:
        asyncio.run(run())
    assert 0 < len(sent) < 2_000
