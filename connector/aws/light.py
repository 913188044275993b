"""The operations that the connector needs, without botocore.

What goes over the wire is what botocore would send (``tests/aws/test_contract.py``), and an
answer means the same: ``botocore.parsers.RestJSONParser`` says what an error's code is.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import (
    NETWORK_HINT,
    ConnectFailed,
    ConnectorError,
    ProxyFailed,
    ProxyUnreachable,
    ServiceError,
    TLSFailed,
)
from .answers import read
from .calls import CallFailed, Refused
from .http import Answer, BadAnswer, exchange

#: Host, port, seconds -> a TLS connection, by the user's CA certificates and proxy.
Connect = Callable[[str, int, float], socket.socket]

_ENVIRONMENT = "/v1/spaces/{spaceName}/projects/{projectName}/devEnvironments/{id}"

#: Operation -> method and path, of the service's model (2022-09-28).
_OPERATIONS = {
    "verify_session": ("GET", "/session"),
    "get_user_details": ("GET", "/userDetails?id={id}"),
    "get_dev_environment": ("GET", _ENVIRONMENT),
    "start_dev_environment_session": ("PUT", f"{_ENVIRONMENT}/session"),
    "stop_dev_environment_session": ("DELETE", f"{_ENVIRONMENT}/session/{{sessionId}}"),
    "start_dev_environment": ("PUT", f"{_ENVIRONMENT}/start"),
    "stop_dev_environment": ("PUT", f"{_ENVIRONMENT}/stop"),
    "list_dev_environment_sessions": (
        "POST",
        f"{_ENVIRONMENT.replace('{id}', '{devEnvironmentId}')}/sessions",
    ),
    "list_spaces": ("POST", "/v1/spaces"),
    "list_projects": ("POST", "/v1/spaces/{spaceName}/projects"),
    "list_dev_environments": ("POST", "/v1/spaces/{spaceName}/devEnvironments"),
}

#: Those that could have members in their body: botocore sends an object even without any.
_WITH_BODY = (
    "start_dev_environment_session",
    "start_dev_environment",
    "list_dev_environment_sessions",
    "list_spaces",
    "list_projects",
    "list_dev_environments",
)


class LightApi:
    """Calls by a request each, on a connection of its own: an ``Api``.

    :param endpoint_url: one of ``settings.light_endpoint``.
    """

    def __init__(self, endpoint_url: str, connect: Connect) -> None:
        parts = urlsplit(endpoint_url)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._path = parts.path.rstrip("/")
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
        request = self._request(operation, token, members)
        answer = send(
            self._connect, (self._host, self._port), request, connect_timeout, read_timeout
        )
        return read(operation, understood(answer, self._host), self._host)

    def _request(self, operation: str, token: str, members: dict[str, Any]) -> bytes:
        method, path = _OPERATIONS[operation]
        content = {}
        for name, value in members.items():
            label = f"{{{name}}}"
            if label in path:
                path = path.replace(label, quote(value, safe="-._~", errors="replace"))
            else:
                content[name] = value
        body = json.dumps(content).encode() if operation in _WITH_BODY else b""
        host = self._host if self._port == 443 else f"{self._host}:{self._port}"
        lines = [
            f"{method} {self._path}{path} HTTP/1.1",
            f"Host: {host}",
            "Accept-Encoding: identity",
            "User-Agent: devenv-connector",
            f"Authorization: Bearer {token}",
        ]
        if body:
            lines.append("Content-Type: application/json")
        if method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def send(
    connect: Connect,
    address: tuple[str, int],
    request: bytes,
    connect_timeout: float,
    read_timeout: float,
) -> Answer:
    """Send one request on a connection of its own, and return the answer.

    :param address: host and port.
    :param connect_timeout: seconds until TLS stands; ``read_timeout`` those for the request and
        the whole answer, however slowly it comes. ``http.MAX_HEAD`` and ``MAX_BODY`` bound it.
    :raises CallFailed: when there is no whole answer.
    """
    try:
        sock = connect(*address, connect_timeout)
    except ConnectorError as error:
        raise CallFailed(error, transient=_may_pass(error)) from error
    try:
        with sock:
            return exchange(sock, request, read_timeout)
    except (OSError, BadAnswer) as problem:
        raise CallFailed(_broken(problem, address[0])) from problem


def _may_pass(error: ConnectorError) -> bool:
    """Nothing was sent; but certificates, settings and a proxy's refusal stay as they are."""
    lasting = isinstance(error, (TLSFailed, ProxyFailed)) and not isinstance(
        error, ProxyUnreachable
    )
    return isinstance(error, ConnectFailed) and not lasting


def _broken(problem: OSError | BadAnswer, host: str) -> ConnectorError:
    """Whatever it is, the service may have seen the request."""
    if isinstance(problem, BadAnswer):
        return ServiceError(f"The answer of {host} {problem}")
    if isinstance(problem, TimeoutError):
        return ConnectFailed(f"The host {host} does not answer in time", NETWORK_HINT)
    if isinstance(problem, ssl.SSLError):
        return TLSFailed.handshake(host, problem.reason or str(problem.strerror))
    return ConnectFailed(f"The connection to {host} broke ({type(problem).__name__})", NETWORK_HINT)


def understood(answer: Answer, host: str) -> dict[str, Any]:
    """Return the object that an answer holds.

    :raises Refused: for every status that is no success.
    :raises CallFailed: when it holds another thing.
    """
    status, reason, headers, body = answer
    if status >= 500 and (not body.strip() or body.strip().startswith(b"<html>")):
        raise Refused(status, str(status), reason)  # some gateway on the way, not the service
    try:
        document = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        document = {"message": body.decode("utf-8", "replace")}
    if not isinstance(document, dict):
        raise CallFailed(ServiceError(f"The answer of {host} cannot be understood"))
    if status < 300:
        return document
    code = headers.get("x-amzn-errortype")
    for name in ("code", "Code", "__type"):
        if code is None:
            code = document.get(name)
    if not isinstance(code, str):  # the text of what is nested deeply cannot be had
        code = str(status)
    message = document.get("message", document.get("Message", ""))
    said = message if isinstance(message, str) else ""
    raise Refused(status, code.split(":")[0].rsplit("#")[-1], said)
