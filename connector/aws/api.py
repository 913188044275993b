"""The CodeCatalyst API as :mod:`.codecatalyst` calls it, and botocore's way to do so.

The other way is :mod:`.light`, which needs no botocore and so starts a quarter of a second
earlier. It knows the common cases; this one knows all.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Protocol

from .calls import call
from .clients import ClientFactory

# The global endpoint serves all; a region is only needed so that the user's cannot matter.
_REGION = "us-west-2"


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


class SdkApi:
    """Calls by a botocore client each: every setting that botocore knows is respected.

    :param endpoint_url: ``None`` for botocore's own resolution (see ``settings.api_endpoint``).
    """

    def __init__(self, clients: ClientFactory, endpoint_url: str | None) -> None:
        self._clients = clients
        self._endpoint_url = endpoint_url

    def call(
        self,
        operation: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        **members: Any,
    ) -> dict[str, Any]:
        client = self._clients.create(
            "codecatalyst",
            region=_REGION,
            token=token,
            endpoint_url=self._endpoint_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
        )
        with closing(client):
            return call(client, operation, **members)
