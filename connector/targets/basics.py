"""What targets of all kinds do alike, and their sessions. A kind adds its calls.

The ProxyCommand imports this module: methods import what only a start or a stop needs.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from ..aws.api import Refused
from ..aws.retry import random_fraction
from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING
from .model import SSH_SESSION, STOPPED, STOPPING, SessionRequest, StartSettings, State

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Protocol

    from ..sessions import SessionAccess, StartProgress, Waiting
    from .memory import Memory
    from .startup import Awaited, Startup

    class Calls(Awaited, Protocol):
        """Calls about one target, each a single try.

        They raise ``Refused``, ``CallFailed`` and ``ConnectorError``.
        """

        @property
        def is_remembered(self) -> bool:
            """Whether no answer has shown yet that the name still means this target."""

        def look(self, timeout: float = ...) -> State:
            """Ask for the state. A remembered target that has moved is looked up."""

        def stop(self, timeout: float) -> State:
            """Stop the target and return the state that this led to."""

        def explained(self, what: str) -> AbstractContextManager[None]:
            """Turn refusals and failures in this context into errors for users.

            :param what: was refused, as in "stop" or "list the sessions of".
            """

        def doubter(self) -> Callable[[], bool] | None:
            """See :meth:`connector.targets.kind.Target.doubter`."""

        def command(self, *words: str) -> str:
            """Return a command of the connector about this target, in the user's own words."""


#: Seconds that a call for a user at a prompt may take.
CALL_TIMEOUT = 10.0

#: Seconds for all tries together. VS Code's settings give a ProxyCommand 15 s from its start to
#: the banner of sshd; the rest is for the interpreter, the WebSocket and the agent.
START_TIMEOUT = 8.0

logger = Logger(__name__)


class BasicTarget(ABC):
    """The part of a :class:`connector.targets.kind.Target` that needs only :class:`Calls`."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def __str__(self) -> str:
        return str(self.calls)

    @abstractmethod
    def starts(self) -> Memory:
        """Return what remembers how long starts of the target take."""

    @property
    def start_command(self) -> str:
        return self.calls.command("start")

    def state(self) -> State:
        with self.calls.explained("describe"):
            return self.calls.look(CALL_TIMEOUT)

    def confirm(self) -> None:
        if self.calls.is_remembered:
            self.state()

    def run_until_running(self, progress: StartProgress, settings: StartSettings) -> State:
        from .startup import Startup

        state = self.state()
        return Startup(self.calls, progress, settings, self.starts()).until_running(state)

    def stop(self) -> State:
        with self.calls.explained("stop"):
            try:
                return self.calls.stop(CALL_TIMEOUT)
            except Refused as refused:
                # A service may refuse to stop a target that is stopping.
                logger.info("the stop is refused: %s", refused)
                state = self.calls.look(CALL_TIMEOUT)
                if state.phase not in (STOPPING, STOPPED):
                    raise
                return state

    def until_stopped(self, state: State, wait: Callable[[Waiting, float], None]) -> State:
        from .startup import until_stopped

        return until_stopped(self.calls, state, wait)

    def doubter(self) -> Callable[[], bool] | None:
        return self.calls.doubter()


class BasicSessions(ABC):
    """The part of a ``SessionSource`` that starts the target before a session.

    :param starts: remembers how long starts of the target take.
    :param request: what the sessions are for.
    :param start_timeout: seconds to start a session on a target that runs, with all tries.
        ``settings`` bound the time until it runs.
    :param clock: seconds of a monotonic clock; ``sleep`` goes with it.
    :param rand: uniform in [0, 1): the jitter that keeps connections which are lost together from
        trying again together.
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
        self._request = request
        self._start_timeout = start_timeout
        self._clock = clock
        self._sleep = sleep
        self._rand = rand

    def start(self, progress: StartProgress) -> SessionAccess:
        """Start a session, and the target before it if need be.

        Only a refusal makes us ask for the target's state, so that one that runs costs no extra
        call.

        :raises ConnectorError: what was refused or failed, and what to do about it.
        """
        startup: Startup | None = None
        while True:
            answer = self._open(None if startup is None else progress)
            if not isinstance(answer, State):
                return answer
            if startup is None:
                from .startup import Startup  # for a target that does not run

                calls, settings = self._calls, self._settings
                startup = Startup(calls, progress, settings, self._starts, self._clock, self._judge)
            startup.until_running(answer)

    @abstractmethod
    def _open(self, started: StartProgress | None) -> SessionAccess | State:
        """Return a session, or the state because of which there is none.

        :param started: shows the wait for the agent of a target that was just started; None: it
            was not.
        :raises ConnectorError: what was refused or failed, and what to do about it.
        """

    def _judge(self, state: State) -> State:
        """Return the state that matters to the request."""
        return state
