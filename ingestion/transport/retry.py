"""Whether and when a failed request is sent again."""

import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from urllib3 import Retry
from urllib3.exceptions import InvalidHeader

from ingestion.errors import IngestionError

MAX_RETRY_AFTER_SECONDS = 120
# As Infura and others write it into the body, {"error": {"data": {"rate": {"backoff_seconds": 30}}}}.
_HINT = re.compile(rb'"(?:backoff_seconds|retry_?after(?:_seconds)?)"\s*:\s*"?([0-9]{1,9}(?:\.[0-9]{1,9})?)\b', re.I)
# The patience of failures that only the number of attempts limits.
ALWAYS = math.inf

Result = TypeVar("Result")


class Failure(NamedTuple):
    """How an attempt failed. Returned, not raised, so that no exception with a secret becomes another's context.

    Attributes:
        error: makes the error to raise from its text.
        reason: what went wrong.
        remedy: what a user can do; empty where the caller adds it.
        patience: seconds to wait in total for a better outcome; 0 for a permanent failure. Failures of another patience
            have their own.
        retry_after: seconds the server asks to wait; 0 where it does not ask.
    """

    error: Callable[[str], IngestionError]
    reason: str
    remedy: str = ""
    patience: float = 0.0
    retry_after: float = 0.0

    def exception(self) -> IngestionError:
        """The error to raise."""
        return self.error(f"{self.reason}: {self.remedy}." if self.remedy else self.reason)


@dataclass(frozen=True)
class Policy:
    """How often to try and how long to wait.

    Attributes:
        backoff: the least seconds to wait after the n-th failure, counted from 1; a server may ask for more.
        attempts: the most times a request is sent whose failures have no end to their patience.
        sleep: waits for a number of seconds.
    """

    backoff: Callable[[int], float]
    attempts: float = math.inf
    sleep: Callable[[float], None] = time.sleep

    def retry(self, send: Callable[[int], Result | Failure]) -> Result:
        """The first result of `send` that is not a failure; it is called with the number of the attempt.

        Raises:
            the error of the last failure, once it is permanent, or attempts or patience are used up.
        """
        attempt = 1
        failed, waited = Counter[float](), defaultdict[float, float](float)  # by patience
        while isinstance(outcome := send(attempt), Failure):
            patience = outcome.patience
            failed[patience] += 1
            wait = max(outcome.retry_after, self.backoff(failed[patience]))
            is_last = patience == ALWAYS and failed[patience] >= self.attempts
            if is_last or waited[patience] + wait > patience:
                raise outcome.exception()
            self.sleep(wait)
            waited[patience] += wait
            attempt += 1
        return outcome


def throttled(
    error: Callable[[str], IngestionError],
    reason: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    patience: float = ALWAYS,
) -> Failure:
    """The failure of a server that asks for a pause; permanent where it asks for a long one."""
    seconds = retry_after(headers, body)
    if seconds > MAX_RETRY_AFTER_SECONDS:
        return Failure(error, reason, f"try again in {math.ceil(seconds / 60)} minutes or later, as it asks")
    return Failure(error, reason, "try again later", patience, seconds)


def retry_after(headers: Mapping[str, str], body: bytes = b"") -> float:
    """Seconds the server asks to wait, in its headers or in JSON; 0 where it names none that can be read."""
    hint = _HINT.search(body)
    in_body = float(hint[1]) if hint else 0.0
    try:
        return max(in_body, Retry().parse_retry_after(headers.get("Retry-After", "0")))
    except (InvalidHeader, ValueError, OverflowError):
        return in_body
