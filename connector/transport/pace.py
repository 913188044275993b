"""Pace: decides when a link rests from reading, and for how long. It has no clock.

The published agent sends output in messages of 1 KiB, one a millisecond. A link that wakes up for
each of them spends most of its CPU time on waking up. So in a long run of full messages the link
rests for some milliseconds after each read, and the next read brings several messages at once.

A rest delays all that arrives meanwhile. Echoes and small files must not wait, so rests begin only
after RUN bytes of full messages. A message that is not full ends the run.

A rest delays the acks, too. The agent retransmits a message whose ack takes longer than the mean
plus four mean deviations, and at least 10 ms longer than the mean. So the first rest takes less
than 10 ms, and each further rest a millisecond more: the agent's mean and deviation keep up.
"""

from __future__ import annotations

from ..datachannel.limits import DEFAULT_PAYLOAD_SIZE
from ..datachannel.messages import ACKNOWLEDGE, HEADER

#: Bytes of a full message: its payload is as large as the agent makes any.
FULL = HEADER.size + DEFAULT_PAYLOAD_SIZE

#: Bytes of full messages in a row before the first rest: some 64 messages.
RUN = 64 * FULL

#: Bytes that a link brings after a cut before its first rest: at the agent's pace, those of ten
#: seconds. A cut loses the messages that a rest left unread, and the agent then repairs one in
#: 100 ms or a round trip. So on a network that cuts often, rests would cost time.
CALM = 8 << 20

#: Seconds of the first rest, of how much longer the next one is, and of the longest.
FIRST_REST = 0.008
STEP = 0.001
LONGEST_REST = 0.020

#: Bytes over which the speed is measured: some eight messages.
LAP = 8 * FULL

#: Bytes a second beyond which no rest saves anything: twice the agent's pace. At such a speed
#: each read brings several messages anyway.
FASTEST = 2_000_000

#: Bytes a second below which the longest rest would bring less than two messages, and seconds in
#: which a run has to bring that much. The next message after a longer pause does not wait.
SLOWEST = 100_000
PAUSE = 0.05

#: A run ends when the rests slow its sender down to less than this share of its speed: then the
#: sender waits for acks. GAIN is the weight of the last lap in that speed, which a busy machine
#: varies.
KEPT = 0.8
GAIN = 1 / 4

_ACK = ACKNOWLEDGE.encode()
_TYPE_OFFSET = 4


class Pace:
    """Follows the runs of one link. The link reports every batch of messages.

    :param calm: bytes of full messages to wait for before the first rest.
    """

    def __init__(self, calm: int = 0) -> None:
        self._calm = calm
        self._run = 0  # bytes of full messages since the run began
        self._began = 0.0
        self._lap = 0  # bytes since the speed was measured last
        self._lap_began = 0.0
        self._speed = 0.0  # bytes a second since the first rest of this run; 0 before it
        self._least_speed = 0.0
        self._next_rest = FIRST_REST

    def rest(self, messages: list[bytes], now: float) -> float:
        """Return for how many seconds to stop reading after these messages; 0 for not at all.

        :param messages: the messages of one read.
        :param now: when they were read, in seconds of a clock that never goes back.
        """
        full = 0
        for message in messages:
            if len(message) >= FULL:
                full += len(message)
            elif not message.startswith(_ACK, _TYPE_OFFSET):
                self._end_run()
                return 0.0
        if self._calm > 0:
            self._calm -= full
            return 0.0
        if not self._run and not self._lap:
            self._began = self._lap_began = now
        self._lap += full
        seconds = max(now - self._lap_began, 1e-6)
        rested = self._speed > 0
        if self._lap < LAP and not rested:  # too short a time to measure a speed
            return 0.0
        if self._lap < LAP and seconds < FIRST_REST / 2:  # the link ended its rest early
            return self._next_rest
        speed = self._lap / seconds
        if speed < SLOWEST and (seconds > PAUSE or not rested):
            self._end_run()
            return 0.0
        if rested:
            speed = self._speed = self._speed + GAIN * (speed - self._speed)
        if not self._least_speed <= speed <= FASTEST:
            self._end_run()
            return 0.0
        self._run += self._lap
        self._lap, self._lap_began = 0, now
        if self._run < RUN:
            return 0.0
        if not rested:
            self._speed = self._run / (now - self._began)
            self._least_speed = KEPT * self._speed
        rest, self._next_rest = self._next_rest, min(LONGEST_REST, self._next_rest + STEP)
        return rest

    def _end_run(self) -> None:
        self._run = self._lap = 0
        self._speed = self._least_speed = 0.0
        self._next_rest = FIRST_REST
