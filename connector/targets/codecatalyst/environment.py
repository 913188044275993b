"""A Dev Environment as a target, and the source of its sessions.

:class:`Environment` fulfils the contract of :class:`connector.targets.kind.Target`.
"""

from __future__ import annotations

from ...aws.api import CallFailed, Refused
from ...aws.retry import Retry, may_pass
from ...errors import SessionNotFound
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING, Any
from ...sessions import SessionAccess, StartProgress
from ..basics import CALL_TIMEOUT, BasicSessions, BasicTarget
from ..memory import Memory
from ..model import (
    RUNNING,
    SSH,
    SessionInfo,
    SessionRequest,
    StartSettings,
    State,
)
from .calls import Calls

if TYPE_CHECKING:
    from ...sessions import SessionSource

logger = Logger(__name__)

_SSH_CONFIGURATION: dict[str, Any] = {"sessionType": "SSH"}
_STATUS_TIMEOUT = 2.0  # for the question why a start was refused


class CodeCatalystSessions(BasicSessions):
    """Starts and stops sessions of one Dev Environment: a ``SessionSource``."""

    _calls: Calls

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
        with self._calls.explained("end the session on"):
            try:
                self._calls.stop_session(timeout, access.session_id)
            except Refused as refused:
                if refused.status not in (404, 409):
                    raise

    def _open(self, started: StartProgress | None) -> SessionAccess | State:
        """Return a session, or the state because of which there is none.

        Throttling, conflicts, errors of the service and connections that could not be made
        are tried again while there is time. A lost answer is not: the session that the
        service may have started would become an orphan.

        :param started: None: the environment was not started. Else parts of the service may not
            know yet that it is RUNNING.
        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        configuration = _SSH_CONFIGURATION
        if self._request.form != SSH:
            from .requests import configuration_of  # ssh has no need of it

            configuration = configuration_of(self._request)
        deadline = self._clock() + self._start_timeout
        retry = Retry(
            "Starting a session", deadline, clock=self._clock, sleep=self._sleep, rand=self._rand
        )
        asked = False
        while True:
            place = self._calls.name.key
            try:
                answer = self._calls.call(
                    deadline - self._clock(),
                    "start_dev_environment_session",
                    sessionConfiguration=configuration,
                )
                return _access(answer)
            except (Refused, CallFailed) as failure:
                if not asked and isinstance(failure, Refused) and failure.status in (400, 409):
                    # The service answers so for an environment that does not run.
                    asked = True
                    state = self._state()
                    if state and state.phase != RUNNING:
                        return state
                    if self._calls.name.key != place:
                        continue  # the refusal was about another environment
                too_early = started is not None and failure.status == 400
                if not retry.pause(failure, passes=too_early or may_pass(failure)):
                    raise self._calls.error_of(failure) from failure

    def _state(self) -> State | None:
        """Return what GetDevEnvironment answers, or None when it fails."""
        try:
            return self._calls.look(_STATUS_TIMEOUT)
        except (Refused, CallFailed) as failure:
            logger.info("The state of the Dev Environment is not known: %s", failure)
            return None


def _access(answer: dict[str, Any]) -> SessionAccess:
    details = answer["accessDetails"]
    return SessionAccess(details["streamUrl"], details["tokenValue"], answer.get("sessionId", ""))


class Environment(BasicTarget):
    """One Dev Environment.

    :ivar calls: the calls of the API about it.
    :param service: see :class:`connector.targets.kind.Target`.
    :param starts: a file that remembers how long starts take.
    """

    calls: Calls
    user = ""  # all have the user of the kind
    stop_warning = ""  # files of the persistent volume survive a stop
    billing = ""  # it stops by itself when it is idle

    def __init__(self, calls: Calls, service: str, starts: str) -> None:
        super().__init__(calls)
        self.service = service
        self._starts = starts

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

    def sessions(self) -> list[SessionInfo]:
        from .listing import sessions_of

        with self.calls.explained("list the sessions of"):
            return sessions_of(self.calls, CALL_TIMEOUT)

    def stop_session(self, session_id: str) -> None:
        with self.calls.explained("end a session of"):
            try:
                self.calls.stop_session(CALL_TIMEOUT, session_id)
            except Refused as refused:
                if refused.code != "ResourceNotFoundException":
                    raise
                raise SessionNotFound(
                    f"{self} has no session {session_id}",
                    f"List them with `{self.calls.command('sessions', 'list')}`",
                ) from None

    def source(self, request: SessionRequest, settings: StartSettings) -> SessionSource:
        return CodeCatalystSessions(self.calls, settings, self.starts(), request)

    def starts(self) -> Memory:
        return Memory(self._starts, self.key)
