"""Requests to one node: transient failures are retried, and secrets never reach messages."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from ingestion.errors import UsageError
from ingestion.transport import redaction
from ingestion.transport.errors import NodeRefused, NodeUnreachable
from ingestion.transport.rate_limits import LIMIT_SECONDS, is_rate_limit
from ingestion.transport.retry import Failure, Policy, retry_after, throttled
from ingestion.transport.session import Bounds, Cause, NoResponse, Response, Session

# A block of 4 MB is 20 to 40 MB of JSON; more where the scripts it spends are longer than its own.
BOUNDS = Bounds(max_bytes=512 * 2**20, silence_seconds=60, total_seconds=600)
# Seconds to wait, in total, for a node that is starting or busy, and for one that broke off or went silent.
BUSY_SECONDS, BROKEN_SECONDS = 120, 3
LONGEST_WAIT_SECONDS = 15
# An answer that only refuses is shorter.
REFUSAL_BYTES = 4_096

_REMEDIES = {
    Cause.SILENT: (NodeUnreachable, "try again when it is less busy", BROKEN_SECONDS),
    Cause.BROKEN_OFF: (NodeUnreachable, "try again later", BROKEN_SECONDS),
    Cause.UNREACHABLE: (NodeUnreachable, "start the node, or check the address", BROKEN_SECONDS),
    Cause.TOO_SLOW: (NodeUnreachable, "check the address and the connection", 0),
    Cause.TOO_LARGE: (NodeRefused, "check the address", 0),
    Cause.INVALID: (NodeUnreachable, "check the address", 0),
}

Login = Callable[[], tuple[bytes, bytes]]
Result = TypeVar("Result")


class Connection:
    """A node's HTTP interface. May be used from several threads.

    Args:
        url: the node's address, without credentials.
        login: returns user and password, called for each request; None where there are none.
        in_flight: concurrent requests.
        bounds: of each answer.
        sleep: waits between attempts.

    Attributes:
        shown: its address as messages show it.

    Raises:
        UsageError: `url` is not an http or https address, or has credentials in it.
    """

    def __init__(
        self,
        url: str,
        login: Login | None,
        in_flight: int,
        bounds: Bounds,
        sleep: Callable[[float], None] = time.sleep,
    ):
        shown = None if "@" in url else redaction.origin(url)
        if shown is None:
            raise UsageError(
                "The node's address must be like http://127.0.0.1:8332, with user and password given separately."
            )
        self.shown = shown
        self._url = url.rstrip("/")
        self._login = login
        # Proxies and .netrc are for the internet, not for the user's own node.
        self._session = Session(bounds, in_flight, trust_env=False)
        self._policy = Policy(lambda attempt: min(2 ** (attempt - 1), LONGEST_WAIT_SECONDS), sleep=sleep)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def ask(self, path: str, body: bytes | None, read: Callable[[Response], Result | Failure]) -> Result:
        """`read` of the node's answer; the request is sent again while that is a transient failure.

        Raises:
            the error of the failure that lasted.
        """

        def send(_: int) -> Result | Failure:
            answer = self._send(path, body)
            return answer if isinstance(answer, Failure) else read(answer)

        return self._policy.retry(send)

    def decoded(self, answer: Response, decoder: msgspec.json.Decoder[Result]) -> Result | Failure:
        """The answer's content, or the failure to read it."""
        try:
            return decoder.decode(answer.content)
        except msgspec.ValidationError:
            reason = f"{self.shown} gave an answer ({answer.status}) that is not a Bitcoin node's"
            return Failure(NodeRefused, reason, "check the address and the node's version")
        except msgspec.DecodeError:
            reason = f"{self.shown} gave an answer ({answer.status}) that cannot be read to its end"
            return Failure(NodeUnreachable, reason, "check the address, or try again later", BROKEN_SECONDS)

    def busy(self, message: str) -> Failure:
        """The failure of a node that says it is starting or overloaded."""
        reason = f"{self.shown} was not ready within {BUSY_SECONDS} s ({message or 'no reason given'})"
        return Failure(NodeUnreachable, reason, "try again when it has started", BUSY_SECONDS)

    def limited(self, code: int | None, message: str) -> Failure | None:
        """The failure of a provider that limits requests; None where it refuses for another reason."""
        if not is_rate_limit(code, message):
            return None
        reason = f"{self.shown} answers '{redaction.on_one_line(message)}'"
        return Failure(NodeUnreachable, reason, "try again later, or use a node of your own", LIMIT_SECONDS)

    def _send(self, path: str, body: bytes | None) -> Response | Failure:
        answer = self._session.request(self._url + path, self.shown, body, auth=self._login() if self._login else None)
        if isinstance(answer, NoResponse):
            error, remedy, patience = _REMEDIES[answer.cause]
            return Failure(error, answer.reason, remedy, patience)
        if answer.status == 401:
            remedy = "check user and password, or give the .cookie file of the running node"
            return Failure(NodeRefused, f"{self.shown} refuses the credentials (401)", remedy)
        if failure := self._paused(answer):
            return failure
        if answer.status == 403:
            return Failure(NodeRefused, f"{self.shown} refuses this machine (403)", "allow it with -rpcallowip")
        return answer

    def _paused(self, answer: Response) -> Failure | None:
        """The failure of a node or provider that wants to be asked later; None where it says nothing of the kind."""
        start, headers = answer.content[:REFUSAL_BYTES], {} if answer.status == 200 else answer.headers
        if answer.status == 429 or retry_after(headers, start):
            reason = f"{self.shown} answers {answer.status} ({excerpt(answer) or 'no reason given'})"
            return throttled(NodeUnreachable, reason, headers, start, LIMIT_SECONDS)
        # Older nodes answer 500 where newer ones answer 503: the queue of requests is full. Gateways answer 502, 504.
        if answer.status in (502, 503, 504) or (answer.status == 500 and answer.content.startswith(b"Work queue")):
            return self.busy(excerpt(answer))
        return None if answer.status == 200 else self.limited(None, excerpt(answer))


def excerpt(answer: Response) -> str:
    """The start of an answer as text, for messages."""
    return redaction.on_one_line(answer.content[:200].decode(errors="replace"))


def read_cookie(path: Path) -> tuple[bytes, bytes]:
    """User and password of a node's cookie file.

    Raises:
        NodeRefused: it cannot be read, or is not a cookie.
    """
    try:
        user, mark, password = path.read_bytes().strip().partition(b":")
    except OSError as error:
        raise NodeRefused(
            f"{path} cannot be read ({type(error).__name__}): start the node, which writes it into its network's data"
            " folder, or give user and password."
        ) from error
    if not mark:
        raise NodeRefused(f"{path} is not a node's cookie: give the .cookie file in its network's data folder.")
    return user, password
