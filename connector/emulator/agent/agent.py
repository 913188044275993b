"""The SSM agent's side of a data channel, sans-I/O.

It follows the published agent, not our client, so a test can find where the two disagree. It has
no sockets, clock or tasks: frames and times are arguments, frames and events are results. After
every call the driver sends :meth:`Agent.frames_to_send`, handles the events in order, and sets
its timer to :meth:`Agent.get_timer`.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum, auto

from ...datachannel import payloads
from ...datachannel.messages import (
    ACKNOWLEDGE,
    AGENT_SESSION_STATE,
    CHANNEL_CLOSED,
    FLAGS_ACKNOWLEDGE,
    HEADER,
    INPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    PayloadType,
    pack,
)
from . import handshakes
from .behaviour import AgentBehaviour
from .farend import CloseFarEnd, Event, InputReceived, OpenFarEnd, SessionEnded
from .outbox import Outbox, TextStream
from .plugins import Failure, Message, Plugin, Port, Refused, closing_flag

_INPUT_ON_WIRE = INPUT_STREAM_DATA.encode().ljust(32)
_ACKNOWLEDGE_ON_WIRE = ACKNOWLEDGE.encode().ljust(32)

#: Sequence number, message id, payload type, payload.
_Input = tuple[int, bytes, int, bytes]


class Phase(Enum):
    HANDSHAKE = auto()
    COMPLETING = auto()  # HandshakeComplete is sent; input is still dropped
    OPENING = auto()
    OPEN = auto()
    FAILED = auto()  # the far end could not be opened; pauses before it reports that
    DRAINING = auto()  # waits for the acks of its output
    CLOSING = auto()
    ENDED = auto()


class Agent:
    """One session of the agent.

    :param plugin: what the session runs.
    :param now: the current time in seconds, on the same clock as every later ``now``.
    :param epoch: the zero of that clock in seconds since 1970, for the dates of messages.
    :param rng: the source of ids and chance. A seed makes runs repeatable.
    """

    def __init__(
        self,
        session_id: str,
        plugin: Plugin,
        behaviour: AgentBehaviour,
        *,
        now: float = 0.0,
        epoch: float = 1.0,
        rng: random.Random | None = None,
    ) -> None:
        self.phase = Phase.HANDSHAKE
        self.paused = False
        self._session_id = session_id
        self._plugin = plugin
        self._behaviour = behaviour
        self._rng = rng or random.Random()
        self._epoch = epoch
        self._outbox = Outbox(behaviour, self._rng, now, epoch)
        self._ready: list[bytes] = []
        self._events: list[Event] = []
        self._input: list[bytes] = []  # payloads for the next InputReceived
        self._expected_seq = 0
        self._held: dict[int, tuple[int, bytes]] = {}
        self._deaf = False
        self._loses_ack = False
        self._failure: Failure | None = None
        self._closing_output = ""
        #: The time from which output is read; ``None`` means now.
        self._reads_from: float | None = None
        self._texts: defaultdict[int, TextStream] = defaultdict(TextStream)
        self._started_at = now
        #: When the present phase ends; ``None`` if an event ends it instead.
        self._deadline: float | None = None
        self._send_session_state("Connected", now)
        if handshakes.is_needed(self._plugin, behaviour):
            self._deadline = now + behaviour.handshake_timeout
            request = handshakes.request(self._plugin, behaviour, self._rng)
            self._ready.append(self._outbox.message(PayloadType.HANDSHAKE_REQUEST, request, now))
        else:
            self._open(now)

    # What the driver calls

    def receive_frames(self, frames: Iterable[bytes], now: float) -> list[Event]:
        """Process the binary frames of one read, in order.

        No frame raises an error. The agent ignores what the real agent ignores.
        """
        if self.phase is Phase.COMPLETING and self._deadline is not None and now >= self._deadline:
            # A late timer must not lengthen the gap.
            self._open(now)
        for frame in frames:
            if self._deaf or self.phase in (Phase.CLOSING, Phase.ENDED) or len(frame) < HEADER.size:
                continue
            header_length, wire_type, _, created, number, _, message_id, _, payload_type, _ = (
                HEADER.unpack_from(frame)
            )
            if header_length + 4 > len(frame):
                self._deaf = True  # the real agent's listener dies, and no log says so
            elif created and header_length:
                message = (number, message_id, payload_type, frame[header_length + 4 :])
                if wire_type == _INPUT_ON_WIRE:
                    self._receive_input(message, now)
                elif wire_type == _ACKNOWLEDGE_ON_WIRE:
                    self._receive_acknowledge(message[3], now)
                else:
                    self._receive_other(wire_type, message, now)
        self._check_drained(now)
        return self._take_events()

    def frames_to_send(self, now: float) -> list[bytes]:
        """Return the frames to send now, in order. Each frame is returned once."""
        frames, self._ready = self._ready, []
        if not self.paused and self.phase is not Phase.ENDED:
            frames += self._outbox.messages(now)
            self._check_drained(now)
        return frames

    def get_timer(self) -> float | None:
        """Return when to call :meth:`handle_timer`; ``None`` for never."""
        timers = [time for time in (self._deadline, self._reads_from) if time is not None]
        if not self.paused and self.phase is not Phase.ENDED:
            output_timer = self._outbox.get_timer()
            if output_timer is not None:
                timers.append(output_timer)
        return min(timers, default=None)

    def handle_timer(self, now: float) -> list[Event]:
        """Do what is due by now. A call that is too early changes nothing."""
        if not self.paused and self.phase is not Phase.ENDED:
            self._ready += self._outbox.overdue(now)
        if self._reads_from is not None and now >= self._reads_from:
            self._reads_from = None
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            if self.phase is Phase.HANDSHAKE:
                self._close(handshakes.HANDSHAKE_ERROR + handshakes.HANDSHAKE_TIMED_OUT, now)
            elif self.phase is Phase.COMPLETING:
                self._open(now)
            elif self.phase is Phase.OPENING:
                self._events.append(OpenFarEnd())
            elif self.phase is Phase.FAILED:
                self._fail(now)
            elif self.phase is Phase.DRAINING:
                self._close(self._closing_output, now, unacked=True)
            else:
                self._end()
        return self._take_events()

    def opened(self, now: float) -> None:
        """The driver has opened the far end that :class:`OpenFarEnd` asked for."""
        if self.phase is Phase.OPENING:
            self.phase = Phase.OPEN
            if self._plugin.reads_late and self._behaviour.first_output_delay:
                self._reads_from = now + self._behaviour.first_output_delay

    def refused(self, reason: str, now: float) -> None:
        """The driver could not open the far end. The real worker of a port dies of that."""
        if self.phase is Phase.OPENING:
            self.phase = Phase.FAILED
            self._failure = self._plugin.failure(reason, self._behaviour)
            self._send_last(self._failure.first)
            self._deadline = now + self._failure.delay

    def closed(self, now: float, exit_status: int | None = None) -> None:
        """The far end has given its last byte or has broken.

        :param exit_status: the status of a process; -1 if a signal ended it.
        """
        if self.phase is Phase.OPEN:
            message = self._plugin.last_message(exit_status)
            self._send_last((message,) if message else ())
            self.phase = Phase.DRAINING
            self._check_drained(now)

    def send_output(self, data: bytes | memoryview, payload_type: int = PayloadType.OUTPUT) -> None:
        """Queue bytes of the far end, at most :attr:`output_capacity`."""
        if self._behaviour.treats_output_as_text and not isinstance(self._plugin, Port):
            data = self._texts[payload_type].passed(bytes(data))
        self._outbox.append(data, payload_type)

    @property
    def output_capacity(self) -> int:
        """How many bytes to read from the far end; 0 while the client is away."""
        if self.paused or self.phase is not Phase.OPEN or self._reads_from is not None:
            return 0
        return self._outbox.capacity

    def lose_next_ack(self) -> None:
        """Break the agent's link after the next input is delivered and before its ack is sent.

        The agent does not count that input, so it delivers a retransmission again.
        """
        self._loses_ack = True

    # Messages of the client

    def _receive_input(self, message: _Input, now: float) -> None:
        number, message_id, payload_type, payload = message
        if self.paused:
            self._resume(now)
        if number == self._expected_seq:
            if payload_type == PayloadType.HANDSHAKE_RESPONSE and self.phase is Phase.HANDSHAKE:
                self._receive_response(message, now)
            elif self._accept(payload_type, payload):
                if self._loses_ack and self.phase is Phase.OPEN:
                    self._loses_ack = False
                    return
                self._expected_seq += 1
                self._acknowledge(number, message_id, now)
            else:
                return  # without an ack, so the client retransmits it
            self._accept_held()
        elif number > self._expected_seq:
            if len(self._held) < self._behaviour.reorder_capacity:
                self._held[number] = (payload_type, payload)
                self._acknowledge(number, message_id, now)
        else:
            self._acknowledge(number, message_id, now)  # the first ack was lost

    def _accept_held(self) -> None:
        while self._held and (held := self._held.get(self._expected_seq)) is not None:
            if not self._accept(*held):
                return
            del self._held[self._expected_seq]
            self._expected_seq += 1

    def _accept(self, payload_type: int, payload: bytes) -> bool:
        """Process the next input. Return ``False`` if it gets no ack now."""
        if self.phase is Phase.OPEN:
            if payload_type == PayloadType.OUTPUT and self._plugin.forwards_output:
                self._input.append(payload)
                return True
            try:
                event = self._plugin.take(payload_type, payload)
            except Refused:
                return False
            if event is None and self._behaviour.always_obeys_flags:
                event = closing_flag(payload_type, payload)
            if isinstance(event, CloseFarEnd):
                self._close_far_end()
                self.phase = Phase.DRAINING
                return self._behaviour.acks_terminate
            if event is not None:
                self._flush_input()
                self._events.append(event)
            return True
        if self.phase in (Phase.HANDSHAKE, Phase.COMPLETING):
            # Before the end of the handshake the agent acks all input and drops it.
            return self._behaviour.drops_early_input
        return self._plugin.ignores(payload_type, ended=self.phase is not Phase.OPENING)

    def _receive_response(self, message: _Input, now: float) -> None:
        number, message_id, _, payload = message
        self._expected_seq += 1
        failure = handshakes.failed_action(payload)
        if failure:
            self._acknowledge(number, message_id, now)
            self._close(handshakes.HANDSHAKE_ERROR + failure, now)
            return
        customer_message = self._behaviour.customer_message + self._plugin.customer_message(
            handshakes.client_version(payload)
        )
        complete = self._outbox.message(
            PayloadType.HANDSHAKE_COMPLETE,
            payloads.handshake_complete(customer_message, round((now - self._started_at) * 1e9)),
            now,
        )
        if self._behaviour.complete_before_ack:
            self._ready.append(complete)
            self._acknowledge(number, message_id, now)
        else:
            self._acknowledge(number, message_id, now)
            self._ready.append(complete)
        self.phase = Phase.COMPLETING
        self._deadline = now + self._behaviour.complete_gap
        if not self._behaviour.complete_gap:
            self._open(now)

    def _receive_acknowledge(self, payload: bytes, now: float) -> None:
        if self.paused:
            self._resume(now)
        try:
            number = payloads.acknowledged_sequence_number(payload)
        except payloads.MalformedPayload:
            return
        self._outbox.acknowledged(number, now)

    def _receive_other(self, wire_type: bytes, message: _Input, now: float) -> None:
        message_type = wire_type.strip(b"\0 ").decode(errors="replace")
        if message_type == INPUT_STREAM_DATA:  # with other padding than spaces
            self._receive_input(message, now)
        elif message_type == ACKNOWLEDGE:
            self._receive_acknowledge(message[3], now)
        elif message_type == PAUSE_PUBLICATION:
            self.paused = True
        elif message_type == START_PUBLICATION:
            self._resume(now)
        elif message_type == CHANNEL_CLOSED:
            self._close_far_end()
            self._end()

    # Phases

    def _resume(self, now: float) -> None:
        self.paused = False
        if self._behaviour.resend_all_on_start:
            self._ready += self._outbox.resend_all(now)

    def _open(self, now: float) -> None:
        self.phase = Phase.OPENING
        self._deadline = now + self._rng.uniform(*self._behaviour.dial_delay)

    def _close_far_end(self) -> None:
        self._flush_input()
        self._outbox.discard()  # the real agent has not read it yet
        self._events.append(CloseFarEnd())

    def _check_drained(self, now: float) -> None:
        if self.phase is not Phase.DRAINING:
            return
        if not self._outbox.unsent and not self._outbox.unacked:
            self._close(self._closing_output, now)
        elif self._deadline is None and (self.paused or not self._outbox.unsent):
            self._deadline = now + self._behaviour.drain_timeout

    def _fail(self, now: float) -> None:
        assert self._failure is not None
        self._closing_output = self._failure.output
        if self._failure.last:
            self._send_last(self._failure.last)
            self.phase = Phase.DRAINING
            self._check_drained(now)
        else:
            self._end()

    def _close(self, output: str, now: float, unacked: bool = False) -> None:
        """Leave; the service sends channel_closed soon.

        :param unacked: acks are missing. The agent of a shell waits twice in that case.
        """
        self.phase = Phase.CLOSING
        self._closing_output = output
        self._deadline = now + self._behaviour.close_delay
        if not isinstance(self._plugin, Port):
            self._send_session_state("Terminating", now)
            if unacked:
                self._deadline += self._behaviour.drain_timeout

    def _end(self) -> None:
        self.phase = Phase.ENDED
        self._deadline = None
        self._events.append(SessionEnded(self._closing_output))

    # Messages to the client

    def _send_last(self, messages: Iterable[Message]) -> None:
        for payload_type, payload in messages:
            self._outbox.append(payload, payload_type)

    def _send_session_state(self, session_state: str, now: float) -> None:
        document = {
            "SchemaVersion": 1,
            "SessionState": session_state,
            "SessionId": self._session_id,
        }
        self._send(AGENT_SESSION_STATE, json.dumps(document, separators=(",", ":")).encode(), now)

    def _acknowledge(self, number: int, message_id: bytes, now: float) -> None:
        self._send(ACKNOWLEDGE, payloads.acknowledge(INPUT_STREAM_DATA, message_id, number), now)

    def _send(self, message_type: str, body: bytes, now: float) -> None:
        created = int((self._epoch + now) * 1000)
        self._ready.append(
            pack(message_type, 0, FLAGS_ACKNOWLEDGE, self._rng.randbytes(16), 0, body, created)
        )

    def _flush_input(self) -> None:
        if self._input:
            self._events.append(InputReceived(b"".join(self._input)))
            self._input.clear()

    def _take_events(self) -> list[Event]:
        self._flush_input()
        events, self._events = self._events, []
        return events
