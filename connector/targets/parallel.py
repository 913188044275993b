"""The same work for many things at once, within a time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Calls under way at once: enough that a few dozen projects take a second or two, and far
#: from what a service would call a flood.
MOST_THREADS = 8


def for_all(work: Callable[[Item], Result], items: Sequence[Item], deadline: float) -> list[Result]:
    """Do the work for each item in threads; the results in the order of the items.

    The threads are daemons, which nobody waits for: a resolver knows no deadline, and an
    executor of the standard library would wait for it when the process exits.

    :param deadline: on the clock of ``time.monotonic``.
    :raises TimeoutError: when it is over before all is done.
    :raises Exception: the first that a piece of work raised; the rest is not begun.
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
            except Exception as error:  # noqa: BLE001 - handed on, whatever it is
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
                raise TimeoutError from None
            if error is not None:
                raise error
            results[number] = result  # type: ignore[assignment]
    finally:
        given_up.set()
    return [results[number] for number in range(len(items))]
