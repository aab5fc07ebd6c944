"""A time limit for whole answers: a socket's time-out only limits the silence between two bytes."""

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


class ResponseTooSlow(Exception):
    """An answer took longer than allowed. Not an OSError, which the libraries in between would handle themselves."""


def limit_time(pool: HTTPConnectionPool, seconds: float) -> None:
    """Limit answers on the pool's connections to a number of seconds, headers included.

    After that, reading raises ResponseTooSlow, at the latest when the socket's own time-out is over.
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
            raise ResponseTooSlow
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
