"""Work in threads: what a caller who breaks off waits for."""

import subprocess
import sys
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
    assert [thread for thread in threading.enumerate() if thread.name == "in_order"]


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


def test_a_process_ends_while_a_request_hangs():
    code = """
import threading
from ingestion.threads import in_order
next(in_order(lambda n: n and threading.Event().wait(), range(9), 2))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0


def test_what_had_not_begun_is_never_done(stop):
    begun: list[int] = []

    def answer(n: int) -> None:
        begun.append(n)
        if n:
            stop.wait(60)

    results = in_order(answer, range(10), 2)
    next(results)
    results.close()
    stop.set()
    for thread in threading.enumerate():
        if thread.name == "in_order":
            thread.join()
    assert begun == [0, 1, 2][: len(begun)]
    assert len(begun) < 4
