"""The two directions of a channel's stream: numbering, acknowledging, ordering.

Each direction counts its stream messages from 0, all payload types in one count, and
every message is acknowledged by itself. Neither class knows the handshake, the state of
the channel or what a payload means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from ..errors import RemoteProtocolError
from . import messages, payloads
from .messages import PayloadType
from .recovery import Recovery, ReorderBuffer

#: A sequence number further ahead than this is no reordering: the agent itself keeps
#: 100,000 messages at most.
MAX_SEQUENCE_JUMP = 1_000_000

#: Acknowledges that wait to be sent at most. Far more than one socket read asks for, and
#: reached only when the far end sends and does not read.
MAX_ACKNOWLEDGES = 10_000

#: Times that a probe is sent before it counts as refused.
PROBE_TRIES = 3

Payload = tuple[int, bytes]  # payload type, payload


class StreamSender:
    """Input on its way to the agent: waiting, sent, and sent but not acknowledged."""

    def __init__(
        self, new_ids: Callable[[int], bytes], max_in_flight: int, payload_size: int
    ) -> None:
        self.recovery = Recovery()
        self.next_seq = 0
        self.bytes_taken = 0
        self._new_ids = new_ids
        self._max_in_flight = max_in_flight
        self._payload_size = payload_size
        self._probe: tuple[int, int] | None = None  # its sequence number, the size it tries
        self._control: list[Payload] = []
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._first_data: int | None = None  # the number of the first message with stream bytes
        self.data_taken = False  # whether the agent has acknowledged that message

    @property
    def capacity(self) -> int:
        """Stream bytes that :meth:`queue_data` would accept now."""
        waiting = self.recovery.in_flight_bytes + self._pending_bytes
        return max(0, self._max_in_flight - waiting)

    @property
    def has_data(self) -> bool:
        """Whether stream bytes wait to be sent for the first time."""
        return bool(self._pending)

    @property
    def delivered(self) -> bool:
        """Whether everything that was queued is acknowledged."""
        return not (self._pending or self._control or self.recovery)

    @property
    def unacknowledged_bytes(self) -> int:
        """Stream bytes that were accepted and not acknowledged; control payloads do not count.

        It reads every frame in flight: ask for it once, at the end.
        """
        unacknowledged = self._pending_bytes
        for frame in self.recovery.frames():
            *_, payload_type, length = messages.HEADER.unpack_from(frame)
            if payload_type == PayloadType.OUTPUT:
                unacknowledged += length
        return unacknowledged

    def queue_data(self, data: bytes) -> int:
        """Accept stream bytes; returns how many, at most :attr:`capacity`."""
        accepted = min(len(data), self.capacity)
        if accepted:
            self._pending.append(data if accepted == len(data) else data[:accepted])
            self._pending_bytes += accepted
        return accepted

    def queue_control(self, payload_type: int, payload: bytes) -> int:
        """Queue a payload that goes ahead of waiting data and waits for nothing.

        :returns: the sequence number that it will have.
        """
        self._control.append((payload_type, payload))
        return self.next_seq + len(self._control) - 1

    def acknowledge(self, sequence_number: int, now: float) -> None:
        """Note that a message has arrived.

        :raises RemoteProtocolError: when no such message was ever sent."""
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

    def probe(self, size: int) -> None:
        """Try whether a payload of ``size`` bytes gets through; if so, data uses that size.

        None of them is a byte of the stream: if the message is refused, it is sent empty
        under the same number, and whether the first one did arrive makes no difference.
        The agent acknowledges payloads of a type it has no use for, and drops them.
        """
        self._probe = (self.queue_control(PayloadType.PARAMETER, bytes(size)), size)

    def give_up_probe(self, created: int) -> None:
        """The probe may be what broke the link: let its number have an empty message.

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
        """What is due: resends, control payloads, and if it is released, data.

        :param created: milliseconds since the epoch.
        """
        if self._probe and self.recovery.times_sent(self._probe[0]) >= PROBE_TRIES:
            self.give_up_probe(created)
        frames = self.recovery.take_resends(now)
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
    """Output on its way from the agent: in order, each message once, all acknowledged."""

    def __init__(self, new_ids: Callable[[int], bytes]) -> None:
        self.expected_seq = 0
        self.duplicates = 0
        self._highest_seen = -1  # of the messages that came ahead, or damaged
        self._new_ids = new_ids
        self._ahead: ReorderBuffer[Payload] = ReorderBuffer()
        self._acknowledges: list[tuple[bytes, int]] = []

    def accept(
        self, message_id: bytes, sequence_number: int, payload_type: int, payload: bytes
    ) -> Iterator[Payload]:
        """Take in one message; hand out the payloads whose turn it now is.

        :raises RemoteProtocolError: when the number is negative or absurdly far ahead.
        """
        ahead = sequence_number - self.expected_seq
        if ahead == 0:
            self._acknowledges.append((message_id, sequence_number))
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
            # Its acknowledge was lost, or came too fast for the sender: say it again,
            # or the far end repeats this one for ever and nothing else.
            self.duplicates += 1
        else:
            self._highest_seen = max(self._highest_seen, sequence_number)
            if not self._ahead.hold(sequence_number, len(payload), (payload_type, payload)):
                return
        self._acknowledges.append((message_id, sequence_number))

    def note_damaged(self, sequence_number: int) -> None:
        """A message that cannot be read claims this number: the agent has sent one."""
        if 0 <= sequence_number - self.expected_seq <= MAX_SEQUENCE_JUMP:
            self._highest_seen = max(self._highest_seen, sequence_number)

    @property
    def missing(self) -> bool:
        """Whether the agent has sent a message that was not delivered: lost, or damaged, or
        behind a lost one, or refused because the reorder buffer was full.
        """
        return self._highest_seen >= self.expected_seq

    def bound_acknowledges(self) -> None:
        """After a batch: drop what goes beyond the bound; it is asked for again."""
        del self._acknowledges[MAX_ACKNOWLEDGES:]

    def forget_acknowledges(self) -> None:
        """The link they were for is gone; what they answer will come again."""
        self._acknowledges.clear()

    def acknowledges(self, created: int) -> list[bytes]:
        """The acknowledges that are due, as frames.

        :param created: milliseconds since the epoch.
        """
        if not self._acknowledges:
            return []
        due, self._acknowledges = self._acknowledges, []
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
