"""Sessions of CodeCatalyst Dev Environments: started and stopped through its API."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any

from ..errors import ConnectorError, ServiceError
from ..sessions import SessionAccess
from .api import Api
from .calls import CallFailed, Refused
from .refusals import Target, explain, not_running, status_of
from .tokens import BearerToken, BearerTokens

logger = logging.getLogger(__name__)

# ssh gives a ProxyCommand 15 s in VS Code's settings, from its start to sshd's banner. All
# tries together get 8: what is left is for the interpreter, the WebSocket and the agent.
START_TIMEOUT = 8.0
_CONNECT_TIMEOUT = 4.0  # seconds for TCP and for TLS, where there is time for that
_READ_TIMEOUT = 8.0
_STATUS_TIMEOUT = 2.0  # for the question why a start was refused, on top of the budget
_SHORTEST_TRY = 1.0  # seconds; with less left, another try is not worth a session
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0  # seconds between tries
_CONNECT_TRIES = 3  # a network that just comes back gets these; one that is off needs no more


class CodeCatalystSessions:
    """Starts and stops sessions of one Dev Environment: a ``SessionSource``.

    :param profile: the name of the AWS profile, for the hints; ``None`` for the default.
    :param start_timeout: seconds that :meth:`start` may take with all its tries.
    :param clock: seconds of a monotonic clock; ``sleep`` goes with it.
    :param rand: uniform in [0, 1): the jitter that keeps windows which reconnect at once
        from trying again at once.
    """

    def __init__(
        self,
        *,
        space: str,
        project: str,
        dev_environment_id: str,
        profile: str | None,
        tokens: BearerTokens,
        api: Api,
        start_timeout: float = START_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._target = Target(space, project, dev_environment_id, profile)
        self._tokens = tokens
        self._api = api
        self._start_timeout = start_timeout
        self._clock = clock
        self._sleep = sleep
        self._rand = rand

    def start(self) -> SessionAccess:
        """Start a session for SSH.

        Throttling, conflicts, errors of the service and connections that could not be made
        are tried again while there is time. A lost answer is not: the session that the
        service may have started would be left behind.

        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        deadline = self._clock() + self._start_timeout
        token = self._tokens.load(self._start_timeout / 2)
        longest_pause = _FIRST_PAUSE
        unconnected = 0
        while True:
            try:
                answer = self._call(
                    token,
                    deadline - self._clock(),
                    "start_dev_environment_session",
                    sessionConfiguration={"sessionType": "SSH"},
                )
                return _access(answer)
            except (Refused, CallFailed) as failure:
                pause = longest_pause * (1 + self._rand()) / 2
                late = self._clock() + pause + _SHORTEST_TRY > deadline
                unconnected += isinstance(failure, CallFailed)
                if late or unconnected == _CONNECT_TRIES or not _may_try_again(failure):
                    raise self._explained(failure, token) from failure
                logger.info("Starting a session: %s; trying again in %.2f s", failure, pause)
            self._sleep(pause)
            longest_pause = min(2 * longest_pause, _LONGEST_PAUSE)

    def resume(self, access: SessionAccess) -> None:
        """CodeCatalyst has no fresh key to a session: its clients start another one."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """Stop a session; one that is gone already is stopped well enough.

        :param timeout: seconds.
        :raises ConnectorError: when the service refused, or could not be told in time.
        """
        if not access.session_id:  # the API's model allows it; there is nothing to name
            return
        deadline = self._clock() + timeout
        token = self._tokens.load(timeout / 2)
        try:
            self._call(
                token,
                deadline - self._clock(),
                "stop_dev_environment_session",
                sessionId=access.session_id,
            )
        except Refused as refused:
            if status_of(refused) not in (404, 409):
                raise explain(refused, self._target, token) from refused
        except CallFailed as failure:
            raise failure.error from failure

    def _call(
        self, token: BearerToken, timeout: float, operation: str, **members: Any
    ) -> dict[str, Any]:
        """One try, in ``timeout`` seconds as far as the API's client can promise it."""
        connect_timeout = min(_CONNECT_TIMEOUT, max(0.4 * timeout, 0.1))
        target = self._target
        return self._api.call(
            operation,
            token.value,
            connect_timeout=connect_timeout,
            read_timeout=min(_READ_TIMEOUT, max(timeout - connect_timeout, 0.1)),
            spaceName=target.space,
            projectName=target.project,
            id=target.id,
            **members,
        )

    def _explained(self, failure: Refused | CallFailed, token: BearerToken) -> ConnectorError:
        if isinstance(failure, CallFailed):
            return failure.error
        if status_of(failure) in (400, 409):
            # Both are said of a Dev Environment that is not running: ask which it is.
            state = self._state(token)
            status, reason = state.get("status"), state.get("statusReason")
            if isinstance(status, str) and status != "RUNNING":
                return not_running(
                    self._target, status, reason if isinstance(reason, str) else "", token
                )
        return explain(failure, self._target, token)

    def _state(self, token: BearerToken) -> dict[str, Any]:
        """What GetDevEnvironment answers; nothing when it does not."""
        try:
            return self._call(token, _STATUS_TIMEOUT, "get_dev_environment")
        except (Refused, CallFailed) as failure:
            logger.info("The state of the Dev Environment is not known: %s", failure)
            return {}


def _may_try_again(failure: Refused | CallFailed) -> bool:
    if isinstance(failure, CallFailed):
        return failure.transient
    return status_of(failure) in (409, 429) or status_of(failure) >= 500


def _access(answer: dict[str, Any]) -> SessionAccess:
    """:raises ServiceError: when the answer does not hold what its model promises."""
    details = answer.get("accessDetails")
    if not isinstance(details, dict):
        raise ServiceError("CodeCatalyst answered without accessDetails")
    for name in ("streamUrl", "tokenValue"):
        if not isinstance(details.get(name), str) or not details[name]:
            raise ServiceError(f"CodeCatalyst answered without a text {name}")
    session_id = answer.get("sessionId", "")
    if not isinstance(session_id, str):
        raise ServiceError("CodeCatalyst answered with a sessionId that is no text")
    return SessionAccess(details["streamUrl"], details["tokenValue"], session_id)
