"""One Dev Environment, as the API shows and changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..errors import ConnectorError, ServiceError
from .api import Api
from .calls import CallFailed, Refused
from .lists import iso_time, items_of, no_list
from .refusals import Target, explain, status_of
from .tokens import BearerToken, BearerTokens

_CONNECT_TIMEOUT = 4.0  # seconds for TCP and for TLS, where there is time for that
_READ_TIMEOUT = 8.0


class State(NamedTuple):
    """``status`` as the API's model has it (RUNNING, ...), and the service's words for it."""

    status: str
    reason: str = ""


class SessionSummary(NamedTuple):
    """A session that lives; ``started`` in ISO 8601."""

    id: str
    started: str


class Environment:
    """Calls about one Dev Environment, each a single try in a given time.

    Each raises ``Refused`` or ``CallFailed``, which :meth:`explained` makes the user's.

    :param find_again: looks up which one it is, where that came from memory. Asked once, when
        the service does not know the one remembered, or says that it is somebody else's; what
        it raises, a call raises.
    """

    def __init__(
        self,
        target: Target,
        tokens: BearerTokens,
        api: Api,
        find_again: Callable[[], Target] | None = None,
    ) -> None:
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
        self._find_again = None
        return answer

    def _has_moved(self) -> bool:
        """Whether it turns out to be another one than was remembered."""
        find_again, self._find_again = self._find_again, None
        if find_again is None:
            return False
        before, self.target = self.target, find_again()
        return self.target != before

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
        return _state(self.call(token, timeout, "get_dev_environment"))

    def start(self, token: BearerToken, timeout: float) -> None:
        """Have it started. One that runs is left as it is: the operation is idempotent."""
        self.call(token, timeout, "start_dev_environment")

    def stop(self, token: BearerToken, timeout: float) -> State:
        """Have it stopped; the state that this led to."""
        return _state(self.call(token, timeout, "stop_dev_environment"))

    def sessions(self, token: BearerToken, timeout: float) -> list[SessionSummary]:
        """All that live; ``timeout`` is that of each page."""

        def ask(more: dict[str, str]) -> dict[str, Any]:
            return self.call(
                token,
                timeout,
                "list_dev_environment_sessions",
                id_name="devEnvironmentId",
                **more,
            )

        return [_summary(item) for item in items_of(ask, "sessions")]

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
    """:raises CallFailed: when the answer does not hold what its model promises."""
    status, reason = answer.get("status"), answer.get("statusReason")
    if not isinstance(status, str) or not status:
        raise CallFailed(ServiceError("CodeCatalyst answered without a status"))
    return State(status, reason if isinstance(reason, str) else "")


def _summary(item: object) -> SessionSummary:
    """:raises CallFailed: when the answer does not hold what its model promises."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise no_list("sessions")
    return SessionSummary(item["id"], iso_time(item.get("startedTime")))
