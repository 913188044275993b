"""A Dev Environment as a target, and the source of its sessions.

:class:`Environment` fulfils the contract of :class:`connector.targets.kind.Target`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ...aws.api import CallFailed, Refused
from ...aws.retry import Retry, may_pass, random_fraction
from ...aws.sso.tokens import BearerToken
from ...errors import SessionNotFound
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING, Any, TypeVar
from ...sessions import SessionAccess, StartProgress
from ..memory import Memory
from ..model import (
    RUNNING,
    SSH,
    SSH_SESSION,
    STOPPED,
    STOPPING,
    SessionInfo,
    SessionRequest,
    StartSettings,
    State,
)
from .calls import Calls

if TYPE_CHECKING:
    from ...aws.sso.tokens import BearerToken
    from ...sessions import SessionSource, StartProgress, Waiting
    from ..startup import Startup

logger = Logger(__name__)

#: Seconds for all tries together. VS Code's settings give a ProxyCommand 15 s from its start to
#: the banner of sshd; the rest is for the interpreter, the WebSocket and the agent.
START_TIMEOUT = 8.0
_SSH_CONFIGURATION: dict[str, Any] = {"sessionType": "SSH"}
_STATUS_TIMEOUT = 2.0  # for the question why a start was refused


class CodeCatalystSessions:
    """Starts and stops sessions of one Dev Environment: a ``SessionSource``.

    :param starts: remembers how long starts of the environment take.
    :param request: what the sessions are for.
    :param start_timeout: seconds to start a session of an environment that runs, with all tries.
        ``settings`` bound the time until it runs.
    :param clock: seconds of a monotonic clock; ``sleep`` goes with it.
    :param rand: uniform in [0, 1): the jitter that keeps windows which reconnect at once
        from trying again at once.
    """

    def __init__(
        self,
        calls: Calls,
        settings: StartSettings,
        starts: Memory,
        request: SessionRequest = SSH_SESSION,
        *,
        start_timeout: float = START_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random_fraction,
    ) -> None:
        self._calls = calls
        self._settings = settings
        self._starts = starts
        self._configuration = _SSH_CONFIGURATION
        if request.form != SSH:
            from .requests import configuration_of  # ssh has no need of it

            self._configuration = configuration_of(request)
        self._start_timeout = start_timeout
        self._clock = clock
        self._sleep = sleep
        self._rand = rand

    def start(self, progress: StartProgress) -> SessionAccess:
        """Start a session, and the Dev Environment before it if need be.

        Only a refusal makes us ask for the environment's state, so that one that runs costs no
        extra call.

        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        startup: Startup | None = None
        while True:
            deadline = self._clock() + self._start_timeout
            token = self._calls.tokens.load(self._start_timeout / 2)
            answer = self._start_session(token, deadline, just_started=startup is not None)
            if not isinstance(answer, State):
                return _access(answer)
            if startup is None:
                from ..startup import Startup  # for an environment that does not run
                from .awaited import AwaitedEnvironment

                awaited = AwaitedEnvironment(self._calls, token)
                startup = Startup(awaited, progress, self._settings, self._starts, self._clock)
            startup.until_running(answer)

    def resume(self, access: SessionAccess) -> None:
        """Return None: CodeCatalyst gives no fresh access to a session."""

    def tidy(self) -> None:
        """Do nothing: the ledger knows which sessions are left."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """Stop a session. A session that is gone already counts as stopped.

        :param timeout: seconds.
        :raises ConnectorError: when the service refused, or could not be told in time.
        """
        if not access.session_id:  # the API's model allows it; there is nothing to name
            return
        deadline = self._clock() + timeout
        token = self._calls.tokens.load(timeout / 2)
        with self._calls.explained(token):
            try:
                self._calls.stop_session(token, deadline - self._clock(), access.session_id)
            except Refused as refused:
                if refused.status not in (404, 409):
                    raise

    def _start_session(
        self, token: BearerToken, deadline: float, *, just_started: bool
    ) -> dict[str, Any] | State:
        """Return the service's answer, or the state because of which there is no session.

        Throttling, conflicts, errors of the service and connections that could not be made
        are tried again while there is time. A lost answer is not: the session that the
        service may have started would become an orphan.

        :param just_started: whether parts of the service may not know yet that it is RUNNING.
        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        retry = Retry(
            "Starting a session", deadline, clock=self._clock, sleep=self._sleep, rand=self._rand
        )
        asked = False
        while True:
            place = self._calls.name.key
            try:
                return self._calls.call(
                    token,
                    deadline - self._clock(),
                    "start_dev_environment_session",
                    sessionConfiguration=self._configuration,
                )
            except (Refused, CallFailed) as failure:
                if not asked and isinstance(failure, Refused) and failure.status in (400, 409):
                    # The service answers so for an environment that does not run.
                    asked = True
                    state = self._state(token)
                    if state and state.phase != RUNNING:
                        return state
                    if self._calls.name.key != place:
                        continue  # the refusal was about another environment
                too_early = just_started and failure.status == 400
                if not retry.pause(failure, passes=too_early or may_pass(failure)):
                    raise self._calls.error_of(failure, token) from failure

    def _state(self, token: BearerToken) -> State | None:
        """Return what GetDevEnvironment answers, or None when it fails."""
        try:
            return self._calls.look(token, _STATUS_TIMEOUT)
        except (Refused, CallFailed) as failure:
            logger.info("The state of the Dev Environment is not known: %s", failure)
            return None


def _access(answer: dict[str, Any]) -> SessionAccess:
    details = answer["accessDetails"]
    return SessionAccess(details["streamUrl"], details["tokenValue"], answer.get("sessionId", ""))


Result = TypeVar("Result")

#: Seconds that a call for a user at a prompt may take.
CALL_TIMEOUT = 10.0


class Environment:
    """One Dev Environment.

    :ivar calls: the calls of the API about it.
    :param service: see :class:`connector.targets.kind.Target`.
    :param starts: a file that remembers how long starts take.
    """

    user = ""  # all have the user of the kind
    stop_warning = ""  # files of the persistent volume survive a stop
    billing = ""  # it stops by itself when it is idle

    def __init__(self, calls: Calls, service: str, starts: str) -> None:
        self.service = service
        self.calls = calls
        self._starts = starts

    def __str__(self) -> str:
        return str(self.calls.name)

    @property
    def key(self) -> str:
        return self.calls.name.key

    @property
    def name(self) -> str:
        return self.calls.name.alias or self.calls.name.id

    @property
    def words(self) -> tuple[str, ...]:
        return self.calls.name.exact_words

    @property
    def host_name(self) -> str:
        return self.calls.name.host_name

    @property
    def host_key_alias(self) -> str:
        return self.calls.name.host_key_alias

    @property
    def start_command(self) -> str:
        return self.calls.name.command("start")

    def state(self) -> State:
        return self._ask(lambda token: self.calls.look(token, CALL_TIMEOUT))

    def confirm(self) -> None:
        if self.calls.is_remembered:
            self.state()

    def run_until_running(self, progress: StartProgress, settings: StartSettings) -> State:
        from ..startup import Startup
        from .awaited import AwaitedEnvironment

        token = self.calls.tokens.load(CALL_TIMEOUT)
        with self.calls.explained(token):
            state = self.calls.look(token, CALL_TIMEOUT)
        awaited = AwaitedEnvironment(self.calls, token)
        return Startup(awaited, progress, settings, self._memory()).until_running(state)

    def stop(self) -> State:
        def stop(token: BearerToken) -> State:
            try:
                return self.calls.stop(token, CALL_TIMEOUT)
            except Refused:
                # The service refuses to stop an environment that is stopping.
                state = self.calls.look(token, CALL_TIMEOUT)
                if state.phase not in (STOPPING, STOPPED):
                    raise
                return state

        return self._ask(stop)

    def until_stopped(self, state: State, wait: Callable[[Waiting, float], None]) -> State:
        from ..startup import until_stopped
        from .awaited import AwaitedEnvironment

        token = self.calls.tokens.load(CALL_TIMEOUT)
        return until_stopped(AwaitedEnvironment(self.calls, token), state, wait)

    def sessions(self) -> list[SessionInfo]:
        from .listing import sessions_of

        return self._ask(lambda token: sessions_of(self.calls, token, CALL_TIMEOUT))

    def stop_session(self, session_id: str) -> None:
        def stop(token: BearerToken) -> None:
            try:
                self.calls.stop_session(token, CALL_TIMEOUT, session_id)
            except Refused as refused:
                if refused.code != "ResourceNotFoundException":
                    raise
                raise SessionNotFound(
                    f"{self} has no session {session_id}",
                    f"List them with `{self.calls.name.command('sessions', 'list')}`",
                ) from None

        self._ask(stop)

    def source(self, request: SessionRequest, settings: StartSettings) -> SessionSource:
        return CodeCatalystSessions(self.calls, settings, self._memory(), request)

    def doubter(self) -> Callable[[], bool] | None:
        return self.calls.doubter()

    def _ask(self, work: Callable[[BearerToken], Result]) -> Result:
        """Return what calls with a fresh token lead to, and raise errors for users alone."""
        token = self.calls.tokens.load(CALL_TIMEOUT)
        with self.calls.explained(token):
            return work(token)

    def _memory(self) -> Memory:
        return Memory(self._starts, self.key)
