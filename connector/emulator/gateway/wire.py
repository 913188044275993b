"""The wire that all frames of one direction pass."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from ..faults.interference import Frame, Passage
from ..faults.plans import Direction

#: Gets every frame in front of its wire: session id, direction, frame.
Tap = Callable[[str, Direction, Frame], None]


class Wire:
    """A wire that carries frames in one direction, batch by batch and in order, except for faults.

    :param deliver: called with each batch that arrives.
    :param latency: seconds on the way; 0 delivers at once.
    :param disturb: returns the frames of a batch that arrive, with their delays.
    """

    def __init__(
        self,
        deliver: Callable[[list[Frame]], None],
        latency: float = 0.0,
        disturb: Callable[[list[Frame]], list[Passage]] | None = None,
    ) -> None:
        self._deliver = deliver
        self._latency = latency
        self._disturb = disturb
        self._loop = asyncio.get_running_loop()
        #: A heap of arrival time, order of sending, frames.
        self._in_flight: list[tuple[float, int, list[Frame]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, frames: list[Frame]) -> None:
        """Send a batch."""
        if self._disturb is None:
            self._carry(self._latency, frames)
            return
        for late, passages in itertools.groupby(self._disturb(frames), lambda one: one[0]):
            self._carry(self._latency + late, [frame for _, frame in passages])

    def clear(self) -> None:
        """Drop the frames on the way."""
        self._in_flight.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _carry(self, seconds: float, frames: list[Frame]) -> None:
        if not seconds:
            self._arrive()  # deliver earlier batches whose timer is late
            self._deliver(frames)
            return
        arrival = self._loop.time() + seconds
        heapq.heappush(self._in_flight, (arrival, next(self._order), frames))
        self._arm()

    def _arm(self) -> None:
        arrival = self._in_flight[0][0]
        if self._timer is not None:
            if self._timer.when() <= arrival:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(arrival, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._arrive()
        if self._in_flight and self._timer is None:
            self._arm()

    def _arrive(self) -> None:
        now = self._loop.time()
        arrived: list[Frame] = []
        while self._in_flight and self._in_flight[0][0] <= now:
            arrived += heapq.heappop(self._in_flight)[2]
        if arrived:
            self._deliver(arrived)
