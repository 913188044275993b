"""When a failed call is tried again, and how long to wait before."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..fast.logs import Logger
from .api import CallFailed, Refused

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0  # seconds
_SHORTEST_TRY = 1.0  # seconds; with less time left, another try would time out
#: Tries without a connection. A network that just comes back needs them; one that is off
#: would fail any number of tries.
_CONNECT_TRIES = 3

logger = Logger(__name__)


def random_fraction() -> float:
    """Return a uniform random number in [0, 1). Few calls need one, so the import waits."""
    import random

    return random.random()


def may_pass(failure: Refused | CallFailed, *, idempotent: bool = False) -> bool:
    """Return whether the same call may succeed a little later.

    Conflicts (409), throttling (429) and errors of the service (5xx) may pass, and so may a
    failure to connect.

    :param idempotent: whether the call does no harm if the service receives it twice. Then a
        lost response may pass too.
    """
    if isinstance(failure, CallFailed):
        return idempotent or failure.transient
    return failure.status in (409, 429) or failure.status >= 500


class Retry:
    """The pauses between the tries of one call.

    The longest pause doubles from one try to the next. Each pause is shortened by up to half
    at random, so that clients which fail together do not try again together.

    :param what: what is tried, for the log.
    :param deadline: on ``clock``.
    :param tries: the number of tries at most; None: as many as the deadline allows.
    :param clock: return the seconds of a monotonic clock, which ``sleep`` advances.
    :param rand: return a uniform random number in [0, 1).
    """

    def __init__(
        self,
        what: str,
        deadline: float,
        *,
        tries: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random_fraction,
    ) -> None:
        self._what = what
        self._deadline = deadline
        self._tries = tries
        self._clock = clock
        self._sleep = sleep
        self._rand = rand
        self._failed = self._unconnected = 0
        self._longest = _FIRST_PAUSE

    def pause(self, failure: Refused | CallFailed, *, passes: bool | None = None) -> bool:
        """Sleep before the next try and return True, or return False if it should not be made.

        :param failure: how the last try failed.
        :param passes: whether that may pass; None: what :func:`may_pass` says.
        """
        self._failed += 1
        self._unconnected += isinstance(failure, CallFailed)
        if not (may_pass(failure) if passes is None else passes):
            return False
        if self._failed == self._tries or self._unconnected == _CONNECT_TRIES:
            return False
        seconds = self._longest * (1 + self._rand()) / 2
        if self._clock() + seconds + _SHORTEST_TRY > self._deadline:
            return False
        logger.info("%s: %s; trying again in %.2f s", self._what, failure, seconds)
        self._sleep(seconds)
        self._longest = min(2 * self._longest, _LONGEST_PAUSE)
        return True
