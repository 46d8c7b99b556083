"""Many small transfers or digests at once, in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(call: Callable[[T], R], items: Iterable[T], *, workers: int) -> list[R]:
    """`call` of each item, results in order. The first error keeps what has not started from it and is raised."""
    todo = list(items)
    results: dict[int, R] = {}
    errors: list[BaseException] = []
    # Shared by the threads, each of which takes the next: a future for each item costs as much as a small upload.
    numbers = iter(range(len(todo)))

    def work() -> None:
        for number in numbers:
            if errors:
                return
            try:
                results[number] = call(todo[number])
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
