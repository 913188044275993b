"""The agent's output: its damage to text, numbering, pacing, retransmission."""

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

# Both published ends look at the oldest message every 100 ms, and compute the RTO as RFC 6298
# does, with other initial values. All are seconds.
RESEND_TICK = 0.1
RTO_START = 0.2
RTO_CEILING = 1.0
SRTT_START = 0.1
SRTT_GAIN = 1 / 8
RTTVAR_GAIN = 1 / 4
CLOCK_GRANULARITY = 0.01

#: Messages in flight beyond which the real agent no longer keeps what it sends.
OUTGOING_CAPACITY = 100_000

#: Bytes that are read ahead of the window without pacing.
UNPACED_BUFFER = 256 * 1024


class Outbox:
    """The output messages of one session.

    :param rng: the source of message ids and of the chance in ``late_record_probability``.
    :param now: the current time, in seconds on any clock.
    :param epoch: the zero of that clock in seconds since 1970.
    """

    def __init__(
        self, behaviour: AgentBehaviour, rng: random.Random, now: float, epoch: float
    ) -> None:
        self._behaviour = behaviour
        self._rng = rng
        self._epoch = epoch
        self._next_seq = 0
        #: Stream bytes that wait to be sent, in order: payload type and bytes.
        self._unsent: deque[tuple[int, bytearray]] = deque()
        self._next_output_at = now
        #: Sequence number -> the frame and the time of its last transmission; oldest first.
        self._unacked: dict[int, tuple[bytes, float]] = {}
        #: Sequence number -> when the message is recorded as in flight; only late records.
        self._recorded_at: dict[int, float] = {}
        self._next_tick = now + RESEND_TICK
        self._srtt = SRTT_START
        self._rttvar = 0.0
        self._rto = RTO_START

    @property
    def capacity(self) -> int:
        """How many bytes :meth:`append` accepts now."""
        behaviour = self._behaviour
        buffer = behaviour.message_size if behaviour.message_interval else UNPACED_BUFFER
        return max(0, buffer - self.unsent)

    @property
    def unsent(self) -> int:
        """How many bytes wait for their first transmission."""
        return sum(len(data) for _, data in self._unsent)

    @property
    def unacked(self) -> int:
        """How many messages are in flight."""
        return len(self._unacked)

    def append(self, data: bytes | memoryview, payload_type: int = PayloadType.OUTPUT) -> None:
        """Queue stream bytes for :meth:`messages`."""
        if not data:
            return
        if not self._unsent or self._unsent[-1][0] != payload_type:
            self._unsent.append((payload_type, bytearray()))
        self._unsent[-1][1].extend(data)

    def discard(self) -> None:
        """Drop the bytes that were not sent."""
        self._unsent.clear()

    def message(self, payload_type: int, payload: bytes, now: float) -> bytes:
        """Return a frame to send at once, ahead of stream bytes that wait."""
        return self._frames(payload_type, [payload], now)[0]

    def messages(self, now: float) -> list[bytes]:
        """Return frames of the stream bytes that pacing and window allow now."""
        frames: list[bytes] = []
        while count := self._sendable(now):
            size = self._behaviour.message_size
            payload_type, unsent = self._unsent[0]
            data = bytes(unsent[: count * size])
            del unsent[: count * size]
            if not unsent:
                self._unsent.popleft()
            late = min(now - self._next_output_at, self._behaviour.makes_up)
            self._next_output_at = now + self._behaviour.message_interval - late
            payloads = [data[start : start + size] for start in range(0, len(data), size)]
            frames += self._frames(payload_type, payloads, now)
        return frames

    def acknowledged(self, sequence_number: int, now: float) -> None:
        """Process an ack. A number that is not in flight belongs to a duplicate ack."""
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
        """Return what the tick retransmits: the oldest message if its RTO has expired."""
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
        """Return all frames in flight, the oldest first."""
        frames = [frame for frame, _ in self._unacked.values()]
        self._unacked = {
            number: (frame, now) for number, frame in zip(self._unacked, frames, strict=True)
        }
        return frames

    def get_timer(self) -> float | None:
        """Return when :meth:`overdue` or :meth:`messages` has frames; ``None`` for never."""
        timer = self._next_tick if self._unacked else None
        if self._sendable(self._next_output_at):
            timer = self._next_output_at if timer is None else min(timer, self._next_output_at)
        return timer

    def _sendable(self, now: float) -> int:
        """Return how many messages of the oldest bytes may be sent now."""
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


#: A character has at most four bytes, so an incomplete one has at most three.
_LONGEST_BEGINNING = 3
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: The agent takes that character for an error and keeps only its first byte.
_ITS_FIRST_BYTE = "\udcef"


class TextStream:
    """One stream of output.

    Bytes at the end of a read that are not UTF-8 may be the beginning of a character. The
    stream holds up to three of them until the next read; without one they are lost. Other bytes
    that are not UTF-8 pass unchanged.
    """

    def __init__(self) -> None:
        self._held = b""

    def passed(self, data: bytes) -> bytes:
        """Return what the client gets of one read."""
        data = self._held + data
        # An invalid byte becomes one surrogate, so each character here is one rune in Go.
        text = data.decode(errors="surrogateescape")
        start, cut = len(data), len(text)
        for index in range(len(text) - 1, -1, -1):
            start -= len(text[index].encode(errors="surrogateescape"))
            if start < len(data) - _LONGEST_BEGINNING:
                break
            if _is_error(text[index]):
                cut = index
        self._held = text[cut:].encode(errors="surrogateescape")
        sent = text[:cut].replace(_REPLACEMENT, _ITS_FIRST_BYTE)
        return sent.encode(errors="surrogateescape")


def _is_error(character: str) -> bool:
    return character == _REPLACEMENT or "\udc80" <= character <= "\udcff"
