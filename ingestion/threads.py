"""Work in threads whose results come in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item], in_flight: int) -> Iterator[Result]:
    """`function` of each item in their order, up to `in_flight` at work in threads and one waiting."""
    waiting: deque = deque()
    pool = ThreadPoolExecutor(in_flight)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > in_flight:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
