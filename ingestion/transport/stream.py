"""A websocket that only listens: bounded in the size of a message and in what waits, and pinged while it is open."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import Enum, auto
from importlib.metadata import version
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, PayloadTooBig, WebSocketException

from ingestion.transport import redaction
from ingestion.transport.errors import StreamLost


class Sign(Enum):
    """A sign of life other than a message."""

    CONNECTED = auto()
    ALIVE = auto()


class Message(NamedTuple):
    """What the server sent; bytes that are no text are replaced by U+FFFD."""

    text: str


@dataclass(frozen=True)
class Limits:
    """The limits of a stream.

    Attributes:
        max_bytes: of one message, decompressed.
        queued: messages that may wait; then the server has to.
        open_seconds: until it is connected.
        ping_seconds: between an answer to a ping and the next ping.
        pong_seconds: until a ping must be answered.
    """

    max_bytes: int = 2**20
    queued: int = 16
    open_seconds: float = 20
    ping_seconds: float = 20
    pong_seconds: float = 20


async def listen(
    url: str, requests: Sequence[str], ping: str | None = None, limits: Limits | None = None
) -> AsyncGenerator[Sign | Message]:
    """Connect, send the requests, and yield what happens until the stream is lost.

    Args:
        url: ws:// or wss://.
        ping: a text to send beside each of the protocol's pings; None for none.

    Raises:
        StreamLost: it cannot be connected to, was closed, sent too large a message or did not answer a ping.
    """
    limits = limits or Limits()
    try:
        async with connect(
            url,
            open_timeout=limits.open_seconds,
            ping_interval=None,
            max_size=limits.max_bytes,
            max_queue=limits.queued,
            close_timeout=2,
            user_agent_header=f"flowhouse/{version('flowhouse')}",
        ) as connection:
            yield Sign.CONNECTED
            for request in requests:
                await connection.send(request)
            async with aclosing(_heard(connection, ping, limits)) as heard:
                async for each in heard:
                    yield each
    except ConnectionClosed as closed:
        raise StreamLost(_why_closed(closed, limits)) from None
    except TimeoutError:
        raise StreamLost(f"it did not answer within {limits.open_seconds:g} s") from None
    except InvalidStatus as refused:
        raise StreamLost(f"it answered {refused.response.status_code}") from None
    except (OSError, WebSocketException, ValueError) as error:
        raise StreamLost(f"it could not be reached ({_why_unreachable(error)})") from None


async def _heard(connection: ClientConnection, ping: str | None, limits: Limits) -> AsyncGenerator[Sign | Message]:
    """Messages, and a sign of life for each ping that is answered."""
    receive = asyncio.create_task(connection.recv())
    beat = asyncio.create_task(_beat(connection, ping, limits))
    try:
        while True:
            done, _ = await asyncio.wait({receive, beat}, return_when=asyncio.FIRST_COMPLETED)
            if receive in done:
                content = receive.result()
                yield Message(content if isinstance(content, str) else content.decode(errors="replace"))
                receive = asyncio.create_task(connection.recv())
            if beat in done:
                beat.result()
                yield Sign.ALIVE
                beat = asyncio.create_task(_beat(connection, ping, limits))
    finally:
        for task in (receive, beat):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _beat(connection: ClientConnection, ping: str | None, limits: Limits) -> None:
    """Wait, ping and be answered."""
    await asyncio.sleep(limits.ping_seconds)
    if ping is not None:
        await connection.send(ping)
    answered = await connection.ping()
    try:
        await asyncio.wait_for(answered, limits.pong_seconds)
    except TimeoutError:
        raise StreamLost(f"it did not answer a ping within {limits.pong_seconds:g} s") from None


def _why_closed(closed: ConnectionClosed, limits: Limits) -> str:
    if isinstance(closed.__cause__, PayloadTooBig):
        return f"it sent a message of more than {limits.max_bytes:,} bytes"
    if closed.rcvd is None:
        return "it broke off"
    return (
        f"the other side closed it ({closed.rcvd.code} {redaction.on_one_line(closed.rcvd.reason)[:100]}".strip() + ")"
    )


def _why_unreachable(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return (
            os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
        )  # getaddrinfo has numbers of its own
    return type(error).__name__
