"""Whether the far end still lives; no clock of its own.

NATs, VPNs and load balancers drop idle connections from 60 s on without a word, and a
machine that slept has lost its own without a word too.
"""

from __future__ import annotations

#: Seconds between pings, unless the user wants others.
PING_INTERVAL = 20.0

#: Ping intervals of silence after which the far end is dead, 45 s by default; two pings
#: went unanswered by then.
_PATIENCE = 2.25

#: Seconds that a far end gets to answer after we slept.
WAKE_TIMEOUT = 4.0

#: Seconds by which the wall clock runs ahead of the monotonic one from one look to the
#: next when the machine slept, and by which a look is late when the process was stopped.
#: Clocks that are only being corrected move by less.
_SLEPT = 3.0


class Sign:
    """What to do now."""

    NONE = "nothing"
    PING = "ask for a sign of life"
    DEAD = "give the link up"


class Liveness:
    """Judges a link by what is heard; ask it about once a second.

    :param now: seconds of a monotonic clock; ``wall``: seconds since the epoch.
    """

    def __init__(self, ping_interval: float, now: float, wall: float) -> None:
        self._ping_interval = ping_interval
        self._silence_timeout = _PATIENCE * ping_interval
        self._heard_at = now
        self._pinged_at = now
        self._looked_at = now
        self._offset = wall - now
        self._answer_deadline: float | None = None

    def heard(self, now: float) -> None:
        """Something came from the far end, or we are not listening."""
        self._heard_at = now
        self._answer_deadline = None

    def silence(self, now: float) -> float:
        """Seconds since something was heard."""
        return now - self._heard_at

    def look(self, now: float, wall: float) -> str:
        slept = wall - now - self._offset > _SLEPT or now - self._looked_at > _SLEPT
        self._offset = wall - now
        self._looked_at = now
        if slept:
            # Nobody listened: what was said meanwhile may wait in the socket.
            self._heard_at = now
        if self._answer_deadline is not None and now >= self._answer_deadline:
            return Sign.DEAD
        if self.silence(now) >= self._silence_timeout:
            return Sign.DEAD
        if slept:
            self._answer_deadline = now + WAKE_TIMEOUT
        if slept or now - self._pinged_at >= self._ping_interval:
            self._pinged_at = now
            return Sign.PING
        return Sign.NONE
