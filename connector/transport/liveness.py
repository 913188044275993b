"""Liveness: decides when to ping the gateway and when to give it up. It has no clock.

NATs, VPNs and load balancers silently drop connections that are idle for 60 s or more. A
machine that wakes from sleep finds its connections dead, and is not told either.
"""

from __future__ import annotations

#: Seconds between two pings by default.
PING_INTERVAL = 20.0

#: Ping intervals of silence after which the gateway counts as dead: 45 s by default, when two
#: pings went unanswered.
_SILENT_INTERVALS = 2.25

#: Seconds that the gateway may take to answer after this machine slept.
WAKE_TIMEOUT = 4.0

#: Seconds that show a sleep: the wall clock has run ahead of the monotonic one by as much, or a
#: check is late by as much since the process was stopped. A clock correction is smaller.
_SLEPT = 3.0


class Sign:
    """What the link has to do now."""

    NONE = "nothing"
    PING = "send a ping"
    DEAD = "give the link up"


class Liveness:
    """Judges a link by what it receives. The link calls :meth:`look` about once a second.

    :param now: seconds of a monotonic clock.
    :param wall: seconds since the epoch.
    """

    def __init__(self, ping_interval: float, now: float, wall: float) -> None:
        self._ping_interval = ping_interval
        self._silence_timeout = _SILENT_INTERVALS * ping_interval
        self._heard_at = now
        self._pinged_at = now
        self._looked_at = now
        self._offset = wall - now
        self._answer_deadline: float | None = None

    def heard(self, now: float) -> None:
        """Note that bytes have come, or that the link does not read."""
        self._heard_at = now
        self._answer_deadline = None

    def silence(self, now: float) -> float:
        """Return the seconds since bytes came."""
        return now - self._heard_at

    def look(self, now: float, wall: float) -> str:
        """Return what to do now, one of :class:`Sign`."""
        slept = wall - now - self._offset > _SLEPT or now - self._looked_at > _SLEPT
        self._offset = wall - now
        self._looked_at = now
        if slept:
            # The link did not read meanwhile, so bytes may wait in the socket.
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
