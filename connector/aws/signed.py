"""The signed APIs of AWS: what a service and its clients look like."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING, Any, Protocol
from .endpoint import host_and_port
from .light import parse, send
from .responses import check
from .sigv4 import signed_headers

if TYPE_CHECKING:
    from .keys import KeySource
    from .light import Connect
    from .responses import Shape


class SignedOperation(NamedTuple):
    """One operation of a signed API.

    :param name: on the wire: ``StartSession``.
    :param response: the members of the response that we read.
    """

    name: str
    response: Shape


class Service(NamedTuple):
    """One service of AWS.

    :param name: botocore's name: ``ssm``.
    :param prefix: the first part of its hosts: ``api.sagemaker``.
    :param target: what begins ``X-Amz-Target`` for services that speak JSON 1.1:
        ``AmazonSSM``. Empty: botocore alone speaks the protocol.
    :param operations: by the names of botocore's methods: ``start_session``.
    """

    name: str
    prefix: str
    target: str
    operations: Mapping[str, SignedOperation]


class SignedApi(Protocol):
    """A client that makes each call once."""

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        """Call an operation and return the checked members of its response.

        :param operation: the name of the botocore client's method: ``start_session``.
        :param timeout: seconds for the whole call.
        :param members: the members of the operation's input.
        :raises Refused: when the service answered with an error.
        :raises CallFailed: when there was no response, or a malformed one.
        :raises ConnectorError: when there are no keys.
        """


class LightSignedApi:
    """A ``SignedApi`` for services that speak JSON 1.1. It opens a connection for each call.

    :param region: the Region to sign for.
    :param endpoint_url: host, port and path only.
    """

    def __init__(
        self, service: Service, region: str, endpoint_url: str, keys: KeySource, connect: Connect
    ) -> None:
        self._service = service
        self._region = region
        self._host, self._port = host_and_port(endpoint_url)
        path = endpoint_url.removeprefix("https://").partition("/")[2]
        self._path = f"/{path}"
        self._keys = keys
        self._connect = connect

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        row = self._service.operations[operation]
        request = self._request(row, members, self._keys.load(timeout))
        left = max(0.1, deadline - time.monotonic())
        response = send(self._connect, (self._host, self._port), request, left, left)
        return check(parse(response, self._host), row.response, self._host)

    def _request(self, row: SignedOperation, members: dict[str, Any], keys: Any) -> bytes:
        body = json.dumps(members).encode()
        host = self._host if self._port == 443 else f"{self._host}:{self._port}"
        headers = {
            "X-Amz-Target": f"{self._service.target}.{row.name}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        headers |= signed_headers(
            keys,
            method="POST",
            host=host,
            path=self._path,
            query="",
            headers=headers,
            body=body,
            service=self._service.name,
            region=self._region,
            now=time.time(),
        )
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"Host: {host}",
            "Accept-Encoding: identity",
            "User-Agent: devenv-connector",
            *(f"{name}: {value}" for name, value in headers.items()),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body
