"""A websocket server on this machine, whose connections a test plays one after the other."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Play = Callable[[ServerConnection], None]


@contextmanager
def streaming(*plays: Play, **options: object) -> Iterator[str]:
    """The address of a server that plays a part for each connection, and the last part for all further ones.

    After its part a connection is closed, in good order or as the part has left it.
    """
    left, lock = list(plays), threading.Lock()

    def play(connection: ServerConnection) -> None:
        with lock:
            part = left.pop(0) if len(left) > 1 else left[0]
        with suppress(ConnectionClosed):
            part(connection)

    with serve(play, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def break_off(connection: ServerConnection) -> None:
    """Cut the connection without a word."""
    connection.socket.close()


def wait(connection: ServerConnection) -> None:
    """Say nothing until the other side ends."""
    with suppress(ConnectionClosed):
        while True:
            connection.recv()
