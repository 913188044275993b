"""The CodeCatalyst API as :mod:`.environments` and :mod:`.listing` call it.

There are two ways to do so. :mod:`.light` needs no botocore and so starts a quarter of a second
earlier. It knows the common cases; :mod:`.sdk` knows all.
"""

from __future__ import annotations

from typing import Any, Protocol


class Api(Protocol):
    """One try of one operation."""

    def call(
        self,
        operation: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        **members: Any,
    ) -> dict[str, Any]:
        """Do an operation.

        :param operation: its name as botocore's client has it: ``get_dev_environment``.
        :param token: the bearer token.
        :param connect_timeout: seconds until the request can be sent; ``read_timeout`` those
            for the answer, as far as the implementation can promise it.
        :param members: of the operation's input.
        :returns: the members of its output. None is checked.
        :raises Refused: when the service answered with an error.
        :raises CallFailed: when it did not answer, or not with what can be understood.
        :raises ConfigError: when a setting is not usable.
        """
        ...
