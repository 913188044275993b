"""Simulate our channel and the emulated agent over a faulty link, on a simulated clock."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from dataclasses import dataclass, replace

from connector.datachannel.events import ChannelClosed, DataReceived, Event, SessionOpened
from connector.datachannel.messages import (
    CHANNEL_CLOSED,
    OUTPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
)
from connector.datachannel.messages import HEADER as HEADER_STRUCT
from connector.datachannel.phases import State
from connector.emulator.agent import farend as agent_events
from connector.emulator.agent.agent import Agent
from connector.emulator.agent.behaviour import (
    CLEAN,
    REAL,
    AgentBehaviour,
)
from connector.emulator.agent.plugins import Port, Shell

from .helpers import make_channel, service

MAX_IN_FLIGHT = 8 * 1024
PAYLOAD_SIZE = 500
HEADER = 120

_PATIENT = replace(REAL, handshake_timeout=1e9)  # a link may be down for longer than 15 s
BEHAVIOURS: dict[str, AgentBehaviour] = {
    "real": _PATIENT,
    "clean": replace(CLEAN, handshake_timeout=1e9),
    # Every fault of the published agent at its worst. It loses fast acks of half of its output,
    # takes no input for long after HandshakeComplete, and dials the port for longer than the
    # client holds its input.
    "vicious": replace(
        _PATIENT,
        late_record_probability=0.5,
        late_record_delay=0.05,
        complete_gap=0.1,
        dial_delay=(0.05, 0.9),
        complete_before_ack=True,
    ),
    # World makes a shell of this one. It differs from the published agent: the terminate flag
    # ends it, where the service would, and it takes random bytes for input.
    "shell": replace(_PATIENT, always_obeys_flags=True, treats_output_as_text=False),
    # The same without output at the start, so the client sends its size into the silence.
    "silent": replace(
        _PATIENT, always_obeys_flags=True, treats_output_as_text=False, first_output_delay=0.5
    ),
    "forgetful": replace(_PATIENT, reorder_capacity=3, message_size=200),
}


@dataclass(frozen=True)
class Faults:
    """The faults of a wire: probabilities, and seconds."""

    drop: float = 0.0
    duplicate: float = 0.0
    damage: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0  # reorders frames
    largest: int = 1 << 20  # bytes of a frame; a larger one is lost


NO_FAULTS = Faults()


class Wire:
    """One direction between client and agent."""

    def __init__(self, rng: random.Random, faults: Faults) -> None:
        self.faults = faults
        self.lost = 0
        self._rng = rng
        self._under_way: list[tuple[float, int, bytes]] = []
        self._count = itertools.count()

    def put(self, frames: list[bytes], now: float) -> None:
        faults, rng = self.faults, self._rng
        for sent in frames:
            frame = sent
            if rng.random() < faults.drop or len(frame) > faults.largest:
                self.lost += 1
                continue
            if rng.random() < faults.damage:
                self.lost += 1
                frame = frame[:80] + bytes([frame[80] ^ 1]) + frame[81:]  # in its digest
            for _ in range(2 if rng.random() < faults.duplicate else 1):
                arrival = now + faults.delay + faults.jitter * rng.random()
                heapq.heappush(self._under_way, (arrival, next(self._count), frame))

    def take(self, now: float) -> list[bytes]:
        frames = []
        while self._under_way and self._under_way[0][0] <= now:
            frames.append(heapq.heappop(self._under_way)[2])
        return frames

    def next_arrival(self) -> float | None:
        return self._under_way[0][0] if self._under_way else None

    def cut(self) -> None:
        self.lost += len(self._under_way)
        self._under_way.clear()


class World:
    """Both ends, the bytes given to each, and the bytes that each delivered."""

    def __init__(
        self,
        behaviour: AgentBehaviour,
        seed: int,
        to_agent: Faults = NO_FAULTS,
        to_client: Faults = NO_FAULTS,
        payload_size: int = PAYLOAD_SIZE,
    ) -> None:
        rng = random.Random(seed)
        self.now = 0.0
        self.channel = make_channel(max_in_flight=MAX_IN_FLIGHT, payload_size=payload_size)
        self.silent = behaviour is BEHAVIOURS["silent"]
        shell = self.silent or behaviour is BEHAVIOURS["shell"]
        self.agent = Agent("session", Shell() if shell else Port(), behaviour, rng=rng)
        self.to_agent, self.to_client = Wire(rng, to_agent), Wire(rng, to_client)
        self.agent_linked = True
        self.input_ended = False
        self.ended = False  # whether the service has ended the session
        self.events: list[Event] = []
        self.arrived: dict[
            int, bool
        ] = {}  # output at the client: number -> whether it was intact once
        self.up_given = bytearray()  # by ssh
        self.up_accepted = 0  # how many of these the channel has accepted
        self.up_delivered = bytearray()  # by the agent, to sshd
        self.down_given = bytearray()
        self.down_accepted = 0
        self.down_delivered = bytearray()
        self._behaviour = behaviour
        self._pieces = 2  # messages of the agent; the handshake has two
        self._data = random.Random(seed + 1)
        if self.silent:
            self.channel.resize(80, 24)
        elif shell:
            self.give_down(2)  # the prompt, which opens the session
        self.link_client()

    # Events at the ends.

    def give_up(self, size: int) -> None:
        if self.input_ended:
            return
        self.up_given += self._data.randbytes(size)
        self.pump()

    def end_up(self) -> None:
        """End the input. The bytes that the channel has not accepted do not count."""
        self.input_ended = True
        self.channel.send_eof()
        del self.up_given[self.up_accepted :]
        self.pump()

    def give_down(self, size: int) -> None:
        self._pieces += 1
        self.down_given += self._data.randbytes(size)

    def link_client(self) -> None:
        if not self.channel.linked:
            self.channel.connection_made("token", self.now)
            self._tell_agent(START_PUBLICATION)
            if self.ended:
                self.tell_client(CHANNEL_CLOSED, text=False)
            self.pump()

    def cut_client(self) -> None:
        if self.channel.linked:
            self.to_agent.cut()
            self.to_client.cut()
            self.channel.connection_lost(self.now)
            self._tell_agent(PAUSE_PUBLICATION)
            self.pump()

    def link_agent(self) -> None:
        if not self.agent_linked:
            self.agent_linked = True
            self.tell_client(START_PUBLICATION, text=False)

    def cut_agent(self) -> None:
        if self.agent_linked:
            self.agent_linked = False
            self.to_agent.cut()
            self.to_client.cut()
            self.tell_client(PAUSE_PUBLICATION, text=True)

    def tell_client(self, message_type: str, *, text: bool) -> None:
        if self.channel.linked:
            if text:
                self._take_events(self.channel.receive_text(message_type))
            else:
                self._take_events(self.channel.receive_messages([service(message_type)], self.now))
            self.pump()

    def tell_agent(self, message_type: str) -> None:
        self._tell_agent(message_type)
        self.pump()

    def close(self) -> None:
        """Close the session by the service, whatever is in flight."""
        self.link_client()
        if not self.ended:
            self.ended = True
            self.tell_client(CHANNEL_CLOSED, text=False)

    # Time.

    def advance(self, seconds: float) -> None:
        """Let time pass, with each timer at its time."""
        end = self.now + seconds
        self.pump()
        for _ in range(100_000):
            timer = self._next_timer()
            if timer is None or timer > end:
                self.now = end
                return
            self.now = max(self.now, timer)
            self._expire()
            self.pump()
        raise AssertionError("time stands still")

    def heal(self) -> float:
        """End all faults and let time pass until all is delivered; return how long it took."""
        self.to_agent.faults = self.to_client.faults = NO_FAULTS
        self.link_client()
        self.link_agent()
        self.tell_client(START_PUBLICATION, text=False)
        self.tell_agent(START_PUBLICATION)
        started = self.now
        limit = started + 5 + 1.1 * self._repeats
        while not self.settled:
            assert self.now < limit, "not delivered in time"
            timer = self._next_timer()
            assert timer is not None, "no timer is set, and data is not delivered"
            self.advance(max(0.0, timer - self.now))
        return self.now - started

    @property
    def settled(self) -> bool:
        if self.input_ended:
            # All accepted input has arrived. The last output may be lost.
            return self.channel.state == State.CLOSED and self.up_delivered == self.up_given
        return (
            self.channel.state == State.OPEN
            and self.channel.delivered
            and self.up_delivered == self.up_given
            and self.down_delivered == self.down_given
            and self._next_timer() is None
        )

    @property
    def _repeats(self) -> float:
        """How many messages must be sent again: the lost ones, and those whose acks got lost.

        The published agent retransmits one message at a time, in at most 1.1 s.
        """
        messages = self._pieces + len(self.down_given) // self._behaviour.message_size
        forgotten = min(1.0, 10 * self._behaviour.late_record_probability) * messages
        return self.to_agent.lost + self.to_client.lost + forgotten

    # Internals.

    def pump(self) -> None:
        """Exchange messages until nothing more happens at this instant."""
        for _ in range(10_000):
            self._feed()
            up = self.channel.messages_to_send(self.now)
            down = self.agent.frames_to_send(self.now)
            if not self.agent_linked:
                self.to_client.lost += len(down)
                self.to_agent.lost += len(up)
            else:
                self.to_agent.put(up, self.now)
                if self.channel.linked:
                    self.to_client.put(down, self.now)
                else:
                    self.to_client.lost += len(down)
            to_agent = self.to_agent.take(self.now)
            to_client = self.to_client.take(self.now)
            self._take_agent_events(self.agent.receive_frames(to_agent, self.now))
            self._note_arrived(to_client)
            if to_client:
                self._take_events(self.channel.receive_messages(to_client, self.now))
            elif not (up or down or to_agent):
                return
        raise AssertionError("the ends never stop talking")

    def _note_arrived(self, frames: list[bytes]) -> None:
        for frame in frames:
            _, wire_type, _, _, number, _, _, digest, *_ = HEADER_STRUCT.unpack_from(frame)
            if wire_type.strip() == OUTPUT_STREAM_DATA.encode():
                intact = hashlib.sha256(frame[HEADER:]).digest() == digest
                self.arrived[number] = self.arrived.get(number, False) or intact

    def _feed(self) -> None:
        if self.channel.send_capacity:
            waiting = bytes(self.up_given[self.up_accepted :])
            self.up_accepted += self.channel.send_data(waiting)
        capacity = self.agent.output_capacity
        waiting = bytes(self.down_given[self.down_accepted : self.down_accepted + capacity])
        if waiting and not self.ended:
            self.agent.send_output(waiting)
            self.down_accepted += len(waiting)

    def _expire(self) -> None:
        timer = self.channel.get_timer()
        if timer is not None and timer <= self.now:
            self.channel.handle_timer(self.now)
            self._send_due()
        timer = self.agent.get_timer()
        if timer is not None and timer <= self.now:
            self._take_agent_events(self.agent.handle_timer(self.now))

    def _send_due(self) -> None:
        frames = self.channel.messages_to_send(self.now)
        assert frames, "the timer of the channel made nothing due"
        if self.agent_linked:
            self.to_agent.put(frames, self.now)
        else:
            self.to_agent.lost += len(frames)

    def _next_timer(self) -> float | None:
        timers = (
            self.channel.get_timer(),
            self.agent.get_timer(),
            self.to_agent.next_arrival(),
            self.to_client.next_arrival(),
        )
        return min((timer for timer in timers if timer is not None), default=None)

    def _tell_agent(self, message_type: str) -> None:
        if self.agent_linked:
            self._take_agent_events(self.agent.receive_frames([service(message_type)], self.now))

    def _take_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, DataReceived):
                self.down_delivered += event.data
            else:
                assert isinstance(event, SessionOpened | ChannelClosed), event
                self.events.append(event)

    def _take_agent_events(self, events: list[agent_events.Event]) -> None:
        for event in events:
            if isinstance(event, agent_events.OpenFarEnd):
                self.agent.opened(self.now)
            elif isinstance(event, agent_events.InputReceived):
                self.up_delivered += event.data
            elif isinstance(event, agent_events.SessionEnded):
                self.ended = True
                self.tell_client(CHANNEL_CLOSED, text=False)
