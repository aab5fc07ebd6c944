"""A server on this machine that answers without end: in bytes, or in time."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import parse_headers
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import BinaryIO

BOMB_BYTES = 100_000_000
DRIP_SECONDS, DRIPS = 0.05, 60
OK = b"HTTP/1.1 200 OK\r\n"

Answer = Callable[[socket.socket, threading.Event], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The address of a server that gives every request this answer, and hangs up."""
    closing = threading.Event()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            read_request(self.rfile)
            with suppress(OSError):
                answer(self.request, closing)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        closing.set()
        server.shutdown()
        thread.join()


def read_request(stream: BinaryIO) -> None:
    """All of it: hanging up on bytes that nobody read would take the answer away too."""
    stream.readline()
    stream.read(int(parse_headers(stream).get("Content-Length", "0")))


def bomb(status: bytes = OK) -> Answer:
    """A hundred million zeros in a hundred kilobytes."""
    body = gzip.compress(bytes(BOMB_BYTES), 1)
    head = status + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    return lambda connection, closing: connection.sendall(head + body)


def drip(head: bytes = OK + b"Content-Length: %d\r\n\r\n" % DRIPS) -> Answer:
    """After `head` a byte now and then, never silent for long: three seconds in all."""

    def answer(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(head)
        for _ in range(DRIPS):
            connection.sendall(b"1")
            if closing.wait(DRIP_SECONDS):
                return

    return answer
