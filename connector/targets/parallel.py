"""The same work for many items in parallel, with a deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Calls in parallel. A few dozen projects take a second or two, and no service calls it a flood.
MOST_THREADS = 8


def for_all(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    deadline: float,
    late: Callable[[Item], Result] | None = None,
) -> list[Result]:
    """Do the work for each item in threads; return the results in the order of the items.

    The threads are daemons. An executor of the standard library would wait for its threads when
    the process exits, and a name resolver knows no deadline.

    :param deadline: on the clock of ``time.monotonic``.
    :param late: return the result of an item whose work is not done by the deadline.
    :raises TimeoutError: when the deadline has passed before all work is done, without ``late``.
    :raises Exception: the first that the work raises; then no further item is begun.
    """
    todo: queue.SimpleQueue[tuple[int, Item]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result | None, Exception | None]] = queue.SimpleQueue()
    given_up = threading.Event()
    for pair in enumerate(items):
        todo.put(pair)

    def run() -> None:
        while not given_up.is_set():
            try:
                number, item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, work(item), None))
            except Exception as error:  # noqa: BLE001 - raised in the calling thread
                given_up.set()
                done.put((number, None, error))

    for _ in range(min(len(items), MOST_THREADS)):
        threading.Thread(target=run, daemon=True).start()
    results: dict[int, Result] = {}
    try:
        while len(results) < len(items):
            try:
                number, result, error = done.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                if late is None:
                    raise TimeoutError from None
                missing = (number for number in range(len(items)) if number not in results)
                results |= {number: late(items[number]) for number in missing}
                break
            if error is not None:
                raise error
            results[number] = result  # type: ignore[assignment]
    finally:
        given_up.set()
    return [results[number] for number in range(len(items))]
