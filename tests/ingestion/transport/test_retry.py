"""How often and how long transient failures are retried."""

import math

import pytest

from ingestion.errors import FetchFailed
from ingestion.transport.retry import ALWAYS, MAX_RETRY_AFTER_SECONDS, Failure, Policy, retry_after, throttled

LASTING = Failure(FetchFailed, "it is broken", "mend it")
PASSING = LASTING._replace(patience=ALWAYS)


@pytest.fixture
def waits() -> list[float]:
    return []


def outcome(policy: Policy, *outcomes: Failure | str) -> tuple[str, int]:
    """The outcome when attempts end like this, the last one for ever; and the number of attempts."""
    attempts = 0

    def send(attempt: int) -> Failure | str:
        nonlocal attempts
        attempts += 1
        assert attempt == attempts
        return outcomes[min(attempt, len(outcomes)) - 1]

    try:
        return policy.retry(send), attempts
    except FetchFailed as error:
        return str(error), attempts


def test_a_lasting_failure_is_not_tried_again(waits: list[float]) -> None:
    assert outcome(Policy(float, sleep=waits.append), LASTING, "good") == ("it is broken: mend it.", 1)
    assert waits == []


def test_a_failure_without_remedy_is_its_reason() -> None:
    assert str(Failure(FetchFailed, "it is broken").exception()) == "it is broken"


def test_a_passing_failure_is_tried_as_often_as_allowed(waits: list[float]) -> None:
    policy = Policy(float, attempts=3, sleep=waits.append)
    assert outcome(policy, PASSING, PASSING, "good") == ("good", 3)
    assert outcome(policy, PASSING) == ("it is broken: mend it.", 3)
    assert waits == [1, 2, 1, 2]


@pytest.mark.parametrize(("patience", "attempts"), [(2.9, 2), (3, 3), (5.9, 3), (6, 4)])
def test_patience_is_the_sum_of_the_waits(waits: list[float], patience: float, attempts: int) -> None:
    policy = Policy(float, sleep=waits.append)
    assert outcome(policy, LASTING._replace(patience=patience)) == ("it is broken: mend it.", attempts)
    assert sum(waits) <= patience


def test_a_server_that_says_how_long_is_obeyed(waits: list[float]) -> None:
    policy = Policy(float, sleep=waits.append)
    assert outcome(policy, PASSING._replace(retry_after=7), PASSING, "good") == ("good", 3)
    assert waits == [7, 2]


def test_a_wait_of_just_the_bound_is_waited_for() -> None:
    headers = {"Retry-After": str(MAX_RETRY_AFTER_SECONDS)}
    assert throttled(FetchFailed, "busy", headers) == Failure(FetchFailed, "busy", "try again later", math.inf, 120)


@pytest.mark.parametrize(("seconds", "minutes"), [(MAX_RETRY_AFTER_SECONDS + 1, 3), (600, 10), (601, 11)])
def test_a_longer_wait_is_left_to_the_user(seconds: int, minutes: int) -> None:
    failure = throttled(FetchFailed, "busy", {"Retry-After": str(seconds)})
    assert failure == Failure(FetchFailed, "busy", f"try again in {minutes} minutes or later, as it asks")


def test_failures_of_another_patience_have_their_own_waits_and_attempts(waits: list[float]) -> None:
    policy = Policy(float, attempts=2, sleep=waits.append)
    limited, brief = (LASTING._replace(patience=patience) for patience in (100, 2))
    assert outcome(policy, *9 * [limited], PASSING, brief, "good") == ("good", 12)
    assert waits == [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1]


def test_a_server_that_asks_for_little_is_asked_less_and_less_often(waits: list[float]) -> None:
    policy = Policy(float, sleep=waits.append)
    assert outcome(policy, *4 * [PASSING._replace(retry_after=2.5)], "good") == ("good", 5)
    assert waits == [2.5, 2.5, 3, 4]


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"error": {"code": -32005, "data": {"rate": {"backoff_seconds": 30, "allowed_rps": 1}}}}', 30),
        (b'{"error":{"data":{"backoff_seconds":1.5}}}', 1.5),
        (b'{"retry_after": "12"}', 12),
        (b'{"retryAfter": 12}', 12),
        (b'{"backoff_seconds": -1}', 0),
        (b'{"backoff_seconds": 1e400}', 0),
        (b'{"backoff_seconds": "soon"}', 0),
        (b'"backoff_seconds": ' + 5000 * b"9", 0),
        (b"", 0),
    ],
)
def test_a_wait_may_be_asked_for_in_the_body(body: bytes, seconds: float) -> None:
    assert retry_after({}, body) == seconds
    assert retry_after({"Retry-After": "soon"}, body) == seconds
    assert retry_after({"Retry-After": "40"}, body) == 40
