"""Work in threads with results in order."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Tasks = SimpleQueue[Callable[[], None] | None]


def in_order(function: Callable[[Item], Result], items: Iterable[Item], in_flight: int) -> Iterator[Result]:
    """`function` of each item, in order; up to `in_flight` run in threads, and one result waits.

    Where one fails, those that are running are waited for. Where the caller is interrupted or breaks off, they are not,
    nor at the end of the process, which a pool of `concurrent.futures` would hold up: a request may take minutes to
    time out.
    """
    waiting: deque[Future[Result]] = deque()
    tasks: Tasks = SimpleQueue()
    threads = 0
    try:
        for item in items:
            waiting.append(Future())
            tasks.put(partial(_run, waiting[-1], function, item))
            if threads < in_flight:
                threading.Thread(target=_work, args=(tasks,), name="in_order", daemon=True).start()
                threads += 1
            if len(waiting) > in_flight:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except Exception:
        _cancel(waiting)
        wait(waiting)
        raise
    finally:
        _cancel(waiting)
        for _ in range(threads):
            tasks.put(None)


def _work(tasks: Tasks) -> None:
    while task := tasks.get():
        task()


def _run(future: Future[Result], function: Callable[[Item], Result], item: Item) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function(item))
    except BaseException as error:
        future.set_exception(error)


def _cancel(futures: Iterable[Future[Result]]) -> None:
    for future in futures:
        future.cancel()
