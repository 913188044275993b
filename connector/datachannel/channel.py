"""The one state machine of the SSM data channel's client side, sans-I/O.

The shell around it owns the socket, the clock and the standard streams. It calls a
method and then always does the same: sends :meth:`DataChannel.messages_to_send` in one
write, re-arms :meth:`DataChannel.get_timer`, and opens or shuts stdin by
:attr:`DataChannel.send_capacity`. Of the whole this holds: what comes out is what went
in, whatever the links do, or there is an error; never a hole, a duplicate or a stray byte.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable

from ..errors import ConnectorError, LocalProtocolError, PortConnectFailed, RemoteProtocolError
from . import messages, payloads
from .events import (
    ChannelClosed,
    ChannelFailed,
    CommandExited,
    DataReceived,
    ErrorOutput,
    Event,
    SessionOpened,
    Statistics,
)
from .handshake import answer_handshake
from .limits import DEFAULT_PAYLOAD_SIZE
from .messages import Flag, MalformedMessage, PayloadType
from .payloads import MalformedPayload
from .streams import StreamReceiver, StreamSender
from .window import Window

#: Four parts, and new enough for what the agent derives from it: multiplexing from
#: 1.1.70, separate standard error above 1.2.295, no 30 s limit of source builds.
CLIENT_VERSION = "1.2.764.0"

#: Bytes of messages sent and not acknowledged before stdin waits. 1 MiB is some 930
#: full messages, a hundredth of what the agent's reorder buffer holds.
DEFAULT_MAX_IN_FLIGHT = 1024 * 1024

#: Seconds after HandshakeComplete in which input waits for the first output. The agent
#: acknowledges and drops input that comes a fraction of a millisecond too early, and
#: takes 2-80 ms to connect to the port; its first output is the sure sign of both.
FIRST_OUTPUT_GRACE = 0.25

#: The same where nothing came but an acknowledge: of the size of the window, which broke the
#: silence (a handshake would have begun, and would have been repeated by then), or of the
#: response to a handshake that asks for nothing.
SILENT_START_GRACE = 0.5

#: Malformed messages without a good one between them before the channel gives up. A
#: single one is dropped unacknowledged and comes again.
MAX_MALFORMED_RUN = 100


class State:
    """How far a channel is."""

    OPENING = "opening"  # no stream bytes yet: handshake, or not even a link
    OPEN = "open"
    CLOSED = "closed"  # the service closed it, or it failed


class DataChannel:
    """The client's end of one session's data channel, over any number of links.

    :param client_id: a UUID text, the same for every link of this channel.
    :param epoch_offset: what to add to ``now`` to get seconds since the epoch.
    :param new_ids: random bytes for message ids.
    :param max_in_flight: bytes accepted and not acknowledged, at most; the headers of
        the last accepted bytes come on top.
    :param payload_size: stream bytes in a message, at most. Beyond DEFAULT_PAYLOAD_SIZE it
        is tried first, with a message that may get lost, and not used when that is refused.

    Every ``now`` is in seconds, from one clock that never goes back.
    """

    def __init__(
        self,
        *,
        client_id: str,
        epoch_offset: float,
        new_ids: Callable[[int], bytes] = os.urandom,
        max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
        payload_size: int = DEFAULT_PAYLOAD_SIZE,
        first_output_grace: float = FIRST_OUTPUT_GRACE,
    ) -> None:
        self.state = State.OPENING
        self.linked = False
        self.paused = False
        self._client_id = client_id
        self._epoch_offset = epoch_offset
        self._new_ids = new_ids
        self._first_output_grace = first_output_grace
        self._sender = StreamSender(new_ids, max_in_flight, min(payload_size, DEFAULT_PAYLOAD_SIZE))
        # A size that is yet to be tried.
        self._untried_size = payload_size if payload_size > DEFAULT_PAYLOAD_SIZE else 0
        self._receiver = StreamReceiver(new_ids)
        self._stats = Statistics()
        self._malformed_run = 0
        self._eof = False
        self._in_haste = False
        self._terminating = False
        self.handshake_begun = False
        self._handshake_ended = False
        # The response to a handshake that asks for nothing. Only its acknowledge may follow.
        self._idle_response: int | None = None
        self._session_type: str | None = None
        self._window = Window()
        self._output_seen = False
        # While this is set, input is held for the first output.
        self._grace_deadline: float | None = None

    # What the shell asks.

    @property
    def send_capacity(self) -> int:
        """Stream bytes that :meth:`send_data` would accept now."""
        if self._eof or self.state == State.CLOSED:
            return 0
        return self._sender.capacity

    @property
    def in_flight_bytes(self) -> int:
        """Bytes of messages sent and not acknowledged, headers included."""
        return self._sender.recovery.in_flight_bytes

    @property
    def delivered(self) -> bool:
        """Whether all input that was accepted is acknowledged."""
        return self._sender.delivered

    @property
    def unacknowledged_bytes(self) -> int:
        """Stream bytes that were accepted and that the agent has not acknowledged."""
        return self._sender.unacknowledged_bytes

    @property
    def output_missing(self) -> bool:
        """Whether the agent has sent a message that was not delivered: there is a gap."""
        return self._receiver.missing

    @property
    def terminating(self) -> bool:
        """Whether the TerminateSession flag was sent."""
        return self._terminating

    @property
    def stats(self) -> Statistics:
        self._stats.bytes_sent = self._sender.bytes_taken
        self._stats.resent = self._sender.recovery.resent
        self._stats.duplicates = self._receiver.duplicates
        return self._stats

    # Links.

    def connection_made(self, token: str, now: float) -> str:
        """A link is up: the text frame to send on it before anything else.

        What was sent on an earlier link and not acknowledged is sent again after it.

        :raises LocalProtocolError: when there is a link already.
        """
        if self.linked:
            raise LocalProtocolError("a second link was made while the first is up")
        self.linked = True
        self.paused = False
        self._sender.recovery.requeue()
        if self.state == State.OPENING and not self.handshake_begun:
            self._window.link_made(now)
        request_id = str(uuid.UUID(bytes=self._new_ids(16), version=4))
        return payloads.open_data_channel(token, self._client_id, request_id, CLIENT_VERSION)

    def connection_lost(self, now: float) -> None:
        """The link is gone. Nothing is forgotten: all goes on with the next one."""
        self.linked = False
        self._receiver.forget_acknowledges()
        self._sender.give_up_probe(self._created(now))

    # Input, from stdin.

    def send_data(self, data: bytes) -> int:
        """Accept stream bytes; returns how many of them, at most :attr:`send_capacity`.

        :raises LocalProtocolError: after :meth:`send_eof`.
        """
        if self._eof:
            raise LocalProtocolError("stream bytes after the end of the stream")
        return self._sender.queue_data(data) if self.state != State.CLOSED else 0

    def resize(self, columns: int, rows: int) -> None:
        """The terminal at this end has this size, in characters.

        It is sent when the far end takes input, ahead of that; of sizes that come faster than
        that, the last. Where one is set before the first link, a session may also begin in
        silence: see :mod:`.window`.
        """
        self._window.resize(columns, rows)

    def send_eof(self) -> None:
        """No more input, and no more output wanted than comes meanwhile.

        Once all input is acknowledged, the far end is told to end the session.
        """
        self._eof = True

    def terminate(self) -> None:
        """Like :meth:`send_eof`, but whether all is acknowledged or not."""
        self._eof = True
        self._in_haste = True

    # What arrives, from the link.

    def receive_messages(self, frames: list[bytes], now: float) -> list[Event]:
        """Take in the binary frames of one socket read. Faults of the far end are events."""
        events: list[Event] = []
        output: list[bytes] = []
        for frame in frames:
            if self.state == State.CLOSED:
                break
            try:
                self._receive(frame, output, events, now)
                self._malformed_run = 0
            except MalformedMessage as error:
                self._stats.malformed += 1
                self._malformed_run += 1
                number = messages.damaged_output_number(frame)
                if number is not None:
                    self._receiver.note_damaged(number)
                if self._malformed_run >= MAX_MALFORMED_RUN:
                    self._fail(error, output, events)
            except ConnectorError as error:
                self._fail(error, output, events)
        self._receiver.bound_acknowledges()
        self._stats.messages_received += len(frames)
        self._flush(output, events)
        self._sender.recovery.detect_losses(now)
        return events

    def receive_text(self, text: str) -> list[Event]:
        """Take in a text frame: the live gateway may name a service message in it."""
        events: list[Event] = []
        if self.state != State.CLOSED:
            self._receive_service_message(text.strip(), b"{}", [], events)
        return events

    # What leaves, to the link.

    def messages_to_send(self, now: float) -> list[bytes]:
        """All frames that are due: acknowledges, then resends, then what is new.

        Every stream message among them is on record as unacknowledged.
        """
        if not self.linked:
            return []
        created = self._created(now)
        frames = self._receiver.acknowledges(created)
        if not self.paused:
            released = self._input_released(now)
            # The flag is input like any other: too early, it is acknowledged and dropped. So is
            # a probe, which therefore waits for a sign that the agent takes input.
            agent_listens = self._output_seen or self._sender.data_taken
            if released and self._untried_size and agent_listens and not self._eof:
                self._sender.probe(self._untried_size)
                self._untried_size = 0
            if released and self._window.due is not None:
                self._window.send(self._sender)
            elif self.state == State.OPENING:
                self._window.ask(self._sender, now)
            if released and self._eof:
                self._terminate_when_delivered()
            frames += self._sender.frames(created, now, release_data=released)
        self._stats.messages_sent += len(frames)
        return frames

    # Time.

    def get_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called, in the caller's clock; or ``None``."""
        if not self.linked or self.paused or self.state == State.CLOSED:
            return None
        resend = self._sender.recovery.get_timer()
        if self.state == State.OPENING:
            other = self._window.get_timer()
        else:
            held = self._sender.has_data or self._window.due is not None
            held = held or (self._eof and self._may_terminate)
            other = self._grace_deadline if held else None
        if resend is None or other is None:
            return resend if other is None else other
        return min(resend, other)

    def handle_timer(self, now: float) -> None:
        """Make due what time has made due; :meth:`messages_to_send` then has it."""
        self._sender.recovery.handle_timer(now)

    # Inside.

    def _created(self, now: float) -> int:
        """The CreatedDate of what is made now: milliseconds since the epoch."""
        return int((now + self._epoch_offset) * 1000)

    def _receive(self, frame: bytes, output: list[bytes], events: list[Event], now: float) -> None:
        message_type, seq, _, message_id, payload_type, payload = messages.unpack(frame)
        if message_type == messages.OUTPUT_STREAM_DATA:
            self.paused = False
            for due_type, due in self._receiver.accept(message_id, seq, payload_type, payload):
                if due_type == PayloadType.OUTPUT:
                    if not self._output_seen:
                        self._receive_first_output(events)
                    output.append(due)
                else:
                    self._flush(output, events)
                    self._receive_control(due_type, due, events, now)
        elif message_type == messages.ACKNOWLEDGE:
            self.paused = False
            self._receive_acknowledge(payload, events, now)
        else:
            self._receive_service_message(message_type, payload, output, events)

    def _receive_first_output(self, events: list[Event]) -> None:
        self._output_seen = True
        self._grace_deadline = None
        self._sender.recovery.calm_down()
        self._window.silence_over()
        if self.state == State.OPENING:
            # A shell session without encryption starts like this, unannounced. After a handshake
            # its end comes first; an agent that sends output without one does not send it.
            self.state = State.OPEN
            events.append(SessionOpened(self._session_type, ""))

    def _receive_control(
        self, payload_type: int, payload: bytes, events: list[Event], now: float
    ) -> None:
        if payload_type == PayloadType.HANDSHAKE_REQUEST:
            self._receive_handshake_request(payload)
        elif payload_type == PayloadType.HANDSHAKE_COMPLETE:
            self._receive_handshake_complete(payload, events, now)
        elif payload_type in (PayloadType.STDERR, PayloadType.ERROR):
            events.append(ErrorOutput(payload))
        elif payload_type == PayloadType.EXIT_CODE:
            events.append(CommandExited(payloads.parse_exit_code(payload)))
        elif (
            payload_type == PayloadType.FLAG
            and payloads.parse_flag(payload) == Flag.CONNECT_TO_PORT_ERROR
        ):
            raise PortConnectFailed(
                "the Dev Environment could not connect to its SSH port",
                "Its SSH server may still be starting: try again in a moment",
            )
        else:
            self._stats.ignored += 1

    def _receive_handshake_request(self, payload: bytes) -> None:
        if self.handshake_begun or (self.state == State.OPEN and not self._silent_start):
            raise RemoteProtocolError("the agent asked for a second handshake")
        self.handshake_begun = True
        self.state = State.OPENING
        self._grace_deadline = None
        self._window.handshake_begun()
        request = payloads.parse_handshake_request(payload)
        answer = answer_handshake(request, CLIENT_VERSION)
        self._session_type = answer.session_type
        number = self._sender.queue_control(PayloadType.HANDSHAKE_RESPONSE, answer.response)
        self._idle_response = None if request.actions else number
        if answer.error:
            raise answer.error

    def _receive_handshake_complete(self, payload: bytes, events: list[Event], now: float) -> None:
        if not self.handshake_begun or self._handshake_ended:
            raise RemoteProtocolError("the agent ended a handshake that it had not begun")
        self._handshake_ended = True
        complete = payloads.parse_handshake_complete(payload)
        self.state = State.OPEN
        self._window.session_known(self._session_type)
        if not self._output_seen:
            self._grace_deadline = now + self._first_output_grace
        events.append(SessionOpened(self._session_type, complete.customer_message))

    @property
    def _silent_start(self) -> bool:
        """Whether it is open by the mere lack of a handshake, and no input has left yet."""
        return not self._output_seen and self._grace_deadline is not None

    def _receive_acknowledge(self, payload: bytes, events: list[Event], now: float) -> None:
        try:
            seq = payloads.acknowledged_sequence_number(payload)
        except MalformedPayload as error:
            # What it was meant for is sent again and acknowledged again.
            raise MalformedMessage(error.message) from None
        self._sender.acknowledge(seq, now)
        is_first_word = self._window.is_answer(seq) or seq == self._idle_response
        if self.state == State.OPENING and is_first_word:
            self.state = State.OPEN
            self._grace_deadline = now + SILENT_START_GRACE
            events.append(SessionOpened(None, ""))

    def _receive_service_message(
        self, message_type: str, payload: bytes, output: list[bytes], events: list[Event]
    ) -> None:
        if message_type in (messages.PAUSE_PUBLICATION, messages.START_PUBLICATION):
            self.paused = message_type == messages.PAUSE_PUBLICATION
        elif message_type == messages.CHANNEL_CLOSED:
            self._flush(output, events)
            self.state = State.CLOSED
            # A gap stays one, so there is nothing to wait for. The agent retransmits for 2 s
            # before it leaves, the service sends channel_closed when it has left, and on one
            # WebSocket nothing overtakes: what is not here by now was lost.
            reason = payloads.channel_closed_output(payload)
            events.append(ChannelClosed(reason, self._receiver.missing))
        else:
            self._stats.ignored += 1
            silent = message_type == messages.AGENT_SESSION_STATE and not self.handshake_begun
            if silent and self.state == State.OPENING and payloads.ends_command(payload):
                self.state = State.OPEN  # a command has run, and printed nothing
                events.append(SessionOpened(None, ""))

    def _input_released(self, now: float) -> bool:
        """Whether the agent is known, or has had the time, to take input."""
        if self._grace_deadline is not None and self._grace_deadline <= now:
            self._grace_deadline = None
            if self._sender.has_data or self._eof:
                # No sign that it listens: what it refuses comes back soon, not by a timeout.
                self._sender.recovery.hurry(self._sender.next_seq)
        return self.state == State.OPEN and self._grace_deadline is None

    @property
    def _may_terminate(self) -> bool:
        """After the end of input: whether all that was to be acknowledged is."""
        return not self._terminating and (self._in_haste or self._sender.delivered)

    def _terminate_when_delivered(self) -> None:
        if self._may_terminate:
            self._terminating = True
            self._sender.queue_control(PayloadType.FLAG, payloads.flag(Flag.TERMINATE_SESSION))

    def _fail(self, error: ConnectorError, output: list[bytes], events: list[Event]) -> None:
        self._flush(output, events)
        self.state = State.CLOSED
        events.append(ChannelFailed(error))

    def _flush(self, output: list[bytes], events: list[Event]) -> None:
        """Turn the bytes gathered so far into one event."""
        if output:
            data = b"".join(output)
            output.clear()
            self._stats.bytes_received += len(data)
            events.append(DataReceived(data))
