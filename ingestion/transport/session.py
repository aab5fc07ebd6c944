"""HTTP requests bounded in bytes and in time: each returns an answer, or why there is none."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3 import HTTPConnectionPool

from ingestion.transport.deadline import ResponseTooSlow, limit_time

# With pieces of 10 kB, the default of requests, an answer costs three times the CPU.
PIECE_BYTES = 2**20
# How much of an answer other than 200 is read: only its message matters.
REFUSAL_BYTES = 2**16
REDIRECTS = 5


@dataclass(frozen=True)
class Bounds:
    """The limits of one answer.

    Attributes:
        max_bytes: of its body, decompressed.
        silence_seconds: to connect, and between bytes from the server.
        total_seconds: from the request to the last byte, for each of at most REDIRECTS separately; a server that sends
            a byte now and then is never silent.
    """

    max_bytes: int
    silence_seconds: float
    total_seconds: float


class Response(NamedTuple):
    """What the server answered: `url` after redirects, `content` decompressed (its start where status is not 200)."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes


class Cause(Enum):
    """Why there is no answer."""

    SILENT = auto()
    TOO_SLOW = auto()
    TOO_LARGE = auto()
    BROKEN_OFF = auto()
    UNREACHABLE = auto()
    DOWNGRADED = auto()
    """A redirect leads from https to http."""
    INVALID = auto()
    """The address, a redirect or a certificate cannot be used."""


class NoResponse(NamedTuple):
    """Why there is no answer, as a cause and as text without secrets."""

    cause: Cause
    reason: str


class Session:
    """Connections to servers, kept open. May be used from several threads.

    Args:
        bounds: of each answer.
        connections: kept open per host.
        trust_env: whether the machine's settings for proxies, certificates and logins apply.
        follow_redirects: whether to follow redirects, but never from https to http.
        secret_headers: names of headers that no redirect takes to another host.
        before_request: called with the host before each request, redirects included.
    """

    def __init__(
        self,
        bounds: Bounds,
        connections: int = 10,
        trust_env: bool = True,
        follow_redirects: bool = False,
        secret_headers: Sequence[str] = (),
        before_request: Callable[[str], None] = lambda host: None,
    ):
        self.bounds = bounds
        self._requests = _Requests(follow_redirects, secret_headers)
        self._requests.trust_env = trust_env
        adapter = _Adapter(connections, bounds.total_seconds, before_request)
        for scheme in ("http://", "https://"):
            self._requests.mount(scheme, adapter)
        # Its debug lines and one warning carry whole urls, secrets included.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

    def close(self) -> None:
        """Close its connections."""
        self._requests.close()

    def request(
        self,
        url: str,
        shown: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[bytes, bytes] | None = None,
    ) -> Response | NoResponse:
        """GET `url`, or POST `body` there.

        Args:
            shown: what messages show of the url.
            auth: user and password.
        """
        bounds = self.bounds
        try:
            with self._requests.request(
                "GET" if body is None else "POST",
                url,
                data=body,
                headers=headers,
                auth=HTTPBasicAuth(*auth) if auth else None,
                timeout=bounds.silence_seconds,
                stream=True,
            ) as response:
                content = _content(response, bounds.max_bytes) if response.status_code == 200 else _start(response)
                answer = Response(response.url, response.status_code, response.headers, content)
        except _Downgrade:
            return NoResponse(Cause.DOWNGRADED, f"{shown} redirects from https to http")
        except _TooLarge:
            return NoResponse(Cause.TOO_LARGE, f"{shown} serves more than {bounds.max_bytes:,} bytes")
        except ResponseTooSlow:
            return NoResponse(Cause.TOO_SLOW, f"{shown} did not finish its answer within {bounds.total_seconds:g} s")
        except requests.ReadTimeout:
            return NoResponse(Cause.SILENT, f"{shown} did not answer within {bounds.silence_seconds:g} s")
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            return NoResponse(Cause.BROKEN_OFF, f"{shown} broke off or garbled its answer")
        except requests.ConnectionError as error:
            return NoResponse(
                Cause.UNREACHABLE, f"{shown} could not be reached or went silent ({type(error).__name__})"
            )
        except (OSError, ValueError) as error:
            return NoResponse(Cause.INVALID, f"{shown} could not be requested ({type(error).__name__})")
        return answer


class _Downgrade(requests.RequestException):
    """A redirect leads from https to an unencrypted scheme."""


class _TooLarge(Exception):
    """The body exceeds its limit."""


def _content(response: requests.Response, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    for piece in _pieces(response):
        size += len(piece)
        if size > max_bytes:
            raise _TooLarge
        pieces.append(piece)
    return b"".join(pieces)


def _start(response: requests.Response) -> bytes:
    """The start of a body, as far as it arrives."""
    start = b""
    try:
        for piece in _pieces(response, REFUSAL_BYTES):
            start += piece
            if len(start) >= REFUSAL_BYTES:
                break
    except (requests.RequestException, ResponseTooSlow):
        pass
    return start[:REFUSAL_BYTES]


def _pieces(response: requests.Response, size: int = PIECE_BYTES) -> Iterator[bytes]:
    pieces: Iterator[bytes] = response.iter_content(size)
    return pieces


class _Requests(requests.Session):
    def __init__(self, follow_redirects: bool, secret_headers: Sequence[str]):
        super().__init__()
        self._follow_redirects = follow_redirects
        self._secret_headers = secret_headers
        self.max_redirects = REDIRECTS

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """The redirect's target; its body is dropped, since requests would read it without a limit."""
        target = super().get_redirect_target(resp) if self._follow_redirects else None
        if target is not None:
            resp.close()
            if urlsplit(resp.url).scheme == "https" and urlsplit(urljoin(resp.url, target)).scheme != "https":
                raise _Downgrade
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Leave secrets behind on the way to another host, as requests does with logins alone."""
        super().rebuild_auth(prepared_request, response)  # pyright: ignore[reportUnknownMemberType] -- as its stubs say
        old, new = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(old, new):  # pyright: ignore[reportUnknownMemberType]
            for name in self._secret_headers:
                prepared_request.headers.pop(name, None)


class _Adapter(HTTPAdapter):
    """Calls `before_request`, and limits the time of answers."""

    def __init__(self, connections: int, total_seconds: float, before_request: Callable[[str], None]):
        super().__init__(pool_maxsize=connections)
        self._total_seconds = total_seconds
        self._before_request = before_request

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._before_request(urlsplit(request.url or "").hostname or "")
        return super().send(request, *args, **kwargs)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        assert isinstance(pool, HTTPConnectionPool)
        limit_time(pool, self._total_seconds)
        return pool
