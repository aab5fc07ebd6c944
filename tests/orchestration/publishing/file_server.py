"""A static file server on loopback that serves ranges, as every web server does but Python's own."""

import functools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Files(ThreadingHTTPServer):
    """A running server.

    Attributes:
        address: without a slash at its end.
        sent: bytes of each answer to a GET, by path.
    """

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.sent: list[tuple[str, int]] = []


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(has_body=True)

    def do_HEAD(self):
        self._answer(has_body=False)

    def _answer(self, has_body: bool):
        file = Path(self.translate_path(self.path.partition("?")[0]))
        if not file.is_file():
            return self.send_error(404)
        content = file.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        part = slice(int(wanted[1]), int(wanted[2]) + 1 if wanted[2] else None) if wanted else slice(0, None)
        start, stop, _ = part.indices(len(content))
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", self.guess_type(file))
        self.send_header("Content-Length", str(stop - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.end_headers()
        if has_body:
            self.server.sent.append((self.path, stop - start))
            self.wfile.write(content[start:stop])

    def log_message(self, *_):
        pass


@contextmanager
def serve(folder: Path) -> Iterator[Files]:
    """Serve a folder."""
    with Files(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
