"""Sessions of CodeCatalyst Dev Environments: started and stopped through its API."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from ...aws.api import CallFailed, Refused
from ...aws.retry import Retry, may_pass
from ...aws.sso.tokens import BearerToken
from ...sessions import SessionAccess, StartProgress
from .environment import Environment, State
from .refusals import status_of
from .starts import Durations, StartSettings

logger = logging.getLogger(__name__)

#: The ``sessionConfiguration`` of a session that leads to the SSH server.
SSH_SESSION = {"sessionType": "SSH"}

# ssh gives a ProxyCommand 15 s in VS Code's settings, from its start to sshd's banner. All
# tries together get 8: what is left is for the interpreter, the WebSocket and the agent.
START_TIMEOUT = 8.0
_STATUS_TIMEOUT = 2.0  # for the question why a start was refused


class CodeCatalystSessions:
    """Starts and stops sessions of one Dev Environment: a ``SessionSource``.

    :param configuration: what sessions are for: the API's ``sessionConfiguration``.
    :param start_timeout: seconds that starting a session of one that runs may take with all
        its tries; ``settings`` say how long it may take until it runs.
    :param clock: seconds of a monotonic clock; ``sleep`` goes with it.
    :param rand: uniform in [0, 1): the jitter that keeps windows which reconnect at once
        from trying again at once.
    """

    def __init__(
        self,
        environment: Environment,
        settings: StartSettings,
        durations: Durations,
        *,
        configuration: Mapping[str, Any] = SSH_SESSION,
        start_timeout: float = START_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._durations = durations
        self._configuration = configuration
        self._start_timeout = start_timeout
        self._clock = clock
        self._sleep = sleep
        self._rand = rand

    def start(self, progress: StartProgress) -> SessionAccess:
        """Start a session, and before that the Dev Environment if need be.

        One that runs is not asked for its state: only a refusal leads to that question.

        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        startup: Startup | None = None
        while True:
            deadline = self._clock() + self._start_timeout
            token = self._environment.tokens.load(self._start_timeout / 2)
            answer = self._start_session(token, deadline, just_started=startup is not None)
            if not isinstance(answer, State):
                return _access(answer)
            if startup is None:
                from .startup import Startup  # for one that does not run, and so has the time

                startup = Startup(
                    self._environment, progress, self._settings, self._durations, self._clock
                )
            startup.until_running(answer, token)

    def resume(self, access: SessionAccess) -> None:
        """CodeCatalyst has no fresh key to a session: its clients start another one."""

    def tidy(self) -> None:
        """Do nothing: a ledger knows what there is to tidy."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """Stop a session; one that is gone already is stopped well enough.

        :param timeout: seconds.
        :raises ConnectorError: when the service refused, or could not be told in time.
        """
        if not access.session_id:  # the API's model allows it; there is nothing to name
            return
        deadline = self._clock() + timeout
        token = self._environment.tokens.load(timeout / 2)
        with self._environment.explained(token):
            try:
                self._environment.stop_session(token, deadline - self._clock(), access.session_id)
            except Refused as refused:
                if status_of(refused) not in (404, 409):
                    raise

    def _start_session(
        self, token: BearerToken, deadline: float, *, just_started: bool
    ) -> dict[str, Any] | State:
        """What the service answers, or the state of the Dev Environment that keeps it from it.

        Throttling, conflicts, errors of the service and connections that could not be made
        are tried again while there is time. A lost answer is not: the session that the
        service may have started would be left behind.

        :param just_started: whether it may be RUNNING for the one half of the service and
            not yet for the other.
        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        retry = Retry(
            "Starting a session", deadline, clock=self._clock, sleep=self._sleep, rand=self._rand
        )
        asked = False
        while True:
            place = self._environment.target.place
            try:
                return self._environment.call(
                    token,
                    deadline - self._clock(),
                    "start_dev_environment_session",
                    sessionConfiguration=self._configuration,
                )
            except (Refused, CallFailed) as failure:
                if not asked and isinstance(failure, Refused) and status_of(failure) in (400, 409):
                    # Both are said of a Dev Environment that does not run.
                    asked = True
                    state = self._state(token)
                    if state and state.status != "RUNNING":
                        return state
                    if self._environment.target.place != place:
                        continue  # the refusal was not of the one that is meant
                too_early = just_started and failure.status == 400
                if not retry.pause(failure, passes=too_early or may_pass(failure)):
                    raise self._environment.error_of(failure, token) from failure

    def _state(self, token: BearerToken) -> State | None:
        """What GetDevEnvironment answers; ``None`` when it does not."""
        try:
            return self._environment.look(token, _STATUS_TIMEOUT)
        except (Refused, CallFailed) as failure:
            logger.info("The state of the Dev Environment is not known: %s", failure)
            return None


def _access(answer: dict[str, Any]) -> SessionAccess:
    details = answer["accessDetails"]
    return SessionAccess(details["streamUrl"], details["tokenValue"], answer.get("sessionId", ""))
