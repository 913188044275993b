"""A client for JSON-REST APIs without botocore.

It sends what botocore would send (``tests/aws/test_contract.py``) and reads errors as botocore
does (``botocore.parsers.RestJSONParser``).
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Mapping

from ..errors import (
    NETWORK_HINT,
    ConnectFailed,
    ConnectorError,
    ProxyFailed,
    ProxyUnreachable,
    ServiceError,
    TLSFailed,
)
from ..fast.typed import Any
from .api import CallFailed, Operation, Refused
from .endpoint import host_and_port
from .http import MAX_BODY, BadResponse, Response, exchange
from .responses import check

#: Open a TLS connection to a host and port within some seconds, with the user's CA
#: certificates and proxy.
Connect = Callable[[str, int, float], socket.socket]


_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class LightApi:
    """An ``Api`` that opens a connection for each call.

    :param operations: the service's operations, by the names of botocore's methods.
    :param endpoint_url: a result of ``endpoint.light_endpoint``.
    """

    def __init__(
        self, operations: Mapping[str, Operation], endpoint_url: str, connect: Connect
    ) -> None:
        self._operations = operations
        self._host, self._port = host_and_port(endpoint_url)
        path = endpoint_url.removeprefix("https://").partition("/")[2]
        self._path = f"/{path}".rstrip("/")
        self._connect = connect

    def call(
        self,
        operation: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        **members: Any,
    ) -> dict[str, Any]:
        row = self._operations[operation]
        request = self._request(row, token, members)
        response = send(
            self._connect, (self._host, self._port), request, connect_timeout, read_timeout
        )
        return check(parse(response, self._host), row.response, self._host)

    def _request(self, operation: Operation, token: str, members: dict[str, Any]) -> bytes:
        path = operation.path
        content = {}
        for name, value in members.items():
            label = f"{{{name}}}"
            if label in path:
                path = path.replace(label, _quoted(value))
            else:
                content[name] = value
        body = json.dumps(content).encode() if operation.has_body else b""
        host = self._host if self._port == 443 else f"{self._host}:{self._port}"
        lines = [
            f"{operation.method} {self._path}{path} HTTP/1.1",
            f"Host: {host}",
            "Accept-Encoding: identity",
            "User-Agent: devenv-connector",
            *([f"Authorization: Bearer {token}"] if token else []),
        ]
        if body:
            lines.append("Content-Type: application/json")
        if operation.method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _quoted(text: str) -> str:
    """Return text as a segment of a path."""
    if _UNRESERVED.issuperset(text):
        return text
    from urllib.parse import quote  # names of spaces and ids of sessions rarely need it

    return quote(text, safe="-._~", errors="replace")


def host_and_path(url: str) -> tuple[str, str]:
    """Return the value of ``Host``, and the path of a URL."""
    authority, _, path = url.removeprefix("https://").partition("/")
    return authority.removesuffix(":443"), f"/{path}"


def plain_request(
    method: str, host: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> bytes:
    """Return a request with these headers besides the usual ones.

    :param host: the value of ``Host``.
    :param target: path and query.
    """
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {host}",
        "Accept-Encoding: identity",
        "User-Agent: devenv-connector",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def send(
    connect: Connect,
    address: tuple[str, int],
    request: bytes,
    connect_timeout: float,
    read_timeout: float,
    max_body: int = MAX_BODY,
) -> Response:
    """Send one request on a new connection and return the response.

    :param address: host and port.
    :param connect_timeout: seconds until TLS is established.
    :param read_timeout: seconds for the request and the whole response.
    :param max_body: bytes of the largest body that is read.
    :raises CallFailed: when there is no complete response within these limits.
    """
    try:
        sock = connect(*address, connect_timeout)
    except ConnectorError as error:
        raise CallFailed(error, transient=_is_transient(error)) from error
    try:
        with sock:
            return exchange(sock, request, read_timeout, max_body)
    except (OSError, BadResponse) as problem:
        raise CallFailed(_explain(problem, address[0])) from problem


def parse(response: Response, host: str) -> dict[str, Any]:
    """Return the JSON object of a successful response.

    :param host: the host that answered, for the error.
    :raises Refused: when the status is an error.
    :raises CallFailed: when the body is not a JSON object.
    """
    status, reason, headers, body = response
    if status >= 500 and (not body.strip() or body.strip().startswith(b"<html>")):
        raise Refused(status, str(status), reason)  # from a proxy or load balancer on the way
    try:
        document = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        document = {"message": body.decode("utf-8", "replace")}
    if not isinstance(document, dict):
        raise CallFailed(ServiceError(f"The response from {host} is malformed"))
    if status < 300:
        return document
    code = headers.get("x-amzn-errortype")
    for name in ("code", "Code", "__type"):
        if code is None:
            code = document.get(name)
    if not isinstance(code, str):  # str() of a deeply nested value would fail
        code = str(status)
    message = document.get("message", document.get("Message", ""))
    said = message if isinstance(message, str) else ""
    raise Refused(status, code.split(":")[0].rsplit("#")[-1], said)


def _is_transient(error: ConnectorError) -> bool:
    """Return whether another try may connect, as it may not past certificates and refusals."""
    lasting = isinstance(error, (TLSFailed, ProxyFailed)) and not isinstance(
        error, ProxyUnreachable
    )
    return isinstance(error, ConnectFailed) and not lasting


def _explain(problem: OSError | BadResponse, host: str) -> ConnectorError:
    """Return the error for a failed exchange. The service may have seen the request."""
    if isinstance(problem, BadResponse):
        return ServiceError(f"The response from {host} {problem}")
    if isinstance(problem, TimeoutError):
        return ConnectFailed(f"The host {host} did not answer in time", NETWORK_HINT)
    if isinstance(problem, ssl.SSLError):
        return TLSFailed.handshake(host, problem.reason or str(problem.strerror))
    return ConnectFailed(f"The connection to {host} broke ({type(problem).__name__})", NETWORK_HINT)
