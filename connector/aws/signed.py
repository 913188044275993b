"""The two clients that call a signed API of AWS, which :mod:`.services` describes.

:class:`LightSigned` speaks JSON 1.1 without botocore, and EC2's protocol where an operation tells
its names. :class:`SdkSigned` calls through botocore, which knows all protocols and endpoints.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing

from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING, Any
from .api import CallFailed, Refused
from .endpoint import host_and_port
from .http import MAX_SIGNED_BODY
from .light import parse, send
from .responses import check
from .sigv4 import signed_headers

if TYPE_CHECKING:
    from .http import Response
    from .keys.source import AwsKeys, KeySource
    from .light import Connect
    from .sdk import ClientFactory
    from .services import Service, SignedOperation

#: Seconds to connect, where there is time for that: for TCP and TLS.
_CONNECT_TIMEOUT = 4.0

#: Codes of the refusal of keys that have expired. The last one is EC2's.
EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired"))

logger = Logger(__name__)


class LightSigned:
    """A ``SignedApi`` without botocore. It opens a connection for each call.

    :param region: the Region to sign for.
    :param endpoint_url: a result of ``endpoint.light_endpoint``.
    :param now: return the seconds since the epoch.
    """

    def __init__(
        self,
        service: Service,
        region: str,
        endpoint_url: str,
        keys: KeySource,
        connect: Connect,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._region = region
        self._host, self._port = host_and_port(endpoint_url)
        self._path = "/" + endpoint_url.removeprefix("https://").partition("/")[2]
        self._keys = keys
        self._connect = connect
        self._now = now

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        row = self._service.operations[operation]
        headers, body = self._written(row, members)

        def once(keys: AwsKeys, left: float) -> dict[str, Any]:
            request = self._request(headers, body, keys)
            address = self._host, self._port
            response = send(self._connect, address, request, *_split(left), MAX_SIGNED_BODY)
            return check(self._read(row, response), row.response, self._host)

        return _with_keys(self._keys, self._service, self._region, timeout, once)

    def _written(
        self, row: SignedOperation, members: dict[str, Any]
    ) -> tuple[dict[str, str], bytes]:
        """Return the headers that tell the operation, and the body."""
        if row.xml_names is not None:
            from .xmlapi import FORM, form_of  # EC2 alone speaks it

            return FORM, form_of(row.name, members)
        headers = {
            "X-Amz-Target": f"{self._service.target}.{row.name}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        return headers, json.dumps(members).encode()

    def _read(self, row: SignedOperation, response: Response) -> dict[str, Any]:
        if row.xml_names is None:
            return parse(response, self._host)
        from .xmlapi import parse_xml

        return parse_xml(response, self._host, row.xml_names)

    def _request(self, headers: Mapping[str, str], body: bytes, keys: AwsKeys) -> bytes:
        host = self._host if self._port == 443 else f"{self._host}:{self._port}"
        signature = signed_headers(
            keys,
            method="POST",
            host=host,
            path=self._path,
            query="",
            headers=headers,
            body=body,
            service=self._service.name,
            region=self._region,
            now=self._now(),
        )
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"Host: {host}",
            "Accept-Encoding: identity",
            "User-Agent: devenv-connector",
            *(f"{name}: {value}" for name, value in {**headers, **signature}.items()),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class SdkSigned:
    """A ``SignedApi`` that creates a botocore client for each call.

    :param endpoint_url: None for botocore's own choice (see ``endpoint.given_endpoint``).
    """

    def __init__(
        self,
        service: Service,
        region: str,
        endpoint_url: str | None,
        keys: KeySource,
        clients: ClientFactory,
    ) -> None:
        self._service = service
        self._region = region
        self._endpoint_url = endpoint_url
        self._keys = keys
        self._clients = clients

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        from urllib.parse import urlsplit

        from .sdk import call

        row = self._service.operations[operation]

        def once(keys: AwsKeys, left: float) -> dict[str, Any]:
            connect_timeout, read_timeout = _split(left)
            client = self._clients.create(
                self._service.name,
                None,
                region=self._region,
                keys=keys,
                endpoint_url=self._endpoint_url,
                connect_timeout=connect_timeout,
                read_timeout=read_timeout,
            )
            with closing(client):
                answer = call(client, operation, **members)
            host = urlsplit(client.meta.endpoint_url).hostname or ""
            return check(answer, row.response, host)

        return _with_keys(self._keys, self._service, self._region, timeout, once)


def _with_keys(
    source: KeySource,
    service: Service,
    region: str,
    timeout: float,
    once: Callable[[AwsKeys, float], dict[str, Any]],
) -> dict[str, Any]:
    """Make a call; if its keys have expired, make it once more with new ones.

    :param once: make the call with keys, within some seconds.
    """
    try:
        return _renewing(source, timeout, once)
    except Refused as refused:
        from .keys.errors import refusal_of_keys

        refused.keys_error = refusal_of_keys(refused, source, region)
        raise
    except CallFailed as failed:
        from .keys.errors import unknown_region

        error = unknown_region(failed, region, service.name)
        if error is None:
            raise
        raise error from failed


def _renewing(
    source: KeySource, timeout: float, once: Callable[[AwsKeys, float], dict[str, Any]]
) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    keys = source.load(timeout)
    # A user may have been asked for a code. The call must have time all the same.
    left = max(deadline - time.monotonic(), timeout / 2)
    try:
        return once(keys, left)
    except Refused as refused:
        if refused.code not in EXPIRED:
            raise
        logger.info("the service says that the keys have expired (%s)", refused)
        source.renew(keys)
        fresh = source.load(max(deadline - time.monotonic(), 0.1))
        if fresh[:3] == keys[:3]:
            raise
    return once(fresh, max(deadline - time.monotonic(), timeout / 2))


def _split(seconds: float) -> tuple[float, float]:
    """Return the seconds to connect, and those for request and response."""
    connect_timeout = min(_CONNECT_TIMEOUT, max(0.4 * seconds, 0.1))
    return connect_timeout, max(seconds - connect_timeout, 0.1)
