"""Waiting for a target: until it runs, starting it if need be, or until it has stopped.

A start can be refused while another change is under way, and the target may be stopped again
after its start was accepted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..aws.api import CallFailed, Refused
from ..aws.retry import may_pass
from ..errors import ConnectorError, TargetNotReady
from ..sessions import StartProgress, Waiting
from .memory import Memory
from .model import RUNNING, STARTING, STOPPED, STOPPING, StartSettings, State

if TYPE_CHECKING:
    from .basics import BasicCalls

POLL_INTERVAL = 1.0  # seconds; the toolkit's
START_INTERVAL = 5.0  # seconds until a target that is still stopped is started again
MOST_STARTS = 3
SILENCE_TIMEOUT = 30.0  # seconds without a good answer that a start under way survives

#: Seconds that it may take until a target has stopped.
STOP_TIMEOUT = 600.0

_MOST_DURATIONS = 5

logger = logging.getLogger(__name__)


class Startup:
    """One wait for a target. Starts and time are counted over all calls.

    :param starts: remembers how long starts of this target take.
    :param clock: seconds of a monotonic clock; ``progress`` makes the pauses.
    :param judge: returns the state that matters to the caller for one that was looked at.
    """

    def __init__(
        self,
        target: BasicCalls,
        progress: StartProgress,
        settings: StartSettings,
        starts: Memory,
        clock: Callable[[], float] = time.monotonic,
        judge: Callable[[State], State] = lambda state: state,
    ) -> None:
        self._target = target
        self._progress = progress
        self._settings = settings
        self._durations = Durations(starts)
        self._clock = clock
        self._judge = judge
        self._began = self._answered_at = clock()
        self._usual = self._durations.usual()
        self._starts = 0
        self._asked_at = 0.0  # of the last start
        self._accepted_at: float | None = None  # of the first start that was ours
        self._refusal: ConnectorError | None = None  # of the last start

    def until_running(self, state: State) -> State:
        """Return the target's state when it runs.

        :param state: the state now.
        :raises ConnectorError: when the target cannot run, or does not in time.
        :raises StartAbandoned: when the caller has left.
        """
        self._answered_at = self._clock()
        while state.phase != RUNNING:
            self._check_hope(state)
            if state.phase == STOPPED and self._may_start():
                self._wait(state, 0.0)  # do not start it for a caller that has left
                self._start()
            self._wait(state, POLL_INTERVAL)
            state = self._look(state)
        logger.info("the target runs after %.1f s", self._clock() - self._began)
        if self._accepted_at is not None:
            self._durations.note(self._clock() - self._accepted_at)
            self._accepted_at = None
        self._progress.go_on()
        return state

    def _check_hope(self, state: State) -> None:
        """:raises ConnectorError: when waiting cannot help, or the time is over."""
        hopes: tuple[str, ...] = (STARTING,)
        if self._settings.allowed:
            hopes += (STOPPED, STOPPING)
        in_vain = state.phase == STOPPED and self._starts >= MOST_STARTS and self._start_is_old()
        late = self._clock() - self._began >= self._settings.timeout
        if (in_vain or late) and state.phase == STOPPED and self._refusal:
            raise self._refusal
        if in_vain or state.phase not in hopes:
            raise self._target.not_running(state)
        if late:
            raise TargetNotReady(
                f"{self._target} is still {state.status} after {self._settings.timeout:.0f} s",
                f"Wait longer with --wait, or look at it in {self._target.console}",
            )

    def _start_is_old(self) -> bool:
        return not self._starts or self._clock() - self._asked_at >= START_INTERVAL

    def _may_start(self) -> bool:
        return self._starts < MOST_STARTS and self._start_is_old()

    def _start(self) -> None:
        try:
            self._target.start()
        except (Refused, CallFailed) as failure:
            logger.info("the start is refused: %s", failure)
            self._refusal = self._target.error_of(failure)
            if failure.status == 409:  # an update is under way, such as the start of another client
                return
            if not self._target.may_start_later(failure):
                raise self._refusal from failure
        else:
            logger.info("the start is accepted")
            self._refusal = None
            self._accepted_at = self._accepted_at or self._clock()
        self._starts += 1
        self._asked_at = self._clock()

    def _look(self, before: State) -> State:
        try:
            state = self._target.look()
        except (Refused, CallFailed) as failure:
            passes = may_pass(failure, idempotent=True)
            if not passes or self._clock() - self._answered_at >= SILENCE_TIMEOUT:
                raise self._target.error_of(failure) from failure
            logger.info("the state is not known: %s", failure)
            return before
        self._answered_at = self._clock()
        return self._judge(state)

    def _wait(self, state: State, seconds: float) -> None:
        elapsed = self._clock() - self._began
        target = self._target
        waiting = Waiting(state.status, elapsed, self._usual, target.made, target.makes)
        self._progress.wait(waiting, seconds)


def until_stopped(
    target: BasicCalls,
    state: State,
    wait: Callable[[Waiting, float], None],
    clock: Callable[[], float] = time.monotonic,
) -> State:
    """Return the state of a target once it is no longer stopping.

    :param state: the state now.
    :param wait: shows what is waited for, and pauses for some seconds.
    :param clock: seconds of a monotonic clock.
    :raises TargetNotReady: when the target runs again, or has not stopped in time.
    :raises ConnectorError: when the service cannot be asked.
    """
    began = answered_at = clock()
    while state.phase == STOPPING:
        elapsed = clock() - began
        if elapsed >= STOP_TIMEOUT:
            raise TargetNotReady(
                f"{target} has not stopped within {STOP_TIMEOUT:.0f} s",
                f"Look at it in {target.console}",
            )
        wait(Waiting(state.status, elapsed, None), POLL_INTERVAL)
        try:
            state = target.look()
        except (Refused, CallFailed) as failure:
            passes = may_pass(failure, idempotent=True)
            if not passes or clock() - answered_at >= SILENCE_TIMEOUT:
                raise target.error_of(failure) from failure
            logger.info("the state is not known: %s", failure)
        else:
            answered_at = clock()
    if state.phase in (RUNNING, STARTING):
        raise TargetNotReady(
            f"{target} is {state.status}: it was started again while it stopped",
            "Find out who uses it, and stop it again",
        )
    return state


class Durations:
    """The seconds that the last starts of a target took."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def usual(self) -> float | None:
        """Return the median, or None when no start is known."""
        known = self._known()
        return sorted(known)[len(known) // 2] if known else None

    def note(self, seconds: float) -> None:
        """Remember the duration of one more start."""
        self._memory.note([*self._known(), round(seconds, 1)][-_MOST_DURATIONS:])

    def _known(self) -> list[float]:
        known = self._memory.recall()
        values = known if isinstance(known, list) else []
        return [value for value in values if isinstance(value, (int, float)) and 0 < value < 1e5]
