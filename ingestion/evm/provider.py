"""A provider's JSON-RPC over HTTP through web3.py: answers as bytes, with its own retries, and no secrets in messages.

web3's provider retries 413 and 429 blindly, ignores Retry-After and hides the provider's message; it also writes the
whole address, which has the user's key in it, to the debug log.
"""

import random
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from web3 import HTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from ingestion.errors import UsageError
from ingestion.evm import json_rpc
from ingestion.evm.errors import AnswerRefused
from ingestion.transport import redaction
from ingestion.transport.errors import NodeRefused, NodeUnreachable
from ingestion.transport.rate_limits import LIMIT_SECONDS, is_rate_limit
from ingestion.transport.retry import ALWAYS, Failure, Policy, retry_after, throttled
from ingestion.transport.session import Bounds, Cause, NoResponse, Response, Session

# A package that web3 imports raises it to 100,000: JSON nested that deep would then crash the process.
sys.setrecursionlimit(1_000)

# 10,000 logs are 7 MB; a range is as wide as the last one that had fewer, but may have many more.
BOUNDS = Bounds(max_bytes=256 * 2**20, silence_seconds=60, total_seconds=600)
LONGEST_WAIT_SECONDS = 15
BODY_BYTES, MESSAGE_CHARACTERS = 4_096, 200
Result = TypeVar("Result")


class Patience(NamedTuple):
    """Seconds to wait in total, by what failed.

    Attributes:
        passing: errors of the server, answers that cannot be read; where none came, the attempts are counted.
        refusal: an error that says neither that it will pass nor that it will last.
        limit: what may be a limit on requests, or on what one answer may hold.
    """

    passing: float
    refusal: float
    limit: float


# A smaller request may be served at once. A few tries tell whether the limit was one on requests.
RANGE, BATCH = Patience(0, 0, 15), Patience(ALWAYS, 0, 60)
# There is nothing smaller than a block. 300 s are 22 tries.
BLOCK = Patience(300, 300, LIMIT_SECONDS)
# A node that does not keep an old state says so in words of its own, so a refusal is believed.
OTHER = Patience(300, 0, LIMIT_SECONDS)
BLOCK_METHODS = ("eth_getLogs", "eth_getBlockByNumber")
# The method, or its parameters, are unknown: so they stay.
LASTING_CODES = {-32700, -32601, -32602, -32004}
LASTING_WORDS = re.compile(r"unknown block|not (be )?found")


class Provider(HTTPProvider):
    """A provider. May be used from several threads.

    Attributes:
        shown: its address as messages show it: scheme and host.
        in_flight: concurrent requests.
    """

    def __init__(
        self,
        url: str,
        in_flight: int = 4,
        attempts: int = 6,
        bounds: Bounds = BOUNDS,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ):
        """Sends no request yet.

        Args:
            url: its address; keys in it are never shown.
            in_flight: concurrent requests.
            attempts: the most times a request is sent to a provider that cannot be reached.
            bounds: of each answer.
            sleep, chance: wait between attempts; random part of the wait, from 0 to 1.

        Raises:
            UsageError: the url is not an http or https address.
        """
        shown = redaction.origin(url)
        if shown is None:
            raise UsageError("A provider's address must be like http://127.0.0.1:8545 or https://host/key.")
        self.shown = shown
        self.in_flight = in_flight
        self._secrets = redaction.secrets(url)
        self._slots = threading.BoundedSemaphore(in_flight)
        self._session = Session(bounds, in_flight)
        # From half of the longest wait to all of it, so that not all threads retry at once.
        self._policy = Policy(
            lambda attempt: min(2**attempt, LONGEST_WAIT_SECONDS) * (0.5 + chance() / 2), attempts, sleep
        )
        super().__init__(url, exception_retry_configuration=None)

    def __str__(self) -> str:
        return f"RPC connection {self.shown}"

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def ask(self, method: str, params: Sequence, read: Callable[[bytes], Result], is_patient: bool = True) -> Result:
        """`read` of the answer's bytes.

        Args:
            method, params: the call.
            read: may raise AnswerRefused.
            is_patient: whether to retry failures that a smaller request may avoid: a time-out, an error of the server,
                an answer that is cut short, a refusal. A rate limit and a lost connection are always retried.

        Raises:
            NodeUnreachable: it could not be reached or stays busy.
            NodeRefused: it refuses the credentials or this machine.
            AnswerRefused: the answer is an error or cannot be read; the text has the provider's message.
        """
        patience = (BLOCK if method in BLOCK_METHODS else OTHER) if is_patient else RANGE
        return self._ask(self.encode_rpc_request(RPCEndpoint(method), params), read, patience)

    def ask_many(self, method: str, params: Sequence[Sequence], read: Callable[[bytes], Result]) -> Result:
        """The same with several calls in one request, which fewer calls may replace."""
        return self._ask(self.encode_batch_rpc_request([(RPCEndpoint(method), each) for each in params]), read, BATCH)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Requests from web3 itself."""
        return self.decode_rpc_response(self._make_request(method, self.encode_rpc_request(method, params)))

    def _make_request(self, method: RPCEndpoint, request_data: bytes) -> bytes:
        return self._ask(request_data, bytes, OTHER)

    def _ask(self, body: bytes, read: Callable[[bytes], Result], patience: Patience) -> Result:
        def send(_: int) -> Result | Failure:
            answer = self._send(body, patience)
            if isinstance(answer, Failure):
                return answer
            try:
                return read(answer.content)
            except AnswerRefused as error:
                return self._refusal(error, answer, patience)

        return self._policy.retry(send)

    def _send(self, body: bytes, patience: Patience) -> Response | Failure:
        """Sends one request."""
        with self._slots:
            answer = self._session.request(str(self.endpoint_uri), self.shown, body, headers=self.get_request_headers())
        if isinstance(answer, NoResponse):
            return _unanswered(answer, ALWAYS if patience.passing else 0)
        return answer if answer.status == 200 else self._http_failure(answer, patience)

    def _http_failure(self, answer: Response, patience: Patience) -> Failure:
        """The failure that an answer other than 200 means."""
        start = answer.content[:BODY_BYTES]
        error = json_rpc.error(answer.content)
        message = self._redacted(str(error) if error else start.decode(errors="replace"))
        reason = f"{self.shown} answers {answer.status} ({message or 'no reason given'})"
        if answer.status == 429 or retry_after(answer.headers, start):
            return throttled(NodeUnreachable, reason, answer.headers, start, LIMIT_SECONDS)
        if answer.status >= 500 or answer.status == 408:
            return Failure(_PASSING, reason, patience=patience.passing)
        if is_rate_limit(error.code if error else None, message):
            return _limited(reason, patience)
        if answer.status in (401, 403):
            return Failure(NodeRefused, reason, "check the key in its address")
        return Failure(_LASTING, reason, patience=patience.refusal if answer.status == 400 else 0)

    def _refusal(self, error: AnswerRefused, answer: Response, patience: Patience) -> Failure:
        """The failure that an answer means which was read and refused."""
        words, start = str(error), answer.content[:BODY_BYTES]
        reason = f"{self.shown}: {self._redacted(words)}"
        if error.code is not None and retry_after(answer.headers, start):
            return throttled(NodeUnreachable, reason, answer.headers, start, LIMIT_SECONDS)
        if is_rate_limit(error.code, words):
            return _limited(reason, patience)
        if error.is_passing:
            return Failure(_PASSING, reason, patience=patience.passing)
        is_lasting = error.code in LASTING_CODES or bool(LASTING_WORDS.search(words.lower()))
        return Failure(_LASTING, reason, patience=0 if is_lasting else patience.refusal)

    def _redacted(self, message: str) -> str:
        """The provider's message, short and without secrets."""
        return redaction.redacted(message, self._secrets, MESSAGE_CHARACTERS)


_PASSING, _LASTING = (partial(AnswerRefused, is_passing=is_passing) for is_passing in (True, False))


def _limited(reason: str, patience: Patience) -> Failure:
    """The failure of what is, or may be, a limit on requests."""
    if patience.limit < LIMIT_SECONDS:
        return Failure(_PASSING, reason, patience=patience.limit)
    return Failure(NodeUnreachable, reason, "try again later, or use another provider", LIMIT_SECONDS)


def _unanswered(answer: NoResponse, patience: float) -> Failure:
    """The failure where no answer came; `patience` is for causes that a smaller request may avoid."""
    match answer.cause:
        case Cause.SILENT | Cause.BROKEN_OFF:
            return Failure(_PASSING, answer.reason, patience=patience)
        case Cause.TOO_LARGE:
            return Failure(_LASTING, answer.reason)
        case Cause.UNREACHABLE:
            return Failure(NodeUnreachable, answer.reason, "check the address and the connection", ALWAYS)
        case Cause.TOO_SLOW:
            return Failure(NodeUnreachable, answer.reason, "check the connection, or use another provider")
        case _:
            return Failure(NodeUnreachable, answer.reason, "check the address")
