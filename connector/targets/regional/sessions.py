"""The source of a target's sessions: the kind's API starts them, SSM resumes and ends them."""

from __future__ import annotations

from ...aws.api import CallFailed, Refused
from ...aws.retry import Retry, may_pass
from ...errors import CredentialsError, SessionEnded, TargetNotFound
from ...fast.logs import Logger
from ...sessions import SessionAccess, StartProgress, Waiting
from ..basics import BasicSessions
from ..model import (
    RUNNING,
    SSH,
    STARTING,
    UNKNOWN,
    State,
)
from .ssm import resume, signer_of, terminate
from .target import Calls

_STATUS_TIMEOUT = 3.0  # for the question why a start was refused
_RESUME_TIMEOUT = 8.0

#: The code of a session that Systems Manager does not know. It may also say so of a session that
#: another service has opened in its own name.
_GONE = "DoesNotExistException"

logger = Logger(__name__)


class RegionalSessions(BasicSessions):
    """Starts, resumes and ends sessions of one target: a ``SessionSource``."""

    _calls: Calls
    _may_resume = True

    def start(self, progress: StartProgress) -> SessionAccess:
        access = super().start(progress)
        if access.raw:
            return access  # its URL is signed
        return access._replace(signer=signer_of(self._calls.cloud, self._region))

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        """Return fresh access to a session; None where the caller does not get it.

        :raises SessionEnded: when the service does not know the session any more.
        :raises CredentialsError: when there are no keys now, and the old access needs them too.
        :raises ConnectorError: when the service cannot be asked now.
        """
        if not self._may_resume or not access.session_id:
            return None
        try:
            fresh = resume(self._calls.cloud, self._region, access.session_id, _RESUME_TIMEOUT)
        except Refused as refused:
            if may_pass(refused):
                raise self._calls.error_of(refused, "resume the session on") from refused
            if refused.code == _GONE and self._calls.backend.terminates:
                raise self._ended() from refused
            logger.info("the old token has to do: %s", refused)
            self._may_resume = refused.keys_error is not None  # keys may be renewed by then
            return None
        except CallFailed as failure:
            raise failure.error from failure
        except CredentialsError as error:
            from ...aws.signing import needs_signature

            if needs_signature(access.stream_url):
                raise  # no link is possible without keys, which may come while we reconnect
            logger.info("the old token has to do: %s", error)
            return None
        if not fresh.token_value:
            raise self._ended()
        return fresh

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """End a session. A session that is gone already counts as ended.

        :param timeout: seconds.
        :raises ConnectorError: when the service refused, or could not be told in time.
        """
        if not access.session_id:
            return
        with self._calls.explained("end the session on"):
            try:
                terminate(self._calls.cloud, self._region, access.session_id, timeout)
            except Refused as refused:
                may_end = self._calls.backend.terminates or may_pass(refused)
                if refused.code != _GONE and may_end:
                    raise

    def tidy(self) -> None:
        """Do nothing: the ledger knows which sessions are left."""

    def _judge(self, state: State) -> State:
        return self._calls.for_ssh(state) if self._request.form == SSH else state

    @property
    def _region(self) -> str:
        return self._calls.found.region

    def _ended(self) -> SessionEnded:
        return SessionEnded(
            f"the session on {self._calls} has timed out or was ended", "Connect again"
        )

    def _open(self, started: StartProgress | None, *, moved: bool = False) -> SessionAccess | State:
        """Return a session, or the state because of which there is none.

        Throttling, errors of the service and connections that could not be made are tried again
        while there is time, and so is what may settle. A lost answer is not: the session that the
        service may have started would become an orphan. A target that was started a short time
        ago counts as one that starts: its agent has more time than that of another one.

        :param started: shows the wait for the agent of a target that was just started; None: it
            was not.
        :param moved: whether a refusal has shown already that the name means another target.
        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        calls = self._calls
        began = self._clock()
        deadline = began + (self._start_timeout if started is None else calls.backend.settles)

        def wait(seconds: float) -> None:
            if started is None:
                self._sleep(seconds)
            else:
                started.wait(
                    Waiting(calls.found.state.status, self._clock() - began, None), seconds
                )

        retry = Retry(
            "Starting a session", deadline, clock=self._clock, sleep=wait, rand=self._rand
        )
        asked = False
        while True:
            left = min(deadline - self._clock(), self._start_timeout)
            try:
                if not calls.session_target:  # its name alone does not tell it
                    told = calls.look(left)
                    if not calls.session_target:
                        return told
                access = calls.open(self._request, left)
            except (Refused, CallFailed) as failure:
                settles = isinstance(failure, Refused) and calls.backend.may_settle(failure)
                passes = settles or may_pass(failure)
                if not asked and (settles or not passes) and _may_be_of_state(failure):
                    place = _place(calls)
                    state = self._state()
                    asked = state is not None
                    # After a start, a target that runs may yet become one that can be reached.
                    patient = started is not None and state and state.phase == RUNNING
                    if state and settles and not patient:
                        detour = calls.detour(self._request, max(deadline - self._clock(), 1.0))
                        if detour:
                            return detour
                    if state and state.phase not in (RUNNING, UNKNOWN.phase):
                        return state
                    if not moved and _place(calls) != place:
                        # The refusal was about a target of which the name means another one by now,
                        # or which the service has replaced.
                        return self._open(started, moved=True)
                    if state and settles and started is None and self._is_young(state):
                        # Another program has started it.
                        return State(f"{state.status} without an agent yet", "", STARTING)
                if not retry.pause(failure, passes=passes):
                    raise calls.error_of(failure, "start a session on") from failure
            else:
                if started is not None:
                    started.go_on()
                return access

    def _is_young(self, state: State) -> bool:
        from .backend import is_young  # most targets that run can be reached

        return state.phase == RUNNING and is_young(self._calls.found.started)

    def _state(self) -> State | None:
        """Return the state, which is unknown if the caller may not ask; None for no answer.

        :raises TargetNotFound: when the service says that there is no such target.
        """
        try:
            return self._calls.look(_STATUS_TIMEOUT)
        except (Refused, CallFailed) as failure:
            logger.info("the state of the target is not known: %s", failure)
            if isinstance(failure, CallFailed):
                return None
            error = self._calls.error_of(failure, "start a session on")
            if isinstance(error, TargetNotFound):
                raise error from failure
            return UNKNOWN


def _place(calls: Calls) -> tuple[str, str, str]:
    """Return what tells a target from the one that its name may have come to mean."""
    return calls.found.region, calls.found.id, calls.session_target


def _may_be_of_state(failure: Refused | CallFailed) -> bool:
    """Return whether a service may refuse so because its target does not run."""
    return isinstance(failure, Refused) and not failure.keys_error
