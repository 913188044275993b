"""One session in the gateway: its agent, the client's current link, and the wires between."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import math
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from ...datachannel.agentmessage import AgentMessage
from ...datachannel.messages import (
    CHANNEL_CLOSED,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
)
from ..agent.worker import Worker
from ..faults.interference import Frame, Interference, Passage
from ..faults.plans import AgentCut, Close, Cut, Direction, How, Incident, Pause
from .link import Link

#: Seconds that a client gets to close its link after channel_closed.
LINGER = 2.0


@dataclass(frozen=True)
class RelayBehaviour:
    """How the service treats a session. All times are in seconds."""

    #: Added to each way of the network.
    latency_to_agent: float = 0.0
    latency_to_client: float = 0.0
    #: The maximum of a client's frame in bytes. A larger one closes the link with 1009. AWS's
    #: limit is unknown.
    largest_frame: float = math.inf
    #: How long a session without a client lives. AWS's value is unknown.
    client_gone_timeout: float = 60.0


class Relay:
    """The relay between a client and its agent. It also tells the agent when the client leaves.

    :param make_worker: returns the session's worker. Its arguments are callbacks: for frames to
        the client, for a full or empty input buffer, and for the end.
    :param on_ended: called once, with the reason in channel_closed.
    :param interfere: returns the session's faults, or ``None``. Its argument is a callback that
        carries out an incident, and returns ``False`` if that is not possible now.

    :ivar token_value: the token that opened the last link. A secret.
    """

    def __init__(
        self,
        session_id: str,
        destination_id: str,
        behaviour: RelayBehaviour,
        make_worker: Callable[
            [Callable[[list[bytes]], None], Callable[[bool], None], Callable[[str], None]], Worker
        ],
        tap: Tap | None,
        on_ended: Callable[[str], None],
        interfere: Callable[[Callable[[Incident], bool]], Interference | None],
    ) -> None:
        self.link: Link | None = None
        self.token_value = ""
        self.ended = False
        self._session_id = session_id
        self._destination_id = destination_id
        self._behaviour = behaviour
        self._tap = tap
        self._on_ended = on_ended
        self._interference = interfere(self._act)
        self._tasks: set[asyncio.Task[None]] = set()  # closing handshakes
        self._to_agent = self._wire(
            Direction.TO_AGENT, behaviour.latency_to_agent, self._deliver_to_agent
        )
        self._to_client = self._wire(
            Direction.TO_CLIENT, behaviour.latency_to_client, self._deliver_to_client
        )
        self._port_full = False
        self._link_full = False
        self._gone_timer: asyncio.TimerHandle | None = None
        self._worker = make_worker(self._send_to_client, self._set_port_full, self.end)

    def start(self, link: Link) -> None:
        """Take the session's first link, and tell both ends to begin."""
        self.link = link
        self._send_to_client([_control(START_PUBLICATION)])
        self._worker.start()
        link.start(self)
        self._set_reading()

    def attach(self, link: Link) -> None:
        """Take another link of the client in place of the current one."""
        if self.link is not None:
            self.link.cut()
            self.detach(self.link)
        if self._gone_timer is not None:
            self._gone_timer.cancel()
        self.link = link
        self._set_link_full(False)
        self._send_to_agent([_control(START_PUBLICATION)])
        link.start(self)
        self._set_reading()
        self._send_to_client([_control(START_PUBLICATION)])

    def detach(self, link: Link) -> None:
        """Forget a link that is closed. Frames on the way to the client are lost."""
        if link is not self.link:
            return
        self.link = None
        self._to_client.clear()
        if not self.ended:
            self._send_to_agent([_control(PAUSE_PUBLICATION)])
            self._gone_timer = asyncio.get_running_loop().call_later(
                self._behaviour.client_gone_timeout, self.end, ""
            )

    def announce(self, message_type: str, text: bool) -> None:
        """Send the client a message without content, such as ``pause_publication``.

        :param text: send a bare text frame instead of a message.
        """
        self._send_to_client([message_type] if text else [_control(message_type)])

    def end(self, output: str) -> None:
        """End the session.

        :param output: the reason in ``channel_closed``; may be empty.
        """
        if self.ended:
            return
        self.ended = True
        self._worker.close()
        if self._gone_timer is not None:
            self._gone_timer.cancel()
        if self._interference is not None:
            self._interference.close()
        self._send_to_client([_channel_closed(self._session_id, self._destination_id, output)])
        self._on_ended(output)

    async def closed(self) -> None:
        """After the end: wait until the link and the far end are closed."""
        if self.link is not None and self.link.silent:
            self.link.cut()
        if self.link is not None:
            self.link.set_reading(True)
            with contextlib.suppress(asyncio.TimeoutError):
                timeout = LINGER + self._behaviour.latency_to_client
                await asyncio.wait_for(self.link.wait_closed(), timeout)
            if self.link is not None:
                await self.link.close()
        self._to_agent.clear()
        self._to_client.clear()
        await self._worker.wait_closed()

    def abort(self) -> None:
        """End the session at once, if it has not ended, and cut its link."""
        self.end("")
        self._worker.abort()
        if self.link is not None:
            self.link.cut()

    # Callbacks of the link

    def receive_frames(self, link: Link, frames: list[Frame]) -> None:
        if link is not self.link:
            return
        for index, frame in enumerate(frames):
            if len(frame) > self._behaviour.largest_frame:
                self._send_to_agent(frames[:index])
                self.cut(How.CLOSE, 1009)
                return
        self._send_to_agent(frames)

    def link_full(self, link: Link, full: bool) -> None:
        if link is self.link:
            self._set_link_full(full)

    # Faults

    def cut(self, how: How, code: int = 1001) -> bool:
        """Break the link. Return ``False`` if there is none.

        :param code: the code of the close frame, for ``How.CLOSE``.
        """
        link = self.link
        if link is None or not link.usable:
            return False
        if how is How.SILENCE:
            link.go_silent()
        elif how is How.CLOSE:
            task = asyncio.get_running_loop().create_task(link.close(code))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            link.cut(reset=how is How.RESET)
        return True

    def _act(self, incident: Incident) -> bool:
        if isinstance(incident, Cut):
            return self.cut(incident.how, incident.code)
        if isinstance(incident, Pause):
            self.announce(PAUSE_PUBLICATION, incident.text)
            asyncio.get_running_loop().call_later(
                incident.seconds, self.announce, START_PUBLICATION, incident.text
            )
            return True
        if isinstance(incident, AgentCut):
            self._worker.lose_next_ack()
            return True
        if isinstance(incident, Close):
            self.end(incident.output)
            return True
        return False

    def _wire(
        self, direction: Direction, latency: float, deliver: Callable[[list[Frame]], None]
    ) -> Wire:
        interference = self._interference

        def disturb(frames: list[Frame]) -> list[Passage]:
            if interference is None or self.link is None or not self.link.usable:
                return [(0.0, frame) for frame in frames]
            return interference.disturb(direction, frames)

        return Wire(deliver, latency, None if interference is None else disturb)

    # Wires and back-pressure

    def _send_to_agent(self, frames: list[Frame]) -> None:
        self._carry(Direction.TO_AGENT, self._to_agent, frames)

    def _send_to_client(self, frames: Sequence[Frame]) -> None:
        self._carry(Direction.TO_CLIENT, self._to_client, list(frames))

    def _carry(self, direction: Direction, wire: Wire, frames: list[Frame]) -> None:
        if self._tap is not None:
            for frame in frames:
                self._tap(self._session_id, direction, frame)
        wire.send(frames)

    def _deliver_to_agent(self, frames: list[Frame]) -> None:
        self._worker.receive_frames([frame for frame in frames if isinstance(frame, bytes)])

    def _deliver_to_client(self, frames: list[Frame]) -> None:
        if self.link is not None:
            self.link.send_frames(frames)

    def _set_port_full(self, full: bool) -> None:
        self._port_full = full
        self._set_reading()

    def _set_link_full(self, full: bool) -> None:
        self._link_full = full
        self._worker.pause_output(full)
        self._set_reading()

    def _set_reading(self) -> None:
        # A client that does not read gets no acks, so its input waits too.
        if self.link is not None and not self.ended:
            self.link.set_reading(not self._port_full and not self._link_full)


def _control(message_type: str) -> bytes:
    return AgentMessage(
        message_type, b"{}", message_id=uuid.uuid4().bytes, created_date=int(time.time() * 1000)
    ).encode()


def _channel_closed(session_id: str, destination_id: str, output: str) -> bytes:
    """Return channel_closed with the members of the agent's and the plugin's sources."""
    message_id = uuid.uuid4()
    now = datetime.now(timezone.utc)
    document = {
        "CreatedDate": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "DestinationId": destination_id,
        "MessageId": str(message_id),
        "MessageType": CHANNEL_CLOSED,
        "Output": output,
        "SchemaVersion": 1,
        "SessionId": session_id,
    }
    wire_id = message_id.bytes[8:] + message_id.bytes[:8]
    return AgentMessage(
        CHANNEL_CLOSED,
        json.dumps(document, separators=(",", ":")).encode(),
        message_id=wire_id,
        created_date=int(now.timestamp() * 1000),
    ).encode()


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
