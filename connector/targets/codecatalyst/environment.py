"""One Dev Environment, as the API shows and changes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...aws.api import CallFailed, Refused
from ...aws.sso.tokens import BearerToken, BearerTokens
from ...errors import ConnectorError
from ...fast.records import NamedTuple
from .refusals import Target, explain, one_line, status_of

if TYPE_CHECKING:
    from ...aws.api import Api

_CONNECT_TIMEOUT = 4.0  # seconds for TCP and for TLS, where there is time for that
_READ_TIMEOUT = 8.0
_DOUBT_TIMEOUT = 4.0

_GET = "get_dev_environment"

#: States of one that nobody can reach any more, and whose alias may be another's already.
GOING = ("DELETING", "DELETED")

logger = logging.getLogger(__name__)


class State(NamedTuple):
    """``status`` as the API's model has it (RUNNING, ...), and the service's words for it."""

    status: str
    reason: str = ""


class Environment:
    """Calls about one Dev Environment, each a single try in a given time.

    Each raises ``Refused`` or ``CallFailed``, which :meth:`explained` makes the user's.

    :param find_again: of one that a name meant the last time, and may not mean by now: looks up
        which one it is. That is done once, when the service does not know the one remembered,
        says that it is somebody else's, that it has another alias than ``target`` says, or is on
        its way out; what that raises, a call raises.
    :param endpoint: of the API, or what else tells it from others.
    """

    def __init__(
        self,
        target: Target,
        tokens: BearerTokens,
        api: Api,
        find_again: Callable[[], Target] | None = None,
        endpoint: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.target = target
        self.tokens = tokens
        self._api = api
        self._find_again = find_again

    def call(
        self,
        token: BearerToken,
        timeout: float,
        operation: str,
        id_name: str = "id",
        **members: Any,
    ) -> dict[str, Any]:
        """One try, in ``timeout`` seconds as far as the API's client can promise it.

        :param id_name: what this operation calls the id of a Dev Environment.
        """
        try:
            answer = self._call(token, timeout, operation, id_name, members)
        except Refused as refused:
            if status_of(refused) not in (403, 404) or not self._has_moved():
                raise
            answer = self._call(token, timeout, operation, id_name, members)
        if operation == _GET and not self._is_meant(answer) and self._has_moved():
            answer = self._call(token, timeout, operation, id_name, members)
        self._find_again = None
        return answer

    def _is_meant(self, answer: dict[str, Any]) -> bool:
        """Whether it is still as it was remembered, by an answer of GetDevEnvironment."""
        as_it_was = one_line(answer.get("alias", "")) == self.target.alias
        return self._find_again is None or (as_it_was and answer.get("status") not in GOING)

    def _has_moved(self) -> bool:
        """Whether it turns out to be another one than was remembered."""
        find_again, self._find_again = self._find_again, None
        if find_again is None:
            return False
        before, self.target = self.target, find_again()
        return self.target.place != before.place

    def _call(
        self,
        token: BearerToken,
        timeout: float,
        operation: str,
        id_name: str,
        members: dict[str, Any],
    ) -> dict[str, Any]:
        connect_timeout = min(_CONNECT_TIMEOUT, max(0.4 * timeout, 0.1))
        return self._api.call(
            operation,
            token.value,
            connect_timeout=connect_timeout,
            read_timeout=min(_READ_TIMEOUT, max(timeout - connect_timeout, 0.1)),
            spaceName=self.target.space,
            projectName=self.target.project,
            **{id_name: self.target.id},
            **members,
        )

    def look(self, token: BearerToken, timeout: float) -> State:
        """The state it is in."""
        return _state(self.call(token, timeout, _GET))

    def confirm(self, token: BearerToken, timeout: float) -> None:
        """Look up which one it is, if it was remembered and is not that any more."""
        if self._find_again is not None:
            self.look(token, timeout)

    def doubter(self) -> Callable[[], bool] | None:
        """What asks whether one that was remembered has another name by now, and changes nothing.

        Also in another thread, while something is done with it; ``None`` when it was not
        remembered. What cannot be asked is not doubted: whatever is done with it says why.
        """
        if self._find_again is None:
            return None
        twin = Environment(self.target, self.tokens, self._api, self._find_again)

        def doubt() -> bool:
            try:
                token = twin.tokens.load(_DOUBT_TIMEOUT)
                answer = twin._call(token, _DOUBT_TIMEOUT, _GET, "id", {})
            except (Refused, CallFailed, ConnectorError) as failure:
                logger.info("whether it has the same name is not known: %s", failure)
                return False
            return not twin._is_meant(answer)

        return doubt

    def start(self, token: BearerToken, timeout: float) -> None:
        """Have it started. One that runs is left as it is: the operation is idempotent."""
        self.call(token, timeout, "start_dev_environment")

    def stop(self, token: BearerToken, timeout: float) -> State:
        """Have it stopped; the state that this led to."""
        return _state(self.call(token, timeout, "stop_dev_environment"))

    def stop_session(self, token: BearerToken, timeout: float, session_id: str) -> None:
        """End one session."""
        self.call(token, timeout, "stop_dev_environment_session", sessionId=session_id)

    def error_of(self, failure: Refused | CallFailed, token: BearerToken) -> ConnectorError:
        """A failed call in words for the user."""
        if isinstance(failure, CallFailed):
            return failure.error
        return explain(failure, self.target, token)

    @contextmanager
    def explained(self, token: BearerToken) -> Iterator[None]:
        """What calls raise within becomes a ``ConnectorError``."""
        try:
            yield
        except (Refused, CallFailed) as failure:
            raise self.error_of(failure, token) from failure


def _state(answer: dict[str, Any]) -> State:
    return State(answer["status"], answer.get("statusReason", ""))
