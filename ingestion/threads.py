"""Work in threads with results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item], in_flight: int) -> Iterator[Result]:
    """`function` of each item, in order; up to `in_flight` run in threads, and one result waits.

    Where one fails, those that are running are waited for; where the caller is interrupted or breaks off, they are not:
    a request may take minutes to time out.
    """
    waiting: deque = deque()
    pool = ThreadPoolExecutor(in_flight)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > in_flight:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()
    except Exception:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
