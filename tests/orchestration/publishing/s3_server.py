"""An S3 server on loopback (moto) that notes requests, and that can fail."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-of-the-bucket", "AWS_REGION": "us-east-1"}
BUCKET = "marts"


class Server:
    """A running server.

    Attributes:
        requests: method and path of each request, in order of arrival.
        fails: whether the server answers a request (method, path) with an error of its own.
        status: the status of that error.
        loses: whether the answer to a request is lost after it took effect: the connection is cut.
    """

    def __init__(self):
        self.requests: list[tuple[str, str]] = []
        self.fails = self.loses = never
        self.status = ""
        self._app = DomainDispatcherApplication(create_backend_app)
        self.address = ""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that lead to this server."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.address}

    def reset(self) -> None:
        """Empty the bucket, and answer as a server should."""
        self.fails = self.loses = never
        self.status = "500 Internal Server Error"
        bucket = self.objects()
        bucket.objects.all().delete() if bucket.creation_date else bucket.create()
        self.requests.clear()

    def __call__(self, environ, start_response):
        request = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(f"/{BUCKET}/")
        self.requests.append(request)
        if self.fails(*request):
            start_response(self.status, [("Content-Length", "0")])
            return [b""]
        if self.loses(*request):
            list(self._app(environ, lambda *_: None))
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        return self._app(environ, start_response)

    def sent(self) -> list[str]:
        """Paths that were put since the last call, without copies on the server; the list of requests begins anew."""
        sent = [path for method, path in self.requests if method == "PUT"]
        self.requests.clear()
        return sent

    def objects(self):
        """The bucket as boto3 has it, a client that is not the one under test."""
        plain = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        return boto3.resource("s3", endpoint_url=self.address, **plain).Bucket(BUCKET)

    def files(self) -> dict[str, bytes]:
        """Every object's bytes."""
        return {each.key: each.get()["Body"].read() for each in self.objects().objects.all()}


def never(method: str, path: str) -> bool:
    """Of no request."""
    return False


def at(number: int, method: str = "") -> Callable[[str, str], bool]:
    """Whether a request is the one of that number, of those of a method, from now on."""
    seen = count()
    return lambda asked, _: asked.startswith(method) and next(seen) == number


@contextmanager
def serve() -> Iterator[Server]:
    """A server, without a bucket before its first reset."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = Server()
    listening = make_server("127.0.0.1", 0, server, threaded=True)
    server.address = f"http://127.0.0.1:{listening.server_port}"
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        listening.shutdown()
