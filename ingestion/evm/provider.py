"""A provider's JSON-RPC over HTTP through web3.py: whole answers as bytes, an own retry, silent about secrets.

web3's provider tries 413 and 429 again blindly, ignores Retry-After and hides the provider's words; it also writes the
whole address, in which providers want their key, to the debug log.
"""

import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from web3 import HTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from ingestion.errors import UsageError
from ingestion.evm.errors import AnswerRefused
from ingestion.transport import redaction
from ingestion.transport.errors import NodeRefused, NodeUnreachable
from ingestion.transport.retry import ALWAYS, Failure, Policy, throttled
from ingestion.transport.session import Answer, Bounds, Cause, NoAnswer, Session

# What web3 imports raises it to 100,000: JSON nested that deep would then end the process, not raise an error.
sys.setrecursionlimit(1_000)

# 10,000 logs are 7 MB; a range is as wide as gave fewer before, and may hold many more.
BOUNDS = Bounds(max_bytes=256 * 2**20, silence_seconds=60, total_seconds=600)
LONGEST_WAIT_SECONDS = 15
BODY, WORDS = 4_096, 200
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
        bounds: Bounds = BOUNDS,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ):
        """Ask nothing yet.

        Args:
            url: its address; keys in it are never shown.
            in_flight: requests under way at once.
            attempts: how often a request is sent before its passing failure counts.
            bounds: of each answer.
            sleep, chance: wait between attempts, and how long, from 0 to 1 of the longest.

        Raises:
            UsageError: the url is no http or https address.
        """
        shown = redaction.origin(url)
        if shown is None:
            raise UsageError("A provider's address must be like http://127.0.0.1:8545 or https://host/key.")
        self.shown = shown
        self.in_flight = in_flight
        self._secrets = redaction.secrets(url)
        self._slots = threading.BoundedSemaphore(in_flight)
        self._session = Session(bounds, in_flight)
        # From half of the longest wait to all of it, so that not all threads come back at once.
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
        return self._ask(self.encode_rpc_request(RPCEndpoint(method), params), read, is_patient)

    def ask_many(self, method: str, params: Sequence[Sequence], read: Callable[[bytes], Result]) -> Result:
        """The same with several calls in one request."""
        return self._ask(
            self.encode_batch_rpc_request([(RPCEndpoint(method), each) for each in params]), read, is_patient=True
        )

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """As web3 asks."""
        return self.decode_rpc_response(self._make_request(method, self.encode_rpc_request(method, params)))

    def _make_request(self, method: RPCEndpoint, request_data: bytes) -> bytes:
        return self._ask(request_data, bytes, is_patient=True)

    def _ask(self, body: bytes, read: Callable[[bytes], Result], is_patient: bool) -> Result:
        patience = ALWAYS if is_patient else 0

        def send(_: int) -> Result | Failure:
            content = self._send(body, patience)
            if isinstance(content, Failure):
                return content
            try:
                return read(content)
            except AnswerRefused as error:
                return self._refusal(str(error), error.is_passing, patience)

        return self._policy.retry(send)

    def _send(self, body: bytes, patience: float) -> bytes | Failure:
        """One request; `patience` for what a smaller one may cure."""
        with self._slots:
            answer = self._session.request(str(self.endpoint_uri), self.shown, body, headers=self.get_request_headers())
        if isinstance(answer, NoAnswer):
            return _unanswered(answer, patience)
        return answer.content if answer.status == 200 else self._judged(answer, patience)

    def _judged(self, answer: Answer, patience: float) -> Failure:
        """What an answer other than 200 means."""
        words = self._words(answer.content[:BODY].decode(errors="replace").strip())
        reason = f"{self.shown} answers {answer.status} ({words or 'no reason given'})"
        if answer.status in (401, 403):
            return Failure(NodeRefused, reason, "check the key in its address")
        if answer.status == 429:
            return throttled(NodeUnreachable, reason, answer.headers)
        return Failure(_PASSING, reason, patience=patience) if answer.status >= 500 else Failure(_LASTING, reason)

    def _refusal(self, words: str, is_passing: bool, patience: float) -> Failure:
        """What an answer means that was read and refused."""
        reason = f"{self.shown}: {self._words(words)}"
        if is_passing:
            return Failure(_PASSING, reason, patience=patience)
        is_limit = any(mark in words.lower() for mark in ("rate limit", "too many requests", "compute units"))
        return Failure(_PASSING, reason, patience=ALWAYS) if is_limit else Failure(_LASTING, reason)

    def _words(self, words: str) -> str:
        """The provider's words, fit to be shown."""
        return redaction.redacted(words, self._secrets, WORDS)


_PASSING, _LASTING = (partial(AnswerRefused, is_passing=is_passing) for is_passing in (True, False))


def _unanswered(answer: NoAnswer, patience: float) -> Failure:
    """What it means that no answer came; `patience` where a smaller request may get one."""
    match answer.cause:
        case Cause.SILENT | Cause.BROKEN_OFF:
            return Failure(_PASSING, answer.reason, patience=patience)
        case Cause.TOO_LARGE:
            return Failure(_LASTING, answer.reason)
        case Cause.UNREACHABLE:
            return Failure(NodeUnreachable, answer.reason, "check the address and the connection", ALWAYS)
        case Cause.TOO_SLOW:
            return Failure(NodeUnreachable, answer.reason, "check the connection, or ask another provider")
        case _:
            return Failure(NodeUnreachable, answer.reason, "check the address")
