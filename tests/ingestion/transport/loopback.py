"""Servers on this machine: HTTP with a test's own handler, and answers that are endless in bytes or in time."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import parse_headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, BinaryIO

BOMB_BYTES = 100_000_000
DRIP_SECONDS, DRIPS = 0.05, 60
OK = b"HTTP/1.1 200 OK\r\n"

Answer = Callable[[socket.socket, threading.Event], None]


class JsonHandler(BaseHTTPRequestHandler):
    """Reads JSON, keeps connections open, and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def read_json(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send `body`; if the test sets Content-Length, the connection is closed afterwards."""
        headers = headers or {}
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = "Content-Length" in headers

    def log_message(self, *args: object) -> None:
        pass


class HttpServer:
    """A server on a free port, or on the one of a server that was closed, from its creation until it is closed."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0):
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The address of a server that gives every request this answer, and sends no more.

    It closes its side only at the end: closing a socket can reset the connection, and with it bytes that the client has
    yet to read.
    """
    closing = threading.Event()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            read_request(self.rfile)
            with suppress(OSError):
                answer(self.request, closing)
                self.request.shutdown(socket.SHUT_WR)
            closing.wait()

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            closing.set()
            server.shutdown()
            thread.join()


def read_request(stream: BinaryIO) -> None:
    """Read a request to its end: closing on unread bytes would reset the connection."""
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
