"""A Dev Environment as a target: the contract of :class:`connector.targets.kind.Target`."""

from __future__ import annotations

from collections.abc import Callable

from ...aws.api import Refused
from ...errors import SessionNotFound
from ...fast.typed import TYPE_CHECKING, TypeVar
from ..memory import Memory
from ..model import STOPPED, STOPPING, SessionInfo, SessionRequest, StartSettings, State
from .calls import Calls
from .sessions import CodeCatalystSessions

if TYPE_CHECKING:
    from ...aws.sso.tokens import BearerToken
    from ...sessions import SessionSource, StartProgress, Waiting

Result = TypeVar("Result")

#: Seconds that a call for a user at a prompt may take.
CALL_TIMEOUT = 10.0


class Environment:
    """One Dev Environment.

    :ivar calls: the calls of the API about it.
    :param service: see :class:`connector.targets.kind.Target`.
    :param starts: a file that remembers how long starts take.
    """

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
        from .startup import Startup

        token = self.calls.tokens.load(CALL_TIMEOUT)
        with self.calls.explained(token):
            state = self.calls.look(token, CALL_TIMEOUT)
        startup = Startup(self.calls, progress, settings, self._memory())
        return startup.until_running(state, token)

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
        from .startup import until_stopped

        return until_stopped(self.calls, state, wait)

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
