"""An S3 server on loopback (moto) that notes requests, and that can fail."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    """

    def __init__(self):
        self.requests: list[tuple[str, str]] = []
        self.fails: Callable[[str, str], bool] = lambda method, path: False
        self.status = "500 Internal Server Error"
        self._app = DomainDispatcherApplication(create_backend_app)
        self.address = ""

    def __call__(self, environ, start_response):
        request = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(f"/{BUCKET}/")
        self.requests.append(request)
        if self.fails(*request):
            start_response(self.status, [("Content-Length", "0")])
            return [b""]
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


@contextmanager
def serve() -> Iterator[Server]:
    """A server with an empty bucket."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = Server()
    listening = make_server("127.0.0.1", 0, server, threaded=True)
    server.address = f"http://127.0.0.1:{listening.server_port}"
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        bucket = server.objects()
        bucket.objects.all().delete() if bucket.creation_date else bucket.create()
        server.requests.clear()
        yield server
    finally:
        listening.shutdown()
