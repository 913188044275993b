"""A Dev Environment that does not run is started, and waited for.

The states and what may be refused while they change: the service's model (2022-09-28) and
the AWS Toolkit for VS Code, which has learnt that a start can be refused while another
update is under way, and that one may be STOPPED again after it was accepted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ...aws.api import CallFailed, Refused
from ...aws.retry import may_pass
from ...aws.sso.tokens import BearerToken
from ...errors import ConnectorError, TargetNotReady
from ...sessions import StartProgress, Waiting
from .environment import Environment, State
from .refusals import not_running
from .starts import Durations, StartSettings

POLL_INTERVAL = 1.0  # seconds; the toolkit's
START_INTERVAL = 5.0  # seconds until one that is still STOPPED is started again
MOST_STARTS = 3
SILENCE_TIMEOUT = 30.0  # seconds without a good answer that a start under way survives

# Seconds for each question, and for the token before it.
_TOKEN_TIMEOUT, _CALL_TIMEOUT = 4.0, 6.0

logger = logging.getLogger(__name__)


class Startup:
    """One wait for a Dev Environment, its starts and its time counted over all calls.

    :param clock: seconds of a monotonic clock; the pauses are ``progress``'s.
    """

    def __init__(
        self,
        environment: Environment,
        progress: StartProgress,
        settings: StartSettings,
        durations: Durations,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environment = environment
        self._progress = progress
        self._settings = settings
        self._durations = durations
        self._clock = clock
        self._began = self._answered_at = clock()
        self._usual = durations.usual()
        self._starts = 0
        self._asked_at = 0.0  # of the last start
        self._accepted_at: float | None = None  # of the first start that was ours
        self._refusal: ConnectorError | None = None  # of the last start

    def until_running(self, state: State, token: BearerToken) -> None:
        """Return when it runs.

        :param state: the one it is in; ``token`` the one that this was asked with.
        :raises ConnectorError: when it cannot run, or does not in time.
        :raises StartAbandoned: when nobody waits for it any more.
        """
        self._token = token
        self._answered_at = self._clock()
        while state.status != "RUNNING":
            self._check_hope(state)
            if state.status == "STOPPED" and self._may_start():
                self._wait(state, 0.0)  # nothing is started for somebody who has left
                self._start()
            self._wait(state, POLL_INTERVAL)
            state = self._look(state)
        logger.info("it runs after %.1f s", self._clock() - self._began)
        if self._accepted_at is not None:
            self._durations.note(self._clock() - self._accepted_at)
            self._accepted_at = None
        self._progress.go_on()

    def _check_hope(self, state: State) -> None:
        """:raises ConnectorError: when waiting is of no use, or has been long enough."""
        hopes: tuple[str, ...] = ("PENDING", "STARTING")
        if self._settings.allowed:
            hopes += ("STOPPED", "STOPPING")
        in_vain = state.status == "STOPPED" and self._starts >= MOST_STARTS and self._start_is_old()
        if in_vain and self._refusal:
            raise self._refusal
        if in_vain or state.status not in hopes:
            raise not_running(self._environment.target, state.status, state.reason, self._token)
        if self._clock() - self._began >= self._settings.timeout:
            raise TargetNotReady(
                f"{self._environment.target} is still {state.status} "
                f"after {self._settings.timeout:.0f} s",
                "Wait longer with --wait, or look at it in the CodeCatalyst console",
            )

    def _start_is_old(self) -> bool:
        return not self._starts or self._clock() - self._asked_at >= START_INTERVAL

    def _may_start(self) -> bool:
        return self._starts < MOST_STARTS and self._start_is_old()

    def _start(self) -> None:
        self._token = self._environment.tokens.load(_TOKEN_TIMEOUT)
        try:
            self._environment.start(self._token, _CALL_TIMEOUT)
        except (Refused, CallFailed) as failure:
            logger.info("the start is refused: %s", failure)
            if failure.status == 409:  # an update is under way: somebody else's start, perhaps
                return
            self._refusal = self._environment.error_of(failure, self._token)
            if not may_pass(failure, idempotent=True) and failure.status != 400:
                raise self._refusal from failure
        else:
            logger.info("the start is accepted")
            self._refusal = None
            self._accepted_at = self._accepted_at or self._clock()
        self._starts += 1
        self._asked_at = self._clock()

    def _look(self, before: State) -> State:
        self._token = self._environment.tokens.load(_TOKEN_TIMEOUT)
        try:
            state = self._environment.look(self._token, _CALL_TIMEOUT)
        except (Refused, CallFailed) as failure:
            passes = may_pass(failure, idempotent=True)
            if not passes or self._clock() - self._answered_at >= SILENCE_TIMEOUT:
                raise self._environment.error_of(failure, self._token) from failure
            logger.info("the state is not known: %s", failure)
            return before
        self._answered_at = self._clock()
        return state

    def _wait(self, state: State, seconds: float) -> None:
        elapsed = self._clock() - self._began
        self._progress.wait(Waiting(state.status, elapsed, self._usual), seconds)
