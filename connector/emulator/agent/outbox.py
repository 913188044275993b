"""The agent's output: numbering, pacing, what is unacknowledged, and when it is sent again."""

from __future__ import annotations

import random
from collections import deque

from ...datachannel.messages import (
    FLAG_SYN,
    OUTPUT_STREAM_DATA,
    PayloadType,
    pack,
)
from .behaviour import AgentBehaviour

# Of both published ends: a look at the oldest message every 100 ms, and an RTO as in
# RFC 6298 with other starting values. Seconds.
RESEND_TICK = 0.1
RTO_START = 0.2
RTO_CEILING = 1.0
SRTT_START = 0.1
SRTT_GAIN = 1 / 8
RTTVAR_GAIN = 1 / 4
CLOCK_GRANULARITY = 0.01

#: Beyond so many the real agent no longer keeps what it sends.
OUTGOING_CAPACITY = 100_000

#: Read ahead of what may be sent, when there is no pacing.
UNPACED_BUFFER = 256 * 1024


class Outbox:
    """Numbered output messages on their way to the client.

    :param rng: message ids, and the dice of :attr:`AgentBehaviour.late_record_probability`.
    :param now: the current time, in seconds on any clock.
    :param epoch: that clock's zero in seconds since 1970.
    """

    def __init__(
        self, behaviour: AgentBehaviour, rng: random.Random, now: float, epoch: float
    ) -> None:
        self._behaviour = behaviour
        self._rng = rng
        self._epoch = epoch
        self._next_seq = 0
        #: Stream bytes that wait, in order, by payload type.
        self._unsent: deque[tuple[int, bytearray]] = deque()
        self._next_output_at = now
        #: Sequence number -> the frame and when it was last sent; oldest first.
        self._unacked: dict[int, tuple[bytes, float]] = {}
        #: Sequence number -> when it counts as unacknowledged; only late ones.
        self._recorded_at: dict[int, float] = {}
        self._next_tick = now + RESEND_TICK
        self._srtt = SRTT_START
        self._rttvar = 0.0
        self._rto = RTO_START

    @property
    def capacity(self) -> int:
        """How many more bytes :meth:`append` should be given."""
        behaviour = self._behaviour
        buffer = behaviour.message_size if behaviour.message_interval else UNPACED_BUFFER
        return max(0, buffer - self.unsent)

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent for the first time."""
        return sum(len(data) for _, data in self._unsent)

    @property
    def unacked(self) -> int:
        """Messages that were sent and not acknowledged."""
        return len(self._unacked)

    def append(self, data: bytes | memoryview, payload_type: int = PayloadType.OUTPUT) -> None:
        """Stream bytes, to be sent as :meth:`messages` allows."""
        if not data:
            return
        if not self._unsent or self._unsent[-1][0] != payload_type:
            self._unsent.append((payload_type, bytearray()))
        self._unsent[-1][1].extend(data)

    def discard(self) -> None:
        """Forget the bytes that were not sent."""
        self._unsent.clear()

    def message(self, payload_type: int, payload: bytes, now: float) -> bytes:
        """A frame to be sent at once, ahead of any stream bytes that wait."""
        return self._frames(payload_type, [payload], now)[0]

    def messages(self, now: float) -> list[bytes]:
        """The stream bytes that pacing and window let out now, cut into frames."""
        frames: list[bytes] = []
        while count := self._sendable(now):
            size = self._behaviour.message_size
            payload_type, unsent = self._unsent[0]
            data = bytes(unsent[: count * size])
            del unsent[: count * size]
            if not unsent:
                self._unsent.popleft()
            self._next_output_at = now + self._behaviour.message_interval
            payloads = [data[start : start + size] for start in range(0, len(data), size)]
            frames += self._frames(payload_type, payloads, now)
        return frames

    def acknowledged(self, sequence_number: int, now: float) -> None:
        """The client has this message. Unknown numbers are no error: they were duplicates."""
        if self._recorded_at:
            recorded_at = self._recorded_at.pop(sequence_number, now)
            if now < recorded_at:
                return
        entry = self._unacked.pop(sequence_number, None)
        if entry is None:
            return
        rtt = now - entry[1]
        self._rttvar += RTTVAR_GAIN * (abs(self._srtt - rtt) - self._rttvar)
        self._srtt += SRTT_GAIN * (rtt - self._srtt)
        self._rto = min(self._srtt + max(CLOCK_GRANULARITY, 4 * self._rttvar), RTO_CEILING)

    def overdue(self, now: float) -> list[bytes]:
        """What the tick sends again: the oldest message, when it is older than the RTO."""
        if now < self._next_tick:
            return []
        self._next_tick = now + RESEND_TICK
        frames = []
        for sequence_number, (frame, sent_at) in self._unacked.items():
            if now - sent_at <= self._rto:
                break
            self._unacked[sequence_number] = (frame, now)
            frames.append(frame)
            if self._behaviour.resends_oldest_only:
                break
        return frames

    def resend_all(self, now: float) -> list[bytes]:
        """Everything unacknowledged, oldest first."""
        frames = [frame for frame, _ in self._unacked.values()]
        self._unacked = {
            number: (frame, now) for number, frame in zip(self._unacked, frames, strict=True)
        }
        return frames

    def get_timer(self) -> float | None:
        """When :meth:`overdue` or :meth:`messages` has something to do."""
        timer = self._next_tick if self._unacked else None
        if self._sendable(self._next_output_at):
            timer = self._next_output_at if timer is None else min(timer, self._next_output_at)
        return timer

    def _sendable(self, now: float) -> int:
        """How many messages may be cut now from what waits longest."""
        behaviour = self._behaviour
        if not self._unsent or now < self._next_output_at:
            return 0
        count = -(-len(self._unsent[0][1]) // behaviour.message_size)
        if behaviour.window is not None:
            count = min(count, max(0, behaviour.window - len(self._unacked)))
        return min(count, 1) if behaviour.message_interval else count

    def _frames(self, payload_type: int, payloads: list[bytes], now: float) -> list[bytes]:
        behaviour, unacked, recorded_at = self._behaviour, self._unacked, self._recorded_at
        created = int((self._epoch + now) * 1000)
        ids = self._rng.randbytes(16 * len(payloads))
        frames = []
        number = self._next_seq
        for index, payload in enumerate(payloads):
            frame = pack(
                OUTPUT_STREAM_DATA,
                number,
                0 if number else FLAG_SYN,
                ids[16 * index : 16 * index + 16],
                payload_type,
                payload,
                created,
            )
            frames.append(frame)
            if len(unacked) < OUTGOING_CAPACITY:
                unacked[number] = (frame, now)
            if (
                behaviour.late_record_probability
                and self._rng.random() < behaviour.late_record_probability
            ):
                recorded_at[number] = now + behaviour.late_record_delay
            number += 1
        self._next_seq = number
        return frames
