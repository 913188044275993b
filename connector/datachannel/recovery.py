"""Make a stream whole over a channel that loses, duplicates and reorders messages.

:class:`Recovery` holds the messages in flight. :class:`ReorderBuffer` holds the messages that
arrived ahead of their turn. Neither knows the meaning of a message, and neither has a clock:
``now`` is in seconds, from the caller's clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..fast.typed import Generic, TypeVar

T = TypeVar("T")


class RoundTripEstimator:
    """Estimates the round trip, and from it the retransmission timeout (RTO).

    The constants are those of the published client and agent, in seconds.
    """

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
        """Take in one round trip, of a message that was sent only once (Karn's algorithm)."""
        deviation = abs(round_trip - self.srtt)
        self.rttvar += self.RTTVAR_GAIN * (deviation - self.rttvar)
        self.srtt += self.SRTT_GAIN * (round_trip - self.srtt)
        self.rto = min(self.MAX_RTO, self.srtt + max(self.MIN_VARIANCE, 4 * self.rttvar))

    def back_off(self) -> None:
        """Double the timeout; the next sample computes it anew."""
        self.rto = min(self.MAX_RTO, self.rto * 2)


class SentMessage:
    """A message in flight.

    :ivar transmission: the place of its last transmission among all transmissions.
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
    """The messages in flight, and the decision which of them to retransmit.

    A message is retransmitted in four cases:

    - A new link is made. Then all messages in flight are due, in order.
    - It is the oldest, and its ack is overdue. Only the oldest is due, because a missing ack may
      also mean that the agent cannot take the message yet, and copies must not fill a slow link.
      Each acked copy releases two more overdue messages, so a lost run heals in a few round trips.
    - Three messages that were sent after it, on the same ordered link, are acked.
    - It is the oldest, and was sent before the agent had proved that it takes input, see
      :meth:`start_early_retransmits`.
    """

    REORDER_THRESHOLD = 3

    #: Seconds between early retransmits, and how many there are. The agent takes 2 to 80 ms to
    #: connect to its port. It refuses input before that, without telling the client.
    EARLY_INTERVAL = 0.01
    EARLY_TRIES = 30

    def __init__(self) -> None:
        self.round_trip = RoundTripEstimator()
        self.in_flight_bytes = 0
        self.retransmitted = 0
        self._unacked: dict[int, SentMessage] = {}
        self._due: dict[int, SentMessage] = {}
        self._transmissions = 0
        # The latest transmission that is known to have arrived. Copies do not count, since an
        # ack does not tell which of them it answers.
        self._arrived = 0
        self._credit = 0
        self._early_tries = 0  # that are left
        self._early_until = 0  # the sequence number whose ack ends the early retransmits

    def __len__(self) -> int:
        return len(self._unacked)

    def frames(self) -> Iterator[bytes]:
        """Return the frames in flight, oldest first."""
        return (message.frame for message in self._unacked.values())

    def record(self, sequence_number: int, frame: bytes, now: float) -> None:
        """Hold a message until it is acked. Call this *before* the message is sent."""
        self._transmissions += 1
        self._unacked[sequence_number] = SentMessage(
            sequence_number, frame, now, self._transmissions
        )
        self.in_flight_bytes += len(frame)

    def acknowledge(self, sequence_number: int, now: float) -> None:
        """Drop a message, as the agent has it. A message may be acked twice."""
        message = self._unacked.pop(sequence_number, None)
        if message is None:
            return
        self.in_flight_bytes -= len(message.frame)
        self._due.pop(sequence_number, None)
        if sequence_number == self._early_until:
            self._early_tries = 0
        if message.times_sent == 1:
            self.round_trip.add_sample(now - message.sent_at)
            if message.transmission > self._arrived:
                self._arrived = message.transmission
        else:
            self._credit += 2

    def start_early_retransmits(self, sequence_number: int) -> None:
        """Retransmit the oldest message every EARLY_INTERVAL, until a message is acked.

        :param sequence_number: that message, the first that the agent may refuse.
        """
        self._early_tries, self._early_until = self.EARLY_TRIES, sequence_number

    def stop_early_retransmits(self) -> None:
        """Return to the usual timeout, after one last early retransmit: the agent takes input."""
        oldest = self._oldest()
        if self._early_tries and oldest is not None:
            self._due[oldest.sequence_number] = oldest
        self._early_tries = 0

    def replace(self, sequence_number: int, frame: bytes) -> None:
        """Replace the frame of a message in flight."""
        message = self._unacked[sequence_number]
        self.in_flight_bytes += len(frame) - len(message.frame)
        message.frame = frame

    def times_sent(self, sequence_number: int) -> int:
        """Return how often a message was sent that is due again; 0 if it is not due."""
        message = self._due.get(sequence_number)
        return message.times_sent if message else 0

    def detect_losses(self, now: float) -> None:
        """Make all messages due that the last batch of acks shows to be lost."""
        oldest = self._oldest()
        if oldest is None:
            self._credit = 0
        elif self._credit or oldest.transmission + self.REORDER_THRESHOLD <= self._arrived:
            self._mark_lost(now)

    def retransmit_all(self) -> None:
        """Make all messages in flight due. The old link may have lost any of them."""
        self._due = dict(self._unacked)

    def get_timer(self) -> float | None:
        """Return when :meth:`handle_timer` has something to do, or ``None``."""
        oldest = self._oldest()
        return None if oldest is None else oldest.sent_at + self._timeout

    def handle_timer(self, now: float) -> None:
        """Make the oldest message due if its ack is overdue."""
        oldest = self._oldest()
        if oldest is not None and oldest.sent_at + self._timeout <= now:
            self._due[oldest.sequence_number] = oldest
            if self._early_tries:
                self._early_tries -= 1
            else:
                self.round_trip.back_off()

    def take_retransmits(self, now: float) -> list[bytes]:
        """Return the frames that are due again, oldest first, and note their transmission."""
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
        self.retransmitted += len(frames)
        return frames

    @property
    def _timeout(self) -> float:
        """Seconds that the oldest message waits for its ack."""
        return self.EARLY_INTERVAL if self._early_tries else self.round_trip.rto

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
    """The messages that arrived ahead of their turn, bounded in number and bytes.

    A message beyond the bounds is neither kept nor acked, so the agent sends it again.
    """

    MAX_MESSAGES = 10_000  # the published plugin's
    MAX_BYTES = 16 * 1024 * 1024

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, T]] = {}
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, sequence_number: int, size: int, item: T) -> bool:
        """Keep an item of ``size`` bytes; return whether there is room for it."""
        if sequence_number in self._held:
            return True
        if len(self._held) >= self.MAX_MESSAGES or self.held_bytes + size > self.MAX_BYTES:
            return False
        self._held[sequence_number] = (size, item)
        self.held_bytes += size
        return True

    def take_run(self, sequence_number: int) -> Iterator[T]:
        """Yield the items held from ``sequence_number`` on, up to the first gap."""
        while sequence_number in self._held:
            size, item = self._held.pop(sequence_number)
            self.held_bytes -= size
            sequence_number += 1
            yield item
