"""The one place that every frame passes, on its way to the agent and to the client."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from ..faults.interference import Frame, Passage
from ..faults.plans import Direction

#: Sees every frame that a wire is given: session id, direction, frame.
Tap = Callable[[str, Direction, Frame], None]


class Wire:
    """Carries frames one way, in order and batch by batch unless it is disturbed.

    :param deliver: takes a batch at the other end.
    :param latency: seconds on the way; 0 delivers at once.
    :param disturb: what becomes of a batch; the frames that it leaves out are lost.
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
        #: Time of arrival, the order of sending, frames: a heap.
        self._under_way: list[tuple[float, int, list[Frame]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, frames: list[Frame]) -> None:
        """Put a batch on the wire."""
        if self._disturb is None:
            self._carry(self._latency, frames)
            return
        for late, passages in itertools.groupby(self._disturb(frames), lambda one: one[0]):
            self._carry(self._latency + late, [frame for _, frame in passages])

    def clear(self) -> None:
        """Lose what is under way, and be still."""
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _carry(self, seconds: float, frames: list[Frame]) -> None:
        if not seconds:
            self._arrive()  # what was due before and waits for its timer
            self._deliver(frames)
            return
        arrival = self._loop.time() + seconds
        heapq.heappush(self._under_way, (arrival, next(self._order), frames))
        self._arm()

    def _arm(self) -> None:
        arrival = self._under_way[0][0]
        if self._timer is not None:
            if self._timer.when() <= arrival:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(arrival, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._arrive()
        if self._under_way and self._timer is None:
            self._arm()

    def _arrive(self) -> None:
        now = self._loop.time()
        arrived: list[Frame] = []
        while self._under_way and self._under_way[0][0] <= now:
            arrived += heapq.heappop(self._under_way)[2]
        if arrived:
            self._deliver(arrived)
