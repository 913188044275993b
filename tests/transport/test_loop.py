"""The loop: timers, threads and watches."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from connector.transport.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def run_until(loop: Loop, condition: list[object], count: int = 1) -> None:
    late = loop.call_at(loop.time() + 10, lambda: condition.append("late"))
    loop.run(lambda: len(condition) >= count)
    late.cancel()
    assert "late" not in condition


def test_timers_fire_in_order_unless_cancelled(loop: Loop) -> None:
    fired: list[object] = []
    now = loop.time()
    loop.call_at(now + 0.02, lambda: fired.append("second"))
    loop.call_at(now + 0.01, lambda: fired.append("first"))
    loop.call_at(now + 0.015, lambda: fired.append("cancelled")).cancel()

    run_until(loop, fired, 2)

    assert fired == ["first", "second"]


def test_thread_wakes_an_idle_loop(loop: Loop) -> None:
    called: list[object] = []
    threading.Thread(target=lambda: loop.call_soon(called.append, "hello")).start()

    run_until(loop, called)

    assert called == ["hello"]


def test_result_of_a_thread_arrives_in_the_loops_thread(loop: Loop) -> None:
    reports: list[object] = []
    loop.run_in_thread(
        lambda: threading.get_ident(),
        lambda result, error: reports.append((result, error, threading.get_ident())),
    )

    run_until(loop, reports)

    (report,) = reports
    assert isinstance(report, tuple)
    worker, error, reporter = report
    assert error is None
    assert reporter == threading.get_ident() != worker


def test_exception_of_a_thread_is_reported(loop: Loop) -> None:
    reports: list[object] = []

    def work() -> None:
        raise SystemExit(3)

    loop.run_in_thread(work, lambda _, error: reports.append(error))
    run_until(loop, reports)

    assert isinstance(reports[0], SystemExit)


def test_more_wake_ups_than_the_socket_holds_are_harmless(loop: Loop) -> None:
    called: list[object] = []
    for number in range(100_000):
        loop.call_soon(called.append, number)

    run_until(loop, called, 100_000)

    assert called == list(range(100_000))


def test_thread_may_report_to_a_closed_loop() -> None:
    loop = Loop()
    loop.close()

    loop.call_soon(print)  # it is dropped, and raises nothing


def test_watch_ended_by_an_earlier_callback_is_not_called(loop: Loop) -> None:
    reader, writer = os.pipe()
    other_reader, other_writer = os.pipe()
    called: list[object] = []

    def read(own: int, other: int) -> None:
        called.append(os.read(own, 1))
        loop.watch(other, None, None)

    loop.watch(reader, lambda: read(reader, other_reader), None)
    loop.watch(other_reader, lambda: read(other_reader, reader), None)
    os.write(writer, b"x")
    os.write(other_writer, b"x")

    run_until(loop, called)
    loop.call_at(loop.time() + 0.01, lambda: called.append("end"))
    run_until(loop, called, 2)

    assert called == [b"x", "end"]
    loop.watch(reader, None, None)
    loop.watch(other_reader, None, None)
    for fd in (reader, writer, other_reader, other_writer):
        os.close(fd)
