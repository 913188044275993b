"""What targets of all kinds do alike, and their sessions. A kind adds its calls.

The ProxyCommand imports this module: methods import what only a start or a stop needs.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..aws.api import CallFailed, Refused
from ..aws.retry import random_fraction
from ..errors import ConnectorError
from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING, Any
from .model import SSH_SESSION, STOPPED, STOPPING, SessionRequest, StartSettings, State

if TYPE_CHECKING:
    from ..sessions import SessionAccess, StartProgress, Waiting
    from .memory import Memory
    from .startup import Startup

#: Seconds that a call for a user at a prompt may take.
CALL_TIMEOUT = 10.0

#: Seconds for all tries together. VS Code's settings give a ProxyCommand 15 s from its start to
#: the banner of sshd; the rest is for the interpreter, the WebSocket and the agent.
START_TIMEOUT = 8.0

logger = Logger(__name__)


class BasicCalls(ABC):
    """Calls about one target, each a single try. :mod:`.startup` waits for it.

    Calls raise ``Refused``, ``CallFailed`` and ``ConnectorError``; :meth:`explained` turns the
    first two into the last.

    :param find_again: looks the target up, for one that is known from memory alone. It is called
        once at most: when an answer shows that the remembered name means another target by now.
        Its errors pass through.
    :ivar made: see ``Waiting.made``.
    """

    def __init__(self, find_again: Callable[[], Any] | None) -> None:
        self.made = ""
        self._find_again = find_again

    @property
    def makes(self) -> str:
        """See ``Waiting.makes``."""
        return ""

    @property
    def is_remembered(self) -> bool:
        """Whether no answer has shown yet that the name still means this target."""
        return self._find_again is not None

    def doubter(self) -> Callable[[], bool] | None:
        """See :meth:`connector.targets.kind.Target.doubter`."""
        if self._find_again is None:
            return None
        is_meant = self.question()

        def doubt() -> bool:
            try:
                return not is_meant()
            except (Refused, CallFailed, ConnectorError) as failure:
                logger.info("the remembered name cannot be checked: %s", failure)
                return False

        return doubt

    def has_moved(self) -> bool:
        """Look a remembered target up again; return whether it is another one by now."""
        find_again, self._find_again = self._find_again, None
        return find_again is not None and self.take(find_again())

    def error_of(self, failure: Refused | CallFailed, what: str = "start") -> ConnectorError:
        """Return the error for users that a failed call leads to.

        :param what: was refused, as in "stop" or "start a session on".
        """
        return self.explain(failure, what) if isinstance(failure, Refused) else failure.error

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Turn the errors of calls in this context into a ``ConnectorError``."""
        try:
            yield
        except (Refused, CallFailed) as failure:
            raise self.error_of(failure, what) from failure

    # What a kind adds.

    @property
    @abstractmethod
    def console(self) -> str:
        """Where the user can look at the target, for hints."""

    @abstractmethod
    def look(self, timeout: float = ...) -> State:
        """Return the state. A remembered target that has moved is looked up."""

    @abstractmethod
    def start(self) -> None:
        """Ask for the start. Asking twice does no harm."""

    @abstractmethod
    def stop(self, timeout: float) -> State:
        """Stop the target and return the state that this led to."""

    @abstractmethod
    def question(self) -> Callable[[], bool]:
        """Return a call that returns whether the remembered name still means this target.

        It runs in another thread, and changes nothing.
        """

    @abstractmethod
    def take(self, found: Any) -> bool:
        """Mean what a look-up has found from now on; return whether it is another target."""

    @abstractmethod
    def explain(self, refused: Refused, what: str) -> ConnectorError:
        """Return the error for users of a refused call; ``what`` as of :meth:`error_of`."""

    @abstractmethod
    def may_start_later(self, failure: Refused | CallFailed) -> bool:
        """Return whether a start that failed so may succeed some seconds later."""

    @abstractmethod
    def not_running(self, state: State) -> ConnectorError:
        """Return the error of a target that does not run, and will not by waiting."""

    @abstractmethod
    def command(self, *words: str) -> str:
        """Return a command of the connector about this target, in the user's own words."""


class BasicTarget(ABC):
    """The part of a :class:`connector.targets.kind.Target` that needs only :class:`BasicCalls`."""

    def __init__(self, calls: BasicCalls) -> None:
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
        calls: BasicCalls,
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
