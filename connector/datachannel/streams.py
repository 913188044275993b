"""The two directions of a channel's stream: they number, ack and order its messages.

Each direction counts its stream messages from 0, all payload types in one count. Each message is
acked individually. Neither class knows the handshake, the phase of the session or the meaning of
a payload.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from ..errors import RemoteProtocolError
from . import messages, payloads
from .limits import DEFAULT_PAYLOAD_SIZE
from .messages import PayloadType
from .recovery import Recovery, ReorderBuffer

#: The furthest that a sequence number may be ahead. The agent itself keeps at most 100,000
#: messages, so a number further ahead is not due to reordering.
MAX_SEQUENCE_JUMP = 1_000_000

#: The greatest number of acks that wait to be sent. One socket read brings far fewer messages;
#: only an agent that sends and does not read reaches the limit.
MAX_ACKS = 10_000

#: How much of the last acks may be sent twice: those of this many milliseconds, or the last so
#: many. The published agent sends at most 1000 messages a second.
REPEATED_MILLISECONDS = 1000
MAX_REPEATED_ACKS = 1000

#: Transmissions of a probe after which it counts as refused.
PROBE_TRIES = 3

Payload = tuple[int, bytes]  # payload type, payload
Ack = tuple[bytes, int]  # the message id and the sequence number that it names


class StreamSender:
    """Input on its way to the agent: what waits to be sent, and what is in flight.

    :param payload_size: the greatest number of stream bytes in a message. A size beyond
        DEFAULT_PAYLOAD_SIZE is used only after :meth:`probe` and its ack.
    """

    def __init__(
        self, new_ids: Callable[[int], bytes], max_in_flight: int, payload_size: int
    ) -> None:
        self.recovery = Recovery()
        self.next_seq = 0
        self.bytes_taken = 0
        self._new_ids = new_ids
        self._max_in_flight = max_in_flight
        self._payload_size = min(payload_size, DEFAULT_PAYLOAD_SIZE)
        # A size that is yet to be probed.
        self._unprobed_size = payload_size if payload_size > DEFAULT_PAYLOAD_SIZE else 0
        self._probe: tuple[int, int] | None = None  # its sequence number, and its size
        self._control: list[Payload] = []
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._first_data: int | None = None  # the number of the first message with stream bytes
        self.data_taken = False  # whether the agent has acked that message

    @property
    def capacity(self) -> int:
        """The number of stream bytes that :meth:`queue_data` would accept now."""
        waiting = self.recovery.in_flight_bytes + self._pending_bytes
        return max(0, self._max_in_flight - waiting)

    @property
    def has_data(self) -> bool:
        """Whether stream bytes wait to be sent for the first time."""
        return bool(self._pending)

    @property
    def delivered(self) -> bool:
        """Whether everything that was queued is acked."""
        return not (self._pending or self._control or self.recovery)

    @property
    def unacknowledged_bytes(self) -> int:
        """The stream bytes that were accepted and not acked; control payloads do not count.

        This reads every frame in flight. Ask for it once, at the end.
        """
        unacknowledged = self._pending_bytes
        for frame in self.recovery.frames():
            *_, payload_type, length = messages.HEADER.unpack_from(frame)
            if payload_type == PayloadType.OUTPUT:
                unacknowledged += length
        return unacknowledged

    def queue_data(self, data: bytes) -> int:
        """Accept stream bytes; return how many, at most :attr:`capacity`."""
        accepted = min(len(data), self.capacity)
        if accepted:
            self._pending.append(data if accepted == len(data) else data[:accepted])
            self._pending_bytes += accepted
        return accepted

    def queue_control(self, payload_type: int, payload: bytes) -> int:
        """Queue a payload that leaves ahead of waiting data, even while data is held.

        :returns: the sequence number that its message will have.
        """
        self._control.append((payload_type, payload))
        return self.next_seq + len(self._control) - 1

    def acknowledge(self, sequence_number: int, now: float) -> None:
        """Note that the agent has acked a message.

        :raises RemoteProtocolError: if no message of that number was sent.
        """
        if sequence_number >= self.next_seq:
            raise RemoteProtocolError(
                f"the agent acknowledged message {sequence_number}, never sent"
            )
        self.recovery.acknowledge(sequence_number, now)
        if sequence_number == self._first_data:
            self.data_taken = True
        if self._probe and self._probe[0] == sequence_number:
            self._payload_size = self._probe[1]
            self._probe = None

    def probe(self) -> None:
        """Queue a probe if the payload size asks for one: a message of that size.

        Once the agent acks it, data uses that size. The probe carries no stream byte, but a
        payload of a type that the agent acks and drops. If the probe is refused, an empty message
        takes its number; whether the probe itself arrived makes no difference then.
        """
        size, self._unprobed_size = self._unprobed_size, 0
        if size:
            self._probe = (self.queue_control(PayloadType.PARAMETER, bytes(size)), size)

    def give_up_probe(self, created: int) -> None:
        """Replace a probe in flight by an empty message: the probe may have broken the link.

        :param created: milliseconds since the epoch.
        """
        if self._probe is None or self._probe[0] >= self.next_seq:
            return
        number, self._probe = self._probe[0], None
        frame = messages.pack(
            messages.INPUT_STREAM_DATA,
            number,
            0,
            self._new_ids(16),
            PayloadType.PARAMETER,
            b"",
            created,
        )
        self.recovery.replace(number, frame)

    def frames(self, created: int, now: float, *, release_data: bool) -> list[bytes]:
        """Return the frames that are due: retransmissions, control payloads, released data.

        :param created: milliseconds since the epoch.
        :param release_data: whether data may leave.
        """
        if self._probe and self.recovery.times_sent(self._probe[0]) >= PROBE_TRIES:
            self.give_up_probe(created)
        frames = self.recovery.take_retransmits(now)
        new, self._control = self._control, []
        if release_data and self._pending:
            if self._first_data is None:
                self._first_data = self.next_seq + len(new)
            new += self._take_pending()
        if not new:
            return frames
        ids = self._new_ids(16 * len(new))
        for index, (payload_type, payload) in enumerate(new):
            frame = messages.pack(
                messages.INPUT_STREAM_DATA,
                self.next_seq,
                0,
                ids[16 * index : 16 * index + 16],
                payload_type,
                payload,
                created,
            )
            self.recovery.record(self.next_seq, frame, now)
            self.next_seq += 1
            frames.append(frame)
        return frames

    def _take_pending(self) -> list[Payload]:
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        self.bytes_taken += len(data)
        size = self._payload_size
        return [
            (PayloadType.OUTPUT, data[start : start + size]) for start in range(0, len(data), size)
        ]


class StreamReceiver:
    """Output on its way from the agent: in order, each message once, each message acked.

    :ivar expected_seq: the number of the next message in order.
    :ivar duplicates: how many messages arrived again.
    """

    def __init__(self, new_ids: Callable[[int], bytes]) -> None:
        self.expected_seq = 0
        self.duplicates = 0
        self._highest_seen = -1  # of the messages that arrived ahead of their turn, or damaged
        self._new_ids = new_ids
        self._ahead: ReorderBuffer[Payload] = ReorderBuffer()
        self._acks: list[Ack] = []  # that are due
        # The acks of the last REPEATED_MILLISECONDS, by the times at which they were sent.
        self._sent_acks: deque[tuple[int, list[Ack]]] = deque()
        self._sent_count = 0

    def accept(
        self, message_id: bytes, sequence_number: int, payload_type: int, payload: bytes
    ) -> Iterator[Payload]:
        """Take in one message; yield the payloads whose turn it is.

        :raises RemoteProtocolError: if the number is negative, or too far ahead.
        """
        ahead = sequence_number - self.expected_seq
        if ahead == 0:
            self._acks.append((message_id, sequence_number))
            self.expected_seq += 1
            yield payload_type, payload
            for held in self._ahead.take_run(self.expected_seq):
                self.expected_seq += 1
                yield held
            return
        if sequence_number < 0 or ahead > MAX_SEQUENCE_JUMP:
            raise RemoteProtocolError(
                f"the agent sent message {sequence_number} where {self.expected_seq} is due"
            )
        if ahead < 0:
            # The first ack was lost, or arrived before the sender had recorded the message.
            # Without another ack the agent retransmits this message for ever, and no other.
            self.duplicates += 1
        else:
            self._highest_seen = max(self._highest_seen, sequence_number)
            if not self._ahead.hold(sequence_number, len(payload), (payload_type, payload)):
                return
        self._acks.append((message_id, sequence_number))

    def note_damaged(self, sequence_number: int) -> None:
        """Note the number of a malformed message: the agent has sent a message of that number."""
        if 0 <= sequence_number - self.expected_seq <= MAX_SEQUENCE_JUMP:
            self._highest_seen = max(self._highest_seen, sequence_number)

    @property
    def missing(self) -> bool:
        """Whether the agent has sent a message that was not delivered.

        It is lost, damaged, behind a lost one, or did not fit in the reorder buffer.
        """
        return self._highest_seen >= self.expected_seq

    def bound_acks(self) -> None:
        """Drop the acks beyond MAX_ACKS, after a batch; the agent sends those messages again."""
        del self._acks[MAX_ACKS:]

    def repeat_acks(self) -> None:
        """Make the last acks due again: they may have been under way when a link ended.

        The published agent retransmits its oldest message only, one in 100 ms. Each lost ack
        would delay by so much what was really lost.
        """
        self._acks[:0] = [ack for _, acks in self._sent_acks for ack in acks]
        self._sent_acks.clear()
        self._sent_count = 0
        self.bound_acks()

    def acks(self, created: int) -> list[bytes]:
        """Return the acks that are due, as frames.

        :param created: milliseconds since the epoch.
        """
        if not self._acks:
            return []
        due, self._acks = self._acks, []
        self._remember_acks(due, created)
        ids = self._new_ids(16 * len(due))
        return [
            messages.pack(
                messages.ACKNOWLEDGE,
                0,
                messages.FLAGS_ACKNOWLEDGE,
                ids[16 * index : 16 * index + 16],
                0,
                payloads.acknowledge(messages.OUTPUT_STREAM_DATA, message_id, sequence_number),
                created,
            )
            for index, (message_id, sequence_number) in enumerate(due)
        ]

    def _remember_acks(self, acks: list[Ack], created: int) -> None:
        self._sent_acks.append((created, acks[-MAX_REPEATED_ACKS:]))
        self._sent_count += len(self._sent_acks[-1][1])
        oldest = self._sent_acks[0]
        while self._sent_count > MAX_REPEATED_ACKS or oldest[0] < created - REPEATED_MILLISECONDS:
            self._sent_count -= len(oldest[1])
            self._sent_acks.popleft()
            oldest = self._sent_acks[0]
