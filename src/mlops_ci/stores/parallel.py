"""Many small transfers or digests at once, in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(call: Callable[[T], R], items: Iterable[T], *, workers: int) -> list[R]:
    """`call` of each item, results in order. The first error keeps what has not started from it and is raised."""
    return in_flight(lambda item: partial(call, item), items, workers=workers, ahead=1)


def in_flight(begin: Callable[[T], Callable[[], R]], items: Iterable[T], *, workers: int, ahead: int) -> list[R]:
    """The same for what is begun first and awaited later: each thread has up to `ahead` of them on their way."""
    todo = list(items)
    results: dict[int, R] = {}
    errors: list[BaseException] = []
    # Shared by the threads, each of which takes the next: a future for each item costs as much as a small upload.
    numbers = iter(range(len(todo)))

    def work() -> None:
        begun: deque[tuple[int, Callable[[], R]]] = deque()
        try:
            for number in numbers:
                if errors:
                    return
                begun.append((number, begin(todo[number])))
                if len(begun) == ahead:
                    first, end = begun.popleft()
                    results[first] = end()
            for number, end in begun:
                results[number] = end()
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            errors.append(error)

    if not todo:
        return []
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="transfer") as pool:
        futures = [pool.submit(work) for _ in range(min(workers, len(todo)))]
        try:
            wait(futures)
        except BaseException as error:
            errors.append(error)
            raise
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(todo))]
