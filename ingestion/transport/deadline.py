"""An end to answers that take too long, however lively their server: a time-out of a socket ends its silence alone."""

from __future__ import annotations

import http.client
import io
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class AnswerTooSlow(Exception):
    """An answer took longer than allowed; no OSError, which the libraries in between would take for their own."""


def limit_time(pool: HTTPConnectionPool, seconds: float) -> None:
    """Let no answer to the pool's connections take longer than so many seconds, headers included.

    Reading it further then raises AnswerTooSlow, at the latest when the socket's own time-out is over.
    """
    connection = pool.ConnectionCls
    if "response_class" not in vars(connection):
        members = {"response_class": staticmethod(partial(_Response, seconds=seconds))}
        limited: Any = type(connection.__name__, (connection,), members)
        pool.ConnectionCls = limited


class _Response(http.client.HTTPResponse):
    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
        *,
        seconds: float,
    ):
        super().__init__(sock, debuglevel, method, url)
        self.fp = io.BufferedReader(_Limited(self.fp.detach(), time.monotonic() + seconds))


class _Limited(io.RawIOBase):
    def __init__(self, stream: io.RawIOBase, deadline: float):
        self._stream = stream
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if time.monotonic() > self._deadline:
            raise AnswerTooSlow
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
