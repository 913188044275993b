"""SSO-OIDC of one region: the operations of a login, through botocore."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ..calls import call
from ..clients import ClientFactory

_CONNECT_TIMEOUT = 5.0  # seconds; a person waits, but not for long
_READ_TIMEOUT = 10.0


class Oidc:
    """A client for as long as a login takes: ``with``.

    :raises ConfigError: when the configuration is not usable.
    """

    def __init__(self, clients: ClientFactory, region: str) -> None:
        self._client = clients.create(
            "sso-oidc",
            region=region,
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
        )

    def __enter__(self) -> Oidc:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    @property
    def authorize_url(self) -> str:
        """Where a browser begins a login: no operation of the model, but at its endpoint.

        So AWS_ENDPOINT_URL_SSO_OIDC holds for it too, as it does in the AWS CLI.
        """
        return f"{self._client.meta.endpoint_url.rstrip('/')}/authorize"

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """Do an operation by the name that botocore's client has for it.

        :raises Refused: when the service answered with an error.
        :raises CallFailed: when it did not answer, or not with what can be understood.
        """
        return call(self._client, operation, **members)
