"""Work in threads: what a caller who breaks off waits for."""

import threading
from collections.abc import Iterator

import pytest

from ingestion.threads import in_order


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    yield stop
    stop.set()


def test_results_come_in_order_and_no_more_is_begun_than_asked_for():
    begun: list[int] = []
    results = in_order(lambda n: begun.append(n) or n * n, range(100), 3)
    assert next(results) == 0
    assert len(begun) <= 5
    assert [*results] == [n * n for n in range(1, 100)]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, None])
def test_whoever_is_interrupted_waits_for_no_request(stop, interrupt):
    def answer(n: int) -> int:
        if n:
            stop.wait(60)
        return n

    results = in_order(answer, range(10), 2)
    assert next(results) == 0
    if interrupt:
        with pytest.raises(interrupt):
            results.throw(interrupt)
    else:
        results.close()
    assert not stop.is_set()
    assert [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_a_failure_waits_for_the_requests_beside_it(stop):
    """Whoever asks again would have them in flight twice."""
    ended: list[int] = []

    def answer(n: int) -> int:
        if n == 0:
            raise ValueError("no")
        stop.wait(0.2)
        ended.append(n)
        return n

    with pytest.raises(ValueError, match="no"):
        [*in_order(answer, range(3), 2)]
    assert ended
