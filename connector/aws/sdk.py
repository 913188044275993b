"""botocore's way to call the CodeCatalyst API: it respects every setting that botocore knows."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from .calls import call
from .clients import ClientFactory

# The global endpoint serves all; a region is only needed so that the user's cannot matter.
_REGION = "us-west-2"


class SdkApi:
    """Calls by a client each: an ``Api``.

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
