"""Work for many things at once."""

from __future__ import annotations

import threading
import time

import pytest

from connector.targets.parallel import MOST_THREADS, for_all

LONG = 10.0


def soon() -> float:
    return time.monotonic() + LONG


def test_results_have_the_order_of_the_items() -> None:
    turn = threading.Semaphore(0)

    def work(number: int) -> int:
        if number == 0:
            assert turn.acquire(timeout=LONG)  # the first is done last
        elif number == 4:
            turn.release()
        return number * number

    assert for_all(work, range(5), soon()) == [0, 1, 4, 9, 16]
    assert for_all(work, [], soon()) == []


def test_number_of_threads_is_bounded() -> None:
    lock = threading.Lock()
    under_way = most = 0
    full = threading.Barrier(MOST_THREADS)

    def work(number: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        full.wait(LONG)  # which needs that many
        with lock:
            under_way -= 1

    for_all(work, range(3 * MOST_THREADS), soon())
    assert most == MOST_THREADS


def test_first_error_ends_the_work() -> None:
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        raise ValueError(str(number))

    with pytest.raises(ValueError, match=r"^\d+$"):
        for_all(work, range(10_000), soon())
    assert len(begun) < 10_000


def test_deadline_holds_for_work_that_never_returns() -> None:
    stuck = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            for_all(lambda _: stuck.wait(LONG), range(3), time.monotonic() + 0.1)
    finally:
        stuck.set()
