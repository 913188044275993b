"""A Dev Environment that is waited for, see :mod:`connector.targets.startup`."""

from __future__ import annotations

from ...aws.api import CallFailed, Refused
from ...aws.retry import may_pass
from ...aws.sso.tokens import BearerToken
from ...errors import ConnectorError
from ..model import State
from .calls import CONSOLE, Calls

# Seconds for each question, and for the token before it.
_TOKEN_TIMEOUT, _CALL_TIMEOUT = 4.0, 6.0


class AwaitedEnvironment:
    """Calls about one Dev Environment, each with a token that is still good.

    The states, and what the service refuses while they change, are those of its model
    (2022-09-28) and of the AWS Toolkit for VS Code.

    :param token: of the last call.
    """

    console = CONSOLE

    made = makes = ""  # each environment has been made before

    def __init__(self, calls: Calls, token: BearerToken) -> None:
        self._calls = calls
        self._token = token

    def __str__(self) -> str:
        return str(self._calls.name)

    def look(self) -> State:
        self._token = self._calls.tokens.load(_TOKEN_TIMEOUT)
        return self._calls.look(self._token, _CALL_TIMEOUT)

    def start(self) -> None:
        self._token = self._calls.tokens.load(_TOKEN_TIMEOUT)
        self._calls.start(self._token, _CALL_TIMEOUT)

    def may_start_later(self, failure: Refused | CallFailed) -> bool:
        # The toolkit tries again, too, where a ValidationException says "cannot start".
        return may_pass(failure, idempotent=True) or failure.status == 400

    def error_of(self, failure: Refused | CallFailed) -> ConnectorError:
        return self._calls.error_of(failure, self._token)

    def not_running(self, state: State) -> ConnectorError:
        return self._calls.not_running(state, self._token)
