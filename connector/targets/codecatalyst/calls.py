"""Calls of the API about one Dev Environment, each a single try."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...aws.api import CallFailed, Refused
from ...aws.retry import may_pass
from ...aws.sso.tokens import BearerToken, BearerTokens
from ...errors import ConnectorError, one_line
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING, Any
from ..basics import BasicCalls
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, State
from .hosts import EnvironmentName

if TYPE_CHECKING:
    from ...aws.api import Api

_CONNECT_TIMEOUT = 4.0  # seconds for TCP and for TLS, where there is time for that
_READ_TIMEOUT = 8.0
_DOUBT_TIMEOUT = 4.0
_POLL_TIMEOUT = 10.0  # seconds that waits and checks give a call and its token

CONSOLE = "the CodeCatalyst console"

_GET = "get_dev_environment"

#: States of the service's model (2022-09-28).
_PHASES = {
    "PENDING": STARTING,
    "STARTING": STARTING,
    "RUNNING": RUNNING,
    "STOPPING": STOPPING,
    "STOPPED": STOPPED,
    "FAILED": FAILED,
    "DELETING": GONE,
    "DELETED": GONE,
}

logger = Logger(__name__)


def state_of(status: str, reason: str = "") -> State:
    """Return the state that the service calls so."""
    return State(status, reason, _PHASES.get(status, FAILED))


class Calls(BasicCalls):
    """Calls about one Dev Environment, each with a token that is still good.

    The states, and what the service refuses while they change, are those of its model (2022-09-28)
    and of the toolkit.

    :param find_again: see :class:`BasicCalls`. It is called when the service does not know the
        remembered environment, denies access to it, calls it by another alias, or is deleting it.
    :ivar token: of the last call; empty before the first one.
    """

    console = CONSOLE

    def __init__(
        self,
        name: EnvironmentName,
        tokens: BearerTokens,
        api: Api,
        find_again: Callable[[], EnvironmentName] | None = None,
    ) -> None:
        super().__init__(find_again)
        self.name = name
        self.token = BearerToken("", None, "")
        self._tokens = tokens
        self._api = api

    def __str__(self) -> str:
        return str(self.name)

    def call(
        self, timeout: float, operation: str, id_name: str = "id", **members: Any
    ) -> dict[str, Any]:
        """Call an operation once, within ``timeout`` seconds as far as the API's client allows.

        :param id_name: what this operation calls the id of a Dev Environment.
        """
        began = time.monotonic()
        self.token = self._tokens.load(timeout / 2)
        timeout -= time.monotonic() - began
        try:
            answer = self._call(timeout, operation, id_name, members)
        except Refused as refused:
            if refused.status not in (403, 404) or not self.has_moved():
                raise
            answer = self._call(timeout, operation, id_name, members)
        if operation == _GET and not self._is_meant(answer) and self.has_moved():
            answer = self._call(timeout, operation, id_name, members)
        self._find_again = None
        return answer

    def look(self, timeout: float = _POLL_TIMEOUT) -> State:
        """Return the state."""
        return _state(self.call(timeout, _GET))

    def start(self, timeout: float = _POLL_TIMEOUT) -> None:
        """Start the environment. The operation is idempotent."""
        self.call(timeout, "start_dev_environment")

    def stop(self, timeout: float) -> State:
        """Stop the environment and return the state that this led to."""
        return _state(self.call(timeout, "stop_dev_environment"))

    def stop_session(self, timeout: float, session_id: str) -> None:
        """End one session."""
        self.call(timeout, "stop_dev_environment_session", sessionId=session_id)

    def question(self) -> Callable[[], bool]:
        twin = Calls(self.name, self._tokens, self._api, self._find_again)

        def is_meant() -> bool:
            twin.token = twin._tokens.load(_DOUBT_TIMEOUT)
            return twin._is_meant(twin._call(_DOUBT_TIMEOUT, _GET, "id", {}))

        return is_meant

    def take(self, found: EnvironmentName) -> bool:
        before, self.name = self.name, found
        return found.key != before.key

    def command(self, *words: str) -> str:
        return self.name.command(*words)

    def may_start_later(self, failure: Refused | CallFailed) -> bool:
        # The toolkit tries again, too, where a ValidationException says "cannot start".
        return may_pass(failure, idempotent=True) or failure.status == 400

    def explain(self, refused: Refused, what: str) -> ConnectorError:
        from .refusals import explain

        return explain(refused, self.name, self.token)

    def not_running(self, state: State) -> ConnectorError:
        """Return the error of an environment that does not run, and will not by waiting."""
        from ..refusals import not_running

        start = self.command("start")
        return not_running(str(self), state, start, CONSOLE, secret=self.token.value)

    def _call(
        self, timeout: float, operation: str, id_name: str, members: dict[str, Any]
    ) -> dict[str, Any]:
        connect_timeout = min(_CONNECT_TIMEOUT, max(0.4 * timeout, 0.1))
        return self._api.call(
            operation,
            self.token.value,
            connect_timeout=connect_timeout,
            read_timeout=min(_READ_TIMEOUT, max(timeout - connect_timeout, 0.1)),
            spaceName=self.name.space,
            projectName=self.name.project,
            **{id_name: self.name.id},
            **members,
        )

    def _is_meant(self, answer: dict[str, Any]) -> bool:
        """Return whether an answer of GetDevEnvironment fits what was remembered."""
        same_alias = one_line(answer.get("alias", "")) == self.name.alias
        going = state_of(answer.get("status", "")).phase == GONE
        return self._find_again is None or (same_alias and not going)


def _state(answer: dict[str, Any]) -> State:
    return state_of(answer["status"], answer.get("statusReason", ""))
