"""Loop: the event loop, for sockets, pipes, timers, signals, and threads that call back.

It is not asyncio, whose import takes some 30 ms of every ``ssh`` and whose wake-ups take about
a third more CPU. A tunnel needs no more than is here.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

from ..fast.typed import Any, TypeVar

T = TypeVar("T")
Callback = Callable[[], None]


class Timer:
    """A pending call, until :meth:`cancel`."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callback) -> None:
        self.when = when
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        self.callback = None


class Alarm:
    """A timer that can be set again; setting it replaces the pending call."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._timer: Timer | None = None

    @property
    def when(self) -> float | None:
        """The time that it is set to; ``None`` if no call is pending."""
        return self._timer.when if self._timer and self._timer.callback else None

    def set(self, when: float, callback: Callback) -> None:
        self.cancel()
        self._timer = self._loop.call_at(when, callback)

    def cancel(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


class Loop:
    """Runs callbacks in the thread that calls :meth:`run`.

    Only that thread may call the methods, except :meth:`call_soon`, which any thread and any
    signal handler may call.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, tuple[Callback | None, Callback | None]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._counter = itertools.count()
        self._soon: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        # A byte in this pair wakes the selector; signal.set_wakeup_fd writes here too.
        self._wake_reader, self.wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self.wake_writer.setblocking(False)
        self.watch(self._wake_reader.fileno(), self._drain_wake_ups, None)

    def close(self) -> None:
        self._selector.close()
        self._wake_reader.close()
        self.wake_writer.close()

    def time(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()

    def watch(self, fd: int, readable: Callback | None, writable: Callback | None) -> None:
        """Call back whenever ``fd`` can be read or written. Two ``None`` end the watch.

        :raises PermissionError: when ``fd`` cannot be polled, such as a regular file.
        """
        before = self._watched.get(fd)
        if before == (readable, writable):
            return
        events = (selectors.EVENT_READ if readable else 0) | (
            selectors.EVENT_WRITE if writable else 0
        )
        if not events:
            if before:
                self._selector.unregister(fd)
                del self._watched[fd]
            return
        if before:
            self._selector.modify(fd, events)
        else:
            self._selector.register(fd, events)
        self._watched[fd] = (readable, writable)

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Call back when :meth:`time` reaches ``when``."""
        timer = Timer(when, callback)
        heapq.heappush(self._timers, (when, next(self._counter), timer))
        return timer

    def call_soon(self, callback: Callable[..., None], *args: Any) -> None:
        """Call back at the next turn. Any thread and any signal handler may call this."""
        self._soon.append((callback, args))
        try:
            self.wake_writer.send(b"\0")
        except BlockingIOError:
            return  # it is full of wake-up bytes already
        except OSError:
            return  # a thread reports to a loop that is closed

    def run_in_thread(
        self,
        work: Callable[[], T],
        done: Callable[[T | None, BaseException | None], None],
    ) -> None:
        """Run ``work`` in a thread of its own, and then ``done(result, error)`` in the loop.

        The thread is a daemon: the process may exit before the work is done.
        """

        def run() -> None:
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - passed to done
                self.call_soon(done, None, error)
            else:
                self.call_soon(done, result, None)

        threading.Thread(target=run, daemon=True).start()

    def run(self, until: Callable[[], bool]) -> None:
        """Run callbacks until ``until()`` is true."""
        while not until():
            self._turn()

    def _turn(self) -> None:
        timeout = 0.0 if self._soon else self._time_to_next_timer()
        for key, events in self._selector.select(timeout):
            # An earlier callback of this turn may have ended or changed the watch.
            readable, writable = self._watched.get(key.fd, (None, None))
            if readable and events & selectors.EVENT_READ:
                readable()
                writable = self._watched.get(key.fd, (None, None))[1]
            if writable and events & selectors.EVENT_WRITE:
                writable()
        now = self.time()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            callback, timer.callback = timer.callback, None
            if callback:
                callback()
        for _ in range(len(self._soon)):
            call, args = self._soon.popleft()
            call(*args)

    def _time_to_next_timer(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - self.time()) if self._timers else None

    def _drain_wake_ups(self) -> None:
        try:
            while self._wake_reader.recv(4096):
                continue
        except BlockingIOError:
            return
