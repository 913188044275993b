"""What makes a stream whole over a channel that forgets, repeats and reorders.

:class:`Recovery` holds what was sent and not yet acknowledged; :class:`ReorderBuffer`
what arrived ahead of its turn. Neither knows what a message means, and neither has a
clock: ``now`` is in seconds, from whatever clock the caller keeps to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundTripEstimator:
    """When an acknowledge is overdue; the published ends' constants, in seconds."""

    INITIAL_SRTT = 0.1
    INITIAL_RTO = 0.2
    MAX_RTO = 1.0
    MIN_VARIANCE = 0.01
    SRTT_GAIN = 1 / 8
    RTTVAR_GAIN = 1 / 4

    def __init__(self) -> None:
        self.srtt = self.INITIAL_SRTT
        self.rttvar = 0.0
        self.rto = self.INITIAL_RTO

    def add_sample(self, round_trip: float) -> None:
        """Take in one round trip of a message that was sent only once (Karn's rule)."""
        deviation = abs(round_trip - self.srtt)
        self.rttvar += self.RTTVAR_GAIN * (deviation - self.rttvar)
        self.srtt += self.SRTT_GAIN * (round_trip - self.srtt)
        self.rto = min(self.MAX_RTO, self.srtt + max(self.MIN_VARIANCE, 4 * self.rttvar))

    def back_off(self) -> None:
        """Wait twice as long; the next sample sets the timeout anew."""
        self.rto = min(self.MAX_RTO, self.rto * 2)


class SentMessage:
    """A message under way.

    :ivar transmission: its place among all transmissions, the last one counts.
    """

    __slots__ = ("frame", "sent_at", "sequence_number", "times_sent", "transmission")

    def __init__(
        self, sequence_number: int, frame: bytes, sent_at: float, transmission: int
    ) -> None:
        self.sequence_number = sequence_number
        self.frame = frame
        self.sent_at = sent_at
        self.transmission = transmission
        self.times_sent = 1


class Recovery:
    """Messages sent and not yet acknowledged, and which of them to send again.

    A message is sent again when

    - a link was made anew: all of them, in order;
    - it is the oldest and its acknowledge is overdue. Only the oldest, since "not
      acknowledged" also means "the agent cannot take it yet", and a slow link must not
      be filled with copies. Each copy that is acknowledged lets two more overdue ones
      go, so that a lost run heals in a few round trips;
    - three that were sent after it, on the same ordered link, are acknowledged;
    - it is the oldest, and was sent in the hope that the far end listens already, see
      :meth:`hurry`.
    """

    REORDER_THRESHOLD = 3

    #: Seconds between the hasty repeats of a message, and how many there are. The agent
    #: takes 2-80 ms to connect to its port and refuses what comes before, without a word.
    HASTE_INTERVAL = 0.01
    HASTE_TRIES = 30

    def __init__(self) -> None:
        self.round_trip = RoundTripEstimator()
        self.in_flight_bytes = 0
        self.resent = 0
        self._unacked: dict[int, SentMessage] = {}
        self._due: dict[int, SentMessage] = {}
        self._transmissions = 0
        # The latest transmission known to have arrived; copies do not count, for an
        # acknowledge does not tell which of them it answers.
        self._arrived = 0
        self._credit = 0
        self._hasty = 0  # repeats left
        self._hasty_until = 0  # the sequence number whose acknowledge ends the haste

    def __len__(self) -> int:
        return len(self._unacked)

    def frames(self) -> Iterator[bytes]:
        """The messages that are not acknowledged, oldest first."""
        return (message.frame for message in self._unacked.values())

    def record(self, sequence_number: int, frame: bytes, now: float) -> None:
        """Take responsibility for a message; call it *before* the message is sent."""
        self._transmissions += 1
        self._unacked[sequence_number] = SentMessage(
            sequence_number, frame, now, self._transmissions
        )
        self.in_flight_bytes += len(frame)

    def acknowledge(self, sequence_number: int, now: float) -> None:
        """Forget a message. One that is not held was acknowledged before: nothing to do."""
        message = self._unacked.pop(sequence_number, None)
        if message is None:
            return
        self.in_flight_bytes -= len(message.frame)
        self._due.pop(sequence_number, None)
        if sequence_number == self._hasty_until:
            self._hasty = 0
        if message.times_sent == 1:
            self.round_trip.add_sample(now - message.sent_at)
            if message.transmission > self._arrived:
                self._arrived = message.transmission
        else:
            self._credit += 2

    def hurry(self, sequence_number: int) -> None:
        """Repeat what is sent from now on soon and briefly, until this one is acknowledged.

        :param sequence_number: of the first message that the far end may refuse.
        """
        self._hasty, self._hasty_until = self.HASTE_TRIES, sequence_number

    def calm_down(self) -> None:
        """The far end is known to listen: what it may have refused goes now, the last in haste."""
        oldest = self._oldest()
        if self._hasty and oldest is not None:
            self._due[oldest.sequence_number] = oldest
        self._hasty = 0

    def replace(self, sequence_number: int, frame: bytes) -> None:
        """Send another frame in place of one that is not acknowledged."""
        message = self._unacked[sequence_number]
        self.in_flight_bytes += len(frame) - len(message.frame)
        message.frame = frame

    def times_sent(self, sequence_number: int) -> int:
        """How often a message was sent that is now due again; 0 when it is not."""
        message = self._due.get(sequence_number)
        return message.times_sent if message else 0

    def detect_losses(self, now: float) -> None:
        """After a batch of acknowledges: make due what they show to be lost."""
        oldest = self._oldest()
        if oldest is None:
            self._credit = 0
        elif self._credit or oldest.transmission + self.REORDER_THRESHOLD <= self._arrived:
            self._mark_lost(now)

    def requeue(self) -> None:
        """On a new link everything is due again: the old one may have eaten any of it."""
        self._due = dict(self._unacked)

    def get_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called, or ``None``."""
        oldest = self._oldest()
        return None if oldest is None else oldest.sent_at + self._patience

    def handle_timer(self, now: float) -> None:
        """Make the oldest message due when its acknowledge is overdue."""
        oldest = self._oldest()
        if oldest is not None and oldest.sent_at + self._patience <= now:
            self._due[oldest.sequence_number] = oldest
            if self._hasty:
                self._hasty -= 1
            else:
                self.round_trip.back_off()

    def take_resends(self, now: float) -> list[bytes]:
        """The frames to send again now, oldest first."""
        if not self._due:
            return []
        frames = []
        for _, message in sorted(self._due.items()):
            self._transmissions += 1
            message.transmission = self._transmissions
            message.sent_at = now
            message.times_sent += 1
            frames.append(message.frame)
        self._due.clear()
        self.resent += len(frames)
        return frames

    @property
    def _patience(self) -> float:
        """Seconds that the oldest message waits for its acknowledge."""
        return self.HASTE_INTERVAL if self._hasty else self.round_trip.rto

    def _oldest(self) -> SentMessage | None:
        return next(iter(self._unacked.values()), None)

    def _mark_lost(self, now: float) -> None:
        horizon = self._arrived - self.REORDER_THRESHOLD
        overdue = now - self.round_trip.rto
        for sequence_number, message in self._unacked.items():
            if message.transmission <= horizon:
                self._due[sequence_number] = message
            elif self._credit and message.sent_at <= overdue:
                self._due[sequence_number] = message
                self._credit -= 1
        self._credit = 0


class ReorderBuffer(Generic[T]):
    """What arrived ahead of its turn, bounded in number and bytes.

    Beyond the bounds nothing is kept, nothing is acknowledged, and it comes again.
    """

    MAX_MESSAGES = 10_000  # the published plugin's
    MAX_BYTES = 16 * 1024 * 1024

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, T]] = {}
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, sequence_number: int, size: int, item: T) -> bool:
        """Keep an item of ``size`` bytes; ``False`` when there is no room for it."""
        if sequence_number in self._held:
            return True
        if len(self._held) >= self.MAX_MESSAGES or self.held_bytes + size > self.MAX_BYTES:
            return False
        self._held[sequence_number] = (size, item)
        self.held_bytes += size
        return True

    def take_run(self, sequence_number: int) -> Iterator[T]:
        """Hand out what is held from ``sequence_number`` on, up to the first gap."""
        while sequence_number in self._held:
            size, item = self._held.pop(sequence_number)
            self.held_bytes -= size
            sequence_number += 1
            yield item
