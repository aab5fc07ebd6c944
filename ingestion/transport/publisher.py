"""The client for publishers: rate-limited, retries transient failures, keeps secrets out of messages."""

import math
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType
from urllib.parse import quote

from ingestion.archive import Served
from ingestion.errors import FetchFailed, UsageError
from ingestion.transport import redaction
from ingestion.transport.errors import NotPublished
from ingestion.transport.retry import ALWAYS, Failure, Policy, throttled
from ingestion.transport.session import Bounds, Cause, NoResponse, Response, Session

# The largest page of 3,738 recorded has 0.5 MB; parsing 40 MB of junk takes 1.8 GB of memory.
BOUNDS = Bounds(max_bytes=16 * 2**20, silence_seconds=30, total_seconds=120)
CHALLENGE_MARKS = (b"Just a moment", b"cf-chl", b"cf_chl")
NONE: Mapping[str, str] = MappingProxyType({})

_CHECK_ADDRESS = "check the http or https address, its redirects and the certificates of this machine"
_REMEDIES = {
    Cause.SILENT: ("try again later", ALWAYS),
    Cause.BROKEN_OFF: ("try again later", ALWAYS),
    Cause.UNREACHABLE: ("check the connection or try again later", ALWAYS),
    Cause.TOO_SLOW: ("check the connection or try again later", 0),
    Cause.TOO_LARGE: ("check the address or raise the limit", 0),
    Cause.DOWNGRADED: ("ask the publisher for an https address", 0),
    Cause.INVALID: (_CHECK_ADDRESS, 0),
}


class Http:
    """GET with retries, back-off and a rate limit per host; for one thread.

    Connection errors, time-outs, truncated bodies, 429 and 5xx are tried up to `attempts` times. The proxy and
    certificate settings of the machine apply.

    Args:
        key: a header and the secret that it carries, to the host that is asked and to no other.
        parameter: a parameter of the address in place of the header: no address that is returned or shown has it.

    Raises:
        UsageError: `contact` or the key cannot be sent in a header.
    """

    def __init__(
        self,
        contact: str = "",
        min_interval_seconds: float = 1.0,
        attempts: int = 4,
        bounds: Bounds = BOUNDS,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        key: tuple[str, str] | None = None,
        parameter: tuple[str, str] | None = None,
    ):
        if not (contact.isascii() and contact.isprintable()):
            raise UsageError("The contact goes into a header: write it in printable ASCII, on one line.")
        if key and not (key[1].isascii() and key[1].isprintable() and key[1] == key[1].strip()):
            raise UsageError(f"The key for {key[0]} goes into a header: write it in printable ASCII, without spaces.")
        self._secret = (key or parameter or ("", ""))[1].encode()
        self._parameter = "=".join(quote(part, safe="") for part in parameter) if parameter else ""
        suffix = f" (+{contact})" if contact else ""
        self._headers = {"User-Agent": f"flowhouse/{version('flowhouse')}{suffix}"}
        self._key = key
        self._session = Session(
            bounds,
            follow_redirects=True,
            secret_headers=(key[0],) if key else (),
            before_request=_Pace(min_interval_seconds, sleep, monotonic),
        )
        # 1, 2, 4 s and up to 1 more.
        self._policy = Policy(lambda attempt: 2 ** (attempt - 1) + random.random(), attempts, sleep)

    def get(self, url: str, headers: Mapping[str, str] = NONE) -> Served:
        """What `url` serves with status 200, decompressed; `Served.url` is `url` unchanged.

        Args:
            headers: what a publisher wants beside the User-Agent.

        Raises:
            NotPublished: the answer was 404.
            FetchFailed: anything else went wrong; the text shows scheme, host and path only.
        """
        return self._policy.retry(lambda attempt: self._attempt(url, None, headers, attempt))

    def post(self, url: str, body: bytes, headers: Mapping[str, str] = NONE) -> Served:
        """What `url` answers to a question in JSON, as `get`; a fragment of `url` says which, and is never sent.

        Raises:
            NotPublished, FetchFailed: as `get`.
        """
        kind = {"Content-Type": "application/json"}
        return self._policy.retry(lambda attempt: self._attempt(url, body, {**kind, **headers}, attempt))

    def _attempt(self, url: str, body: bytes | None, headers: Mapping[str, str], attempt: int) -> Served | Failure:
        headers = {**self._headers, **headers, **dict([self._key] if self._key else [])}
        answer = self._session.request(self._with_parameter(url), redaction.page(url), body, headers)
        if isinstance(answer, NoResponse):
            failure = Failure(FetchFailed, answer.reason, *_REMEDIES[answer.cause])
        elif answer.status != 200:
            failure = _refusal(answer, has_key=bool(self._secret))
        elif self._secret and self._secret in answer.content:
            reason = f"{redaction.page(url)} repeats the key in its answer"
            failure = Failure(FetchFailed, reason, "it is not stored: get another key, and tell the publisher")
        else:
            return Served(url, answer.content, datetime.now(UTC).replace(microsecond=0, tzinfo=None))
        return failure if attempt == 1 else failure._replace(reason=f"{failure.reason} ({attempt} attempts)")

    def _with_parameter(self, url: str) -> str:
        address, hash_, which = url.partition("#")
        return f"{address}{'&' if '?' in address else '?'}{self._parameter}{hash_}{which}" if self._parameter else url


class _Pace:
    """Waits until the last request to a host is at least `interval` seconds ago."""

    def __init__(self, interval: float, sleep: Callable[[float], None], monotonic: Callable[[], float]):
        self._interval = interval
        self._sleep = sleep
        self._monotonic = monotonic
        self._free_at: dict[str, float] = {}

    def __call__(self, host: str) -> None:
        wait = self._free_at.get(host, -math.inf) - self._monotonic()
        if wait > 0:
            self._sleep(wait)
        self._free_at[host] = self._monotonic() + self._interval


def _refusal(answer: Response, has_key: bool) -> Failure:
    """The failure that an answer other than 200 means."""
    reason = f"{redaction.page(answer.url)} answered {answer.status}"
    if answer.status == 404:
        remedy = "nothing is published there (yet), so try again later or check the address"
        return Failure(NotPublished, reason, remedy)
    if answer.status == 403 and _is_challenge(answer):
        remedy = "try again later, or put a saved page into an archive folder and replay it"
        return Failure(FetchFailed, f"{reason} with a challenge page for browsers", remedy)
    if answer.status == 429 or answer.status >= 500:
        return throttled(FetchFailed, reason, answer.headers)
    if has_key and answer.status in (401, 403):
        return Failure(FetchFailed, reason, "check the key in the settings and what its plan allows")
    return Failure(FetchFailed, reason, "check the address and whether its publisher allows this client")


def _is_challenge(answer: Response) -> bool:
    """Whether it is Cloudflare's challenge for browsers, by its header or its page."""
    return "cf-mitigated" in answer.headers or any(mark in answer.content for mark in CHALLENGE_MARKS)
