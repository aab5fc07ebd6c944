"""The one HTTP client: polite to publishers, patient with passing failures, silent about secrets."""

import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import InvalidHeader, LocationParseError
from urllib3.util import parse_url

from ingestion.archive import Served
from ingestion.errors import FetchFailed, UsageError

MAX_RETRY_AFTER_SECONDS = 120
PIECE_BYTES = 64 * 1024
CHALLENGE_MARKS = (b"Just a moment", b"cf-chl", b"cf_chl")


class NotPublished(FetchFailed):
    """The publisher answered 404: there is nothing at this address, or not yet."""


class Http:
    """GET with retries, back-off and a rate limit per host; meant for one thread.

    Connection errors, time-outs, bodies cut short, 429 and 5xx are tried up to `attempts` times. `timeout_seconds`
    bounds the connection and each silence of the publisher, not a whole download. The usual proxy and certificate
    settings of the machine apply.

    Raises:
        UsageError: `contact` cannot be sent in a header.
    """

    def __init__(
        self,
        contact: str = "",
        min_interval_seconds: float = 1.0,
        attempts: int = 4,
        timeout_seconds: float = 30.0,
        max_bytes: int = 64 * 1024 * 1024,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ):
        if not (contact.isascii() and contact.isprintable()):
            raise UsageError("The contact goes into a header: write it in printable ASCII, on one line.")
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self._sleep = sleep
        # Retry does not back off after its first count, so the first attempt is that count: 1, 2, 4 s and up to 1 more.
        self._policy = Retry(total=attempts, backoff_factor=0.5, backoff_jitter=1.0).increment()
        self._session = _Session()
        suffix = f" (+{contact})" if contact else ""
        self._session.headers["User-Agent"] = f"flowhouse/{version('flowhouse')}{suffix}"
        adapter = _Paced(min_interval_seconds, sleep, monotonic)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        # Its debug lines and one warning carry whole urls, secrets included.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

    def get(self, url: str) -> Served:
        """What `url` serves with status 200, decompressed; `Served.url` is `url` to the letter.

        Raises:
            NotPublished: the answer was 404.
            FetchFailed: anything else went wrong; the text shows scheme, host and path only.
        """
        policy = self._policy
        while isinstance(outcome := self._attempt(url), _Failure):
            attempt = len(policy.history)
            if not outcome.is_passing or attempt >= self._attempts:
                tries = f" ({attempt} attempts)" if attempt > 1 else ""
                raise outcome.error(f"{outcome.what}{tries}: {outcome.todo}.")
            policy = policy.increment()
            self._sleep(outcome.retry_after or policy.get_backoff_time())
        return outcome

    def _attempt(self, url: str) -> "Served | _Failure":
        """One GET. Failures are returned, so that no exception with a whole url in it becomes the context of ours."""
        shown = _shown(url)
        try:
            with self._session.get(url, stream=True, timeout=self._timeout_seconds) as response:
                if response.status_code != 200:
                    return _refusal(response)
                content = _content(response, self._max_bytes)
        except _Downgrade:
            return _Failure(f"{shown} redirects from https to http", "ask the publisher for a safe address")
        except requests.Timeout:
            what = f"{shown} did not answer within {self._timeout_seconds:g} s"
            return _Failure(what, "come back later", is_passing=True)
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            return _Failure(f"{shown} broke off or garbled its answer", "come back later", is_passing=True)
        except requests.ConnectionError as error:
            what = f"{shown} could not be reached or went silent ({type(error).__name__})"
            return _Failure(what, "check the connection or come back later", is_passing=True)
        except (OSError, ValueError) as error:
            what = f"{shown} could not be asked ({type(error).__name__})"
            return _Failure(what, "check the http or https address, its redirects and the certificates of this machine")
        if content is None:
            return _Failure(f"{shown} serves more than {self._max_bytes} bytes", "check the address or raise the limit")
        return Served(url, content, datetime.now(UTC).replace(microsecond=0, tzinfo=None))


class _Failure(NamedTuple):
    """How an attempt ended, what a user can do, and whether (after how many seconds) another attempt may help."""

    what: str
    todo: str
    error: type[FetchFailed] = FetchFailed
    is_passing: bool = False
    retry_after: float = 0.0


class _Downgrade(requests.RequestException):
    """A redirect leads from https to a scheme anyone on the way can read."""


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where to go next; the redirect's own body, which requests would read without a limit, is dropped."""
        target = super().get_redirect_target(resp)
        if target is not None:
            resp.close()
            if urlsplit(resp.url).scheme == "https" and urlsplit(urljoin(resp.url, target)).scheme != "https":
                raise _Downgrade
        return target


class _Paced(HTTPAdapter):
    """Starts requests to a host, redirects and retries included, at least `interval` seconds apart."""

    def __init__(self, interval: float, sleep: Callable[[float], None], monotonic: Callable[[], float]):
        super().__init__()
        self._interval = interval
        self._sleep = sleep
        self._monotonic = monotonic
        self._free_at: dict[str | None, float] = {}

    def send(self, request: requests.PreparedRequest, *args, **kwargs) -> requests.Response:
        host = urlsplit(request.url).hostname
        wait = self._free_at.get(host, -math.inf) - self._monotonic()
        if wait > 0:
            self._sleep(wait)
        self._free_at[host] = self._monotonic() + self._interval
        return super().send(request, *args, **kwargs)


def _content(response: requests.Response, max_bytes: int) -> bytes | None:
    """The whole body, or None as soon as it exceeds `max_bytes`."""
    content = bytearray()
    for piece in response.iter_content(PIECE_BYTES):
        content += piece
        if len(content) > max_bytes:
            return None
    return bytes(content)


def _refusal(response: requests.Response) -> _Failure:
    status = response.status_code
    what = f"{_shown(response.url)} answered {status}"
    if status == 404:
        return _Failure(what, "nothing is published there (yet), so come back later or check the address", NotPublished)
    if status == 403 and _is_challenge(response):
        todo = "come back later, or place a saved page into the archive for a replay"
        return _Failure(f"{what} with a challenge page for browsers", todo)
    if status != 429 and status < 500:
        return _Failure(what, "check the address and whether its publisher allows this client")
    retry_after = _retry_after(response)
    if retry_after > MAX_RETRY_AFTER_SECONDS:
        return _Failure(what, f"come back in {math.ceil(retry_after / 60)} minutes or later, as it asks")
    return _Failure(what, "come back later", is_passing=True, retry_after=retry_after)


def _is_challenge(response: requests.Response) -> bool:
    """Whether Cloudflare asks for a browser, by its header or by the start of the page."""
    if "cf-mitigated" in response.headers:
        return True
    try:
        start = next(response.iter_content(PIECE_BYTES), b"")
    except requests.RequestException:
        return False
    return any(mark in start for mark in CHALLENGE_MARKS)


def _retry_after(response: requests.Response) -> float:
    """Seconds the publisher asks to wait; 0 when it does not say so legibly."""
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _shown(url: str) -> str:
    """scheme://host/path of `url`: userinfo and query may hold secrets, and so may all of a url that is misspelt."""
    try:
        shown = parse_url(url)._replace(auth=None, query=None, fragment=None)
    except LocationParseError:
        return "The address"
    is_fit = shown.host and "@" not in shown.url and shown.url.isprintable()
    return shown.url if is_fit else "The address"
