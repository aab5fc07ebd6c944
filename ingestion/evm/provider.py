"""A provider's JSON-RPC over HTTP through web3.py: whole answers as bytes, an own retry, silent about secrets.

web3's provider tries 413 and 429 again blindly, ignores Retry-After and hides the provider's words; it also writes the
whole address, in which providers want their key, to the debug log.
"""

import logging
import math
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import InvalidHeader
from web3 import HTTPProvider

from ingestion.errors import UsageError
from ingestion.evm.errors import AnswerRefused, NodeRefused, NodeUnreachable

# What web3 imports raises it to 100,000: JSON nested that deep would then end the process, not raise an error.
sys.setrecursionlimit(1_000)

MAX_RETRY_AFTER_SECONDS = 120
LONGEST_WAIT_SECONDS = 15
BODY, WORDS = 4_096, 200
# Read in pieces of 10 kB, as requests does by itself, an answer costs three times the CPU.
PIECE = 2**20
# shorter parts of an address (v2, rpc, eth) are no keys, and cutting them would garble the provider's words
SECRET_LENGTH = 6
Result = TypeVar("Result")


class Provider(HTTPProvider):
    """A provider, to be asked from several threads.

    Attributes:
        shown: its address as messages show it: scheme and host.
        in_flight: requests under way at once.
    """

    def __init__(
        self,
        url: str,
        in_flight: int = 4,
        attempts: int = 6,
        timeout_seconds: float = 60,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ):
        """Ask nothing yet.

        Args:
            url: its address; keys in it are never shown.
            in_flight: requests under way at once.
            attempts: how often a request is sent before its passing failure counts.
            timeout_seconds: without a byte from the provider.
            sleep, chance: wait between attempts, and how long, from 0 to 1 of the longest.

        Raises:
            UsageError: the url is no http or https address.
        """
        self.shown, self._secrets = _address(url)
        self.in_flight = in_flight
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._chance = chance
        self._slots = threading.BoundedSemaphore(in_flight)
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=in_flight))
        # Its debug lines and one warning carry whole urls.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        super().__init__(url, session=self._session, exception_retry_configuration=None)

    def __str__(self) -> str:
        return f"RPC connection {self.shown}"

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def ask(self, method: str, params: Sequence, read: Callable[[bytes], Result], is_patient: bool = True) -> Result:
        """What `read` makes of the answer's bytes.

        Args:
            method, params: the call.
            read: may raise AnswerRefused.
            is_patient: whether to ask again after what a smaller request may cure as well: a time-out, an error of the
                server, an answer that is cut short. The provider's limit on requests and a lost connection are waited
                for in any case.

        Raises:
            NodeUnreachable: it could not be reached or stays busy.
            NodeRefused: it refuses these credentials or this machine.
            AnswerRefused: the answer is an error or cannot be read, with the provider's words.
        """
        return self._ask(self.encode_rpc_request(method, params), read, is_patient)

    def ask_many(self, method: str, params: Sequence[Sequence], read: Callable[[bytes], Result]) -> Result:
        """The same with several calls in one request."""
        return self._ask(self.encode_batch_rpc_request([(method, each) for each in params]), read, is_patient=True)

    def make_request(self, method: str, params: Any) -> dict:
        """As web3 asks."""
        return self.decode_rpc_response(self._make_request(method, self.encode_rpc_request(method, params)))

    def _make_request(self, method: str, request_data: bytes) -> bytes:
        return self._ask(request_data, bytes, is_patient=True)

    def _ask(self, body: bytes, read: Callable[[bytes], Result], is_patient: bool) -> Result:
        for attempt in range(1, self._attempts + 1):
            outcome = self._attempt(body)
            if not isinstance(outcome, _Failure):
                try:
                    return read(outcome)
                except AnswerRefused as error:
                    outcome = self._refusal(str(error), error.is_passing)
            if not outcome.is_passing or attempt == self._attempts or (outcome.is_curable and not is_patient):
                break
            longest = min(2**attempt, LONGEST_WAIT_SECONDS)
            self._sleep(outcome.retry_after or longest * (0.5 + self._chance() / 2))
        raise outcome.exception()

    def _attempt(self, body: bytes) -> "bytes | _Failure":
        """One request. Failures are returned, so that no exception that holds a secret becomes the context of ours."""
        try:
            with self._slots:
                response = self._session.post(
                    self.endpoint_uri,
                    data=body,
                    headers=self.get_request_headers(),
                    timeout=self._timeout_seconds,
                    allow_redirects=False,
                    stream=True,
                )
                content = b"".join(response.iter_content(PIECE))
        except requests.exceptions.ReadTimeout:
            return self._curable(f"{self.shown} did not answer within {self._timeout_seconds:g} s")
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            return self._curable(f"{self.shown} broke off or garbled its answer")
        except requests.ConnectionError as error:
            what = f"{self.shown} could not be reached or went silent ({type(error).__name__})"
            return _Failure(NodeUnreachable, f"{what}: check the address and the connection.", is_passing=True)
        except (OSError, ValueError) as error:
            what = f"{self.shown} could not be asked ({type(error).__name__}): check the address."
            return _Failure(NodeUnreachable, what)
        return content if response.status_code == 200 else self._judged(response, content)

    def _judged(self, response: requests.Response, content: bytes) -> "_Failure":
        """What an answer other than 200 means."""
        status, words = response.status_code, self._words(content[:BODY].decode(errors="replace").strip())
        what = f"{self.shown} answers {status} ({words or 'no reason given'})"
        if status in (401, 403):
            return _Failure(NodeRefused, f"{what}: check the key in its address.")
        if status == 429:
            seconds = _retry_after(response)
            if seconds > MAX_RETRY_AFTER_SECONDS:
                return _Failure(NodeUnreachable, f"{what}: come back in {math.ceil(seconds / 60)} minutes.")
            return _Failure(NodeUnreachable, f"{what}: come back later.", True, retry_after=seconds)
        return self._curable(what) if status >= 500 else _Failure(AnswerRefused, what)

    def _refusal(self, words: str, is_passing: bool) -> "_Failure":
        """What an answer means that was read and refused."""
        shown = f"{self.shown}: {self._words(words)}"
        if is_passing:
            return self._curable(shown)
        is_limit = any(mark in words.lower() for mark in ("rate limit", "too many requests", "compute units"))
        return _Failure(AnswerRefused, shown, is_limit)

    def _curable(self, what: str) -> "_Failure":
        return _Failure(AnswerRefused, what, is_passing=True, is_curable=True)

    def _words(self, words: str) -> str:
        """The provider's words without secrets; cut short afterwards, lest half a secret stays."""
        for secret in self._secrets:
            words = words.replace(secret, "…")
        return words[:WORDS]


class _Failure(NamedTuple):
    """How an attempt ended: whether another may help, a smaller request may as well, and after how many seconds."""

    error: type[Exception]
    what: str
    is_passing: bool = False
    is_curable: bool = False
    retry_after: float = 0.0

    def exception(self) -> Exception:
        if self.error is AnswerRefused:
            return AnswerRefused(self.what, self.is_passing)
        return self.error(self.what)


def _address(url: str) -> tuple[str, list[str]]:
    """As much of the url as may be shown, and what must not be, the longest first.

    Raises:
        UsageError: it is no http or https address.
    """
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        parts = host = None
    if not host or parts.scheme not in ("http", "https"):
        raise UsageError("A provider's address must be like http://127.0.0.1:8545 or https://host/key.")
    values = [value for _, value in parse_qsl(parts.query)]
    pieces = [url, parts.path, parts.query, *parts.path.split("/"), *values, parts.username, parts.password]
    secrets = {form for piece in pieces if piece for form in (piece, unquote(piece)) if len(form) >= SECRET_LENGTH}
    return f"{parts.scheme}://{host}", sorted(secrets, key=len, reverse=True)


def _retry_after(response: requests.Response) -> float:
    """Seconds the provider asks to wait; 0 when it does not say so legibly."""
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
