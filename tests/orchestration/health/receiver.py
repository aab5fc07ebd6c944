"""A receiver of alerts on the loopback interface, which can be told to refuse them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Attributes:
    got: title and body of each message that was accepted.
    is_down: whether messages are refused.
    """

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.is_down = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not receiver.is_down:
                    receiver.got.append((fields["title"], fields["message"]))
                self.send_response(500 if receiver.is_down else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str = "hook") -> str:
        """Its address, as Apprise takes it."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def titles(self) -> list[str]:
        """The titles of messages since the last call."""
        titles = [title for title, _ in self.got]
        self.got.clear()
        return titles

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
