"""The driver of an emulated agent: its clock, its timer and its far end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from .agent import Agent
from .behaviour import AgentBehaviour
from .farend import CloseFarEnd, Event, FarEnd, Opener, OpenFarEnd, SessionEnded
from .plugins import Plugin


class Worker:
    """Runs one :class:`Agent` on the event loop.

    :param open_far_end: opens what the session leads to.
    :param send: called with each batch of frames for the client.
    :param on_input_paused: called with ``True`` when the far end's input buffer is full, so that
        the client's link is not read, and with ``False`` when it has room again.
    :param on_ended: called once at the end, with the reason for the client.
    """

    def __init__(
        self,
        session_id: str,
        plugin: Plugin,
        open_far_end: Opener,
        *,
        behaviour: AgentBehaviour,
        rng: random.Random,
        send: Callable[[list[bytes]], None],
        on_input_paused: Callable[[bool], None],
        on_ended: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._open_far_end = open_far_end
        self._send = send
        self._on_input_paused = on_input_paused
        self._on_ended = on_ended
        now = self._loop.time()
        self._agent = Agent(
            session_id, plugin, behaviour, now=now, epoch=time.time() - now, rng=rng
        )
        self._timer: asyncio.TimerHandle | None = None
        self._opening: asyncio.Task[None] | None = None
        self._far_end: FarEnd | None = None
        self._output_paused = False
        self._closed = False

    def start(self) -> None:
        """Send the agent's first frames and start its timer."""
        self._pump()

    def receive_frames(self, frames: list[bytes]) -> None:
        """Process frames of the client, or of the service."""
        if not self._closed:
            self._handle(self._agent.receive_frames(frames, self._loop.time()))

    def lose_next_ack(self) -> None:
        """See :meth:`Agent.lose_next_ack`."""
        self._agent.lose_next_ack()

    def pause_output(self, paused: bool) -> None:
        """Stop or resume reading the far end, because the link is full or has room again."""
        self._output_paused = paused
        self._pump()

    def close(self) -> None:
        """Send no more frames, and close the far end after all input is written."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._opening is not None:
            self._opening.cancel()
        if self._far_end is not None:
            self._far_end.close()

    def abort(self) -> None:
        """Close at once; input that the far end has not read is lost."""
        self.close()
        if self._far_end is not None:
            self._far_end.abort()

    async def wait_closed(self) -> None:
        """Wait for the end of the far end. After :meth:`close` alone this may take for ever."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._far_end is not None:
            await self._far_end.lost.wait()

    # Callbacks of the far end

    def opened(self, far_end: FarEnd) -> None:
        """See :class:`Owner`, as for the callbacks below."""
        self._far_end = far_end
        self._agent.opened(self._loop.time())
        self._pump()

    def capacity(self) -> int:
        return 0 if self._output_paused else self._agent.output_capacity

    def received(self, data: bytes | memoryview, payload_type: int) -> None:
        self._agent.send_output(data, payload_type)
        self._pump()

    def full(self, full: bool) -> None:
        if not self._closed:
            self._on_input_paused(full)

    def closed(self, exit_status: int | None) -> None:
        self._agent.closed(self._loop.time(), exit_status)
        self._pump()

    async def _open(self) -> None:
        try:
            await self._open_far_end(self)
        except OSError as error:
            self._agent.refused(str(error), self._loop.time())
            self._pump()

    # The agent

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, OpenFarEnd):
                self._opening = self._loop.create_task(self._open())
            elif isinstance(event, SessionEnded):
                self._pump()
                self.close()
                self._on_ended(event.output)
            elif self._far_end is None:
                continue
            elif isinstance(event, CloseFarEnd):
                self._far_end.close()
            else:
                self._far_end.take(event)
        self._pump()

    def _pump(self) -> None:
        """After every change: send frames, start or stop reading the far end, set the timer."""
        if self._closed:
            return
        frames = self._agent.frames_to_send(self._loop.time())
        if frames:
            self._send(frames)
        if self._far_end is not None:
            self._far_end.set_reading(self.capacity() > 0)
        deadline = self._agent.get_timer()
        if self._timer is not None:
            if deadline == self._timer.when():
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._handle(self._agent.handle_timer(self._loop.time()))
