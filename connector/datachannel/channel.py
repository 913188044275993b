"""The client's end of one SSM data channel, sans-I/O.

The caller owns the socket, the clock and the standard streams. After every call of a method it
does the same three things: it sends :meth:`DataChannel.messages_to_send` in one write, re-arms a
timer for :meth:`DataChannel.get_timer`, and reads stdin up to :attr:`DataChannel.send_capacity`.

The channel guarantees that the bytes that come out are the bytes that went in, whatever the links
do, or that there is an error. There is never a hole, a duplicate or a stray byte.

What a channel may do, and when, is in the tables of :mod:`.phases`; read that module first.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import ConnectorError, LocalProtocolError, PortConnectFailed
from . import messages, payloads, phases
from .events import (
    ChannelClosed,
    ChannelFailed,
    CommandExited,
    DataReceived,
    ErrorOutput,
    Event,
    Statistics,
)
from .handshake import CLIENT_VERSION
from .limits import DEFAULT_PAYLOAD_SIZE
from .messages import Flag, MalformedMessage, PayloadType
from .payloads import MalformedPayload
from .phases import InputPhase, LinkPhase
from .phases import State as State  # what DataChannel.state is one of
from .progress import FIRST_OUTPUT_GRACE, Progress
from .streams import StreamReceiver, StreamSender
from .window import Window

#: Bytes of messages in flight at which the channel accepts no more input. 1 MiB is some 930
#: full messages, a hundredth of what the agent's reorder buffer holds.
DEFAULT_MAX_IN_FLIGHT = 1024 * 1024

#: Consecutive malformed messages at which the channel fails. One malformed message is dropped
#: without an ack, so the agent retransmits it.
MAX_MALFORMED_RUN = 100


class DataChannel:
    """The client's end of one session's data channel, over any number of links.

    :param client_id: the text of a UUID, the same for all links of this channel.
    :param epoch_offset: seconds to add to ``now`` to get seconds since the epoch.
    :param new_ids: returns so many random bytes, for message ids.
    :param max_in_flight: the greatest number of bytes that are accepted and not acked; the
        headers of the last accepted bytes come on top.
    :param payload_size: the greatest number of stream bytes in a message. A size beyond
        DEFAULT_PAYLOAD_SIZE is probed first, and used only if the agent acks the probe.

    Every ``now`` is in seconds, from one clock that never goes back.

    :ivar linked: whether there is a link.
    :ivar paused: whether there is a link, and the agent is away from its end.
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
        self._client_id = client_id
        self._epoch_offset = epoch_offset
        self._new_ids = new_ids
        self._sender = StreamSender(new_ids, max_in_flight, payload_size)
        self._receiver = StreamReceiver(new_ids)
        self._window = Window()
        self._progress = Progress(self._sender, self._window, first_output_grace)
        self._stats = Statistics()
        self._malformed_run = 0
        self._input = InputPhase.ACCEPTED
        self._link = LinkPhase.DOWN
        self.linked = False
        self.paused = False

    # What the caller asks.

    @property
    def phase(self) -> str:
        """The session's phase, one of :class:`~.phases.SessionPhase`."""
        return self._progress.phase

    @property
    def state(self) -> str:
        """The session's phase in brief, one of :class:`~.phases.State`."""
        return self._progress.state

    @property
    def send_capacity(self) -> int:
        """The number of stream bytes that :meth:`send_data` would accept now."""
        if self._input != InputPhase.ACCEPTED or self.state == State.CLOSED:
            return 0
        return self._sender.capacity

    @property
    def in_flight_bytes(self) -> int:
        """The bytes of messages sent and not acked, headers included."""
        return self._sender.recovery.in_flight_bytes

    @property
    def delivered(self) -> bool:
        """Whether the agent has acked all input that was accepted."""
        return self._sender.delivered

    @property
    def unacknowledged_bytes(self) -> int:
        """The stream bytes that were accepted and that the agent has not acked."""
        return self._sender.unacknowledged_bytes

    @property
    def output_missing(self) -> bool:
        """Whether there is a gap: the agent has sent a message that was not delivered."""
        return self._receiver.missing

    @property
    def handshake_begun(self) -> bool:
        """Whether the agent has begun a handshake and not completed it."""
        return self.phase in phases.HANDSHAKES

    @property
    def terminating(self) -> bool:
        """Whether the TerminateSession flag was sent."""
        return self._input == InputPhase.TERMINATED

    @property
    def stats(self) -> Statistics:
        """The counts of this channel so far."""
        self._stats.bytes_sent = self._sender.bytes_taken
        self._stats.retransmitted = self._sender.recovery.retransmitted
        self._stats.duplicates = self._receiver.duplicates
        return self._stats

    # Links.

    def connection_made(self, token: str, now: float) -> str:
        """Start a link; return the text frame that must be its first.

        The last acks and all messages that are in flight are then due again, in order.

        :raises LocalProtocolError: if there is a link already.
        """
        self._change_link(phases.Trigger.CONNECTED)
        self._sender.recovery.retransmit_all()
        self._progress.link_made(now)
        request_id = messages.random_uuid(self._new_ids(16))
        return payloads.open_data_channel(token, self._client_id, request_id, CLIENT_VERSION)

    def connection_lost(self, now: float) -> None:
        """End a link. The channel keeps everything for the next one."""
        self._change_link(phases.Trigger.LOST)
        self._sender.give_up_probe(self._created(now))

    # Input, from stdin.

    def send_data(self, data: bytes) -> int:
        """Accept stream bytes; return how many, at most :attr:`send_capacity`.

        :raises LocalProtocolError: after :meth:`send_eof`.
        """
        if self._input != InputPhase.ACCEPTED:
            raise LocalProtocolError("stream bytes after the end of the stream")
        return self._sender.queue_data(data) if self.state != State.CLOSED else 0

    def resize(self, columns: int, rows: int) -> None:
        """Set the size of this end's terminal, in characters.

        The channel sends the newest size as soon as the agent takes input, ahead of that input. If
        a size is set before the first link, it may also open a session that begins in silence.
        """
        self._window.resize(columns, rows)

    def send_eof(self) -> None:
        """End the input: once all of it is acked, tell the agent to end the session."""
        self._change_input(phases.Trigger.INPUT_ENDED)

    def terminate(self) -> None:
        """End the input as :meth:`send_eof` does, without waiting for acks."""
        self._change_input(phases.Trigger.TERMINATION_ASKED)

    # What arrives, from the link.

    def receive_messages(self, frames: list[bytes], now: float) -> list[Event]:
        """Take in the binary frames of one socket read. Faults of the agent become events."""
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
        self._receiver.bound_acks()
        self._stats.messages_received += len(frames)
        self._flush(output, events)
        self._sender.recovery.detect_losses(now)
        return events

    def receive_text(self, text: str) -> list[Event]:
        """Take in a text frame. The live gateway may name a service message in one."""
        events: list[Event] = []
        if self.state != State.CLOSED:
            self._receive_service_message(text.strip(), b"{}", [], events)
        return events

    # What leaves, to the link.

    def messages_to_send(self, now: float) -> list[bytes]:
        """Return all frames that are due: acks, then retransmissions, then new messages.

        Each stream message among them counts as in flight from now on.
        """
        if not self.linked:
            return []
        created = self._created(now)
        frames = self._receiver.acks(created)
        if not self.paused:
            leaving = self._sender.has_data or self._input != InputPhase.ACCEPTED
            self._progress.check_deadline(now, input_leaves=leaving)
            released = self._progress.released
            if released:
                self._queue_released()
            frames += self._sender.frames(created, now, release_data=released)
        self._stats.messages_sent += len(frames)
        return frames

    def _queue_released(self) -> None:
        """Queue what may leave now, in order: a probe, the size, the TerminateSession flag.

        The agent treats them as it treats input: it acks and drops what arrives too early.
        """
        # A probe may break the link, so it also waits for a proof that the agent takes input.
        if self._input == InputPhase.ACCEPTED and (
            self._progress.proven or self._sender.data_taken
        ):
            self._sender.probe()
        if self._window.due is not None:
            self._window.send(self._sender)
        if self._may_terminate:
            self._change_input(phases.Trigger.FLAG_QUEUED)
            self._sender.queue_control(PayloadType.FLAG, payloads.flag(Flag.TERMINATE_SESSION))

    # Time.

    def get_timer(self) -> float | None:
        """Return when :meth:`handle_timer` must be called, on the caller's clock, or ``None``."""
        if not self.linked or self.paused or self.state == State.CLOSED:
            return None
        retransmit = self._sender.recovery.get_timer()
        deadline = self._progress.get_timer(input_waits=self._input_waits)
        if retransmit is None or deadline is None:
            return retransmit if deadline is None else deadline
        return min(retransmit, deadline)

    def handle_timer(self, now: float) -> None:
        """Queue every retransmission whose timer has expired, for :meth:`messages_to_send`."""
        self._sender.recovery.handle_timer(now)

    @property
    def _input_waits(self) -> bool:
        """Whether something waits for the input to be released."""
        return self._sender.has_data or self._window.due is not None or self._may_terminate

    def _created(self, now: float) -> int:
        """Return the CreatedDate of a message made now, in milliseconds since the epoch."""
        return int((now + self._epoch_offset) * 1000)

    # Transitions.

    def _change_link(self, event: str) -> None:
        was, self._link = self._link, phases.after(phases.LINK, self._link, event)
        self.linked = self._link != LinkPhase.DOWN
        self.paused = self._link == LinkPhase.PAUSED
        if self._link == LinkPhase.UP != was:
            self._receiver.repeat_acks()

    def _change_input(self, event: str) -> None:
        self._input = phases.after(phases.INPUT, self._input, event)

    @property
    def _may_terminate(self) -> bool:
        """Whether the flag is due: the input has ended, and as much of it is acked as must be."""
        return self._input == InputPhase.FORCED or (
            self._input == InputPhase.DRAINING and self._sender.delivered
        )

    def _fail(self, error: ConnectorError, output: list[bytes], events: list[Event]) -> None:
        self._flush(output, events)
        self._progress.advance(phases.Trigger.FAILURE)
        events.append(ChannelFailed(error))

    # Messages, one by one.

    def _receive(self, frame: bytes, output: list[bytes], events: list[Event], now: float) -> None:
        message_type, seq, _, message_id, payload_type, payload = messages.unpack(frame)
        if message_type == messages.OUTPUT_STREAM_DATA:
            if self.paused:
                self._change_link(phases.Trigger.RESUME)
            for due_type, due in self._receiver.accept(message_id, seq, payload_type, payload):
                if due_type == PayloadType.OUTPUT:
                    if not self._progress.proven:
                        opened = self._progress.first_output()
                        if opened:
                            events.append(opened)
                    output.append(due)
                else:
                    self._flush(output, events)
                    self._receive_control(due_type, due, events, now)
        elif message_type == messages.ACKNOWLEDGE:
            if self.paused:
                self._change_link(phases.Trigger.RESUME)
            self._receive_ack(payload, events, now)
        else:
            self._receive_service_message(message_type, payload, output, events)

    def _receive_control(
        self, payload_type: int, payload: bytes, events: list[Event], now: float
    ) -> None:
        if payload_type == PayloadType.HANDSHAKE_REQUEST:
            self._progress.handshake_request(payload)
        elif payload_type == PayloadType.HANDSHAKE_COMPLETE:
            events.append(self._progress.handshake_complete(payload, now))
        elif payload_type in (PayloadType.STDERR, PayloadType.ERROR):
            events.append(ErrorOutput(payload))
        elif payload_type == PayloadType.EXIT_CODE:
            events.append(CommandExited(payloads.parse_exit_code(payload)))
        elif (
            payload_type == PayloadType.FLAG
            and payloads.parse_flag(payload) == Flag.CONNECT_TO_PORT_ERROR
        ):
            raise PortConnectFailed(
                "the target could not connect to its SSH port",
                "Its SSH server may still be starting: try again in a moment",
            )
        else:
            self._stats.ignored += 1

    def _receive_ack(self, payload: bytes, events: list[Event], now: float) -> None:
        try:
            seq = payloads.acknowledged_sequence_number(payload)
        except MalformedPayload as error:
            # The message that it acks is retransmitted, and acked again.
            raise MalformedMessage(error.message) from None
        self._sender.acknowledge(seq, now)
        opened = self._progress.acked(seq, now)
        if opened:
            events.append(opened)

    def _receive_service_message(
        self, message_type: str, payload: bytes, output: list[bytes], events: list[Event]
    ) -> None:
        if message_type == messages.PAUSE_PUBLICATION:
            self._change_link(phases.Trigger.PAUSE)
        elif message_type == messages.START_PUBLICATION:
            self._change_link(phases.Trigger.RESUME)
        elif message_type == messages.CHANNEL_CLOSED:
            self._flush(output, events)
            self._progress.advance(phases.Trigger.CHANNEL_CLOSED)
            # A gap stays a gap, so the channel does not wait. The agent retransmits for 2 s
            # before it leaves, the service sends channel_closed after that, and messages do not
            # overtake each other on one WebSocket: what is missing now was lost.
            reason = payloads.channel_closed_output(payload)
            events.append(ChannelClosed(reason, self._receiver.missing))
        else:
            self._stats.ignored += 1
            if message_type == messages.AGENT_SESSION_STATE and payloads.ends_command(payload):
                opened = self._progress.agent_leaves()
                if opened:
                    events.append(opened)

    def _flush(self, output: list[bytes], events: list[Event]) -> None:
        """Turn the bytes gathered so far into one event."""
        if output:
            data = b"".join(output)
            output.clear()
            self._stats.bytes_received += len(data)
            events.append(DataReceived(data))
