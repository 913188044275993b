"""An HTTPS server for APIs in AWS's style: routes, bodies, tokens, errors, and a log.

It has no operations of its own. Services bring theirs as :class:`Endpoint`; one port serves them
all. :class:`Misbehaviours` makes it refuse and delay requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
import uuid
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

from ..listener import HOST, Listener
from .errors import ApiError, UnauthorizedException, UnknownOperationException
from .shapes import InvalidInput, Structure

BODY_MAX = 1 << 20  # bytes; a choice, because AWS documents no limit
LOG_MAX = 10_000  # requests in the log
STOP_TIMEOUT = 0.5  # seconds that open requests get when the server stops
SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "x-amz-security-token", "x-amz-sso_bearer_token"}
)

Answer = Mapping[str, Any]
Proceed = Callable[[], Awaitable[web.Response]]
Intercept = Callable[[str, web.Request, Proceed], Awaitable[web.Response]]


@dataclass(frozen=True)
class Operation:
    """One operation of an API. It answers success with status 200.

    :ivar input: all members: those that ``path`` names in braces, those of ``query`` and
        ``headers``, and the rest, which the JSON body has.
    :ivar query: the members in the query string.
    :ivar target: the value of the header X-Amz-Target, for operations that share a method and
        a path.
    :ivar headers: the members in headers, with the name of each header.
    """

    name: str
    method: str
    path: str
    input: Structure
    query: tuple[str, ...] = ()
    target: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """One operation and the functions that carry it out.

    :ivar authenticate: returns the caller's id for an ``Authorization`` header; may raise
        ApiError.
    :ivar handle: returns the answer's members for the caller's id and the checked members; may
        raise ApiError.
    :ivar invalid: returns the error for a request that breaks the operation's input shape.
    """

    operation: Operation
    authenticate: Callable[[str | None], str]
    handle: Callable[[str, Mapping[str, Any]], Answer]
    invalid: Callable[[str], ApiError]


@dataclass(frozen=True)
class Page:
    """A page for a browser."""

    method: str
    path: str
    handle: Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True)
class RequestRecord:
    """One answered request. The values of headers with secrets are hashed."""

    method: str
    path: str
    operation: str
    status: int
    headers: Mapping[str, str]


class RestServer:
    """The HTTPS server, to be used with ``async with`` or ``start`` and ``stop``.

    :ivar intercept: answers every request of an operation. It may await ``proceed()`` for the
        regular answer, return another response, or raise an ApiError. Without a call of
        ``proceed`` the operation is not carried out. May be set at any time.
    :ivar requests: the log of answered requests.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        ssl_context: ssl.SSLContext,
        port: int = 0,
        pages: Iterable[Page] = (),
    ) -> None:
        self.intercept: Intercept | None = None
        self.requests: deque[RequestRecord] = deque(maxlen=LOG_MAX)
        self._endpoints = tuple(endpoints)
        self._pages = tuple(pages)
        self._ssl_context = ssl_context
        self._port = port
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        """``https://127.0.0.1:port``, after the start: botocore's ``endpoint_url``."""
        return f"https://{HOST}:{self._port}"

    def requests_for(self, operation: str) -> list[RequestRecord]:
        """Return the requests of one operation so far, in the order of their answers."""
        return [record for record in self.requests if record.operation == operation]

    def make_app(self) -> web.Application:
        """Return the aiohttp application with all routes."""
        app = web.Application(client_max_size=BODY_MAX)
        routes: dict[tuple[str, str], list[Endpoint]] = {}
        for endpoint in self._endpoints:
            operation = endpoint.operation
            routes.setdefault((operation.method, operation.path), []).append(endpoint)
        for (method, path), endpoints in routes.items():
            app.router.add_route(method, path, self._handler(endpoints))
        for page in self._pages:
            app.router.add_route(page.method, page.path, page.handle)
        app.router.add_route("*", "/{rest:.*}", self._unknown_operation)
        return app

    async def start(self) -> None:
        """Listen. Port 0 becomes a free port.

        :raises OSError: if the port cannot be opened.
        """
        runner = web.AppRunner(self.make_app(), access_log=None, shutdown_timeout=STOP_TIMEOUT)
        await runner.setup()
        self._runner = runner
        try:
            self._listener = Listener(self._port)
        except OSError:
            await self.stop()
            raise
        self._port = self._listener.port
        await web.SockSite(runner, self._listener, ssl_context=self._ssl_context).start()

    async def stop(self) -> None:
        """Close the port and all connections. Harmless before a start."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        if self._listener is not None:
            await self._listener.accept_no_more()
        connections = runner.server.connections if runner.server is not None else []
        transports = [connection.transport for connection in connections]
        await runner.cleanup()
        # A TLS transport waits for its peer before it closes; the loop may end earlier.
        for transport in transports:
            if transport is not None:
                # CPython 3.11.2 and older fail here if the transport was closed twice.
                with contextlib.suppress(AttributeError):
                    transport.abort()
        if self._listener is not None:
            await self._listener.hang_up()
            self._listener = None

    async def __aenter__(self) -> RestServer:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _handler(
        self, endpoints: list[Endpoint]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            target = request.headers.get("X-Amz-Target", "")
            for endpoint in endpoints:
                if endpoint.operation.target in ("", target):
                    return await self._answer(endpoint, request)
            return await self._unknown_operation(request)

        return handle

    async def _answer(self, endpoint: Endpoint, request: web.Request) -> web.Response:
        async def proceed() -> web.Response:
            try:
                return _response(200, await _answer(endpoint, request))
            except ApiError as error:
                return _error_response(error)

        operation = endpoint.operation.name
        try:
            if self.intercept is None:
                response = await proceed()
            else:
                response = await self.intercept(operation, request, proceed)
        except ApiError as error:
            response = _error_response(error)
        return self._recorded(request, operation, response)

    async def _unknown_operation(self, request: web.Request) -> web.Response:
        error = UnknownOperationException("No operation has this method and path")
        return self._recorded(request, "", _error_response(error))

    def _recorded(
        self, request: web.Request, operation: str, response: web.Response
    ) -> web.Response:
        headers = {name: _loggable(name, value) for name, value in request.headers.items()}
        self.requests.append(
            RequestRecord(request.method, request.path, operation, response.status, headers)
        )
        return response


async def _answer(endpoint: Endpoint, request: web.Request) -> Answer:
    caller = endpoint.authenticate(request.headers.get("Authorization"))
    operation = endpoint.operation
    try:
        members = await _read_body(request) if request.method in ("PUT", "POST") else {}
        query = {name: request.query[name] for name in operation.query if name in request.query}
        headers = {
            name: request.headers[header]
            for name, header in operation.headers.items()
            if header in request.headers
        }
        members = {**members, **query, **headers, **request.match_info}
        operation.input.check(members)
    except InvalidInput as error:
        raise endpoint.invalid(str(error)) from None
    return endpoint.handle(caller, members)


async def _read_body(request: web.Request) -> dict[str, Any]:
    try:
        content = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise InvalidInput(f"The body is larger than {BODY_MAX} bytes") from None
    except web.RequestPayloadError:
        raise InvalidInput("The body is not encoded as its headers say") from None
    try:
        document = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        raise InvalidInput("The body is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidInput("The body is not a JSON object")
    # In JSON, null stands for an optional member that is missing.
    return {name: value for name, value in document.items() if value is not None}


def _response(status: int, members: Answer) -> web.Response:
    return web.json_response(
        {name: value for name, value in members.items() if value is not None},
        status=status,
        headers={"x-amzn-RequestId": str(uuid.uuid4())},
    )


def _error_response(error: ApiError) -> web.Response:
    response = _response(error.status, error.body())
    response.headers["x-amzn-errortype"] = error.code
    return response


def _loggable(name: str, value: str) -> str:
    if name.lower() not in SECRET_HEADERS:
        return value
    return f"sha256:{hashlib.sha256(value.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"


class BearerTokens:
    """The bearer tokens that APIs accept, with their users and expiry times.

    Tokens may be added and revoked at any time.

    :param now: the clock, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens: dict[str, tuple[str, float | None]] = {}

    def accept(self, token: str, user_id: str, expires_at: float | None = None) -> None:
        """Accept ``token`` for ``user_id`` until ``expires_at`` (seconds since the epoch)."""
        self._tokens[token] = (user_id, expires_at)

    def revoke(self, token: str) -> None:
        """Reject ``token`` from now on.

        :raises KeyError: if it was never accepted.
        """
        del self._tokens[token]

    def authenticate(self, authorization: str | None) -> str:
        """Return the id of the user of an ``Authorization`` header's token.

        :raises UnauthorizedException: if the header has no bearer token that is valid now.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthorizedException("The request has no bearer token")
        user_id, expires_at = self._tokens.get(token.strip(), ("", None))
        if not user_id:
            raise UnauthorizedException("The bearer token is invalid")
        if expires_at is not None and self._now() >= expires_at:
            raise UnauthorizedException("The bearer token has expired")
        return user_id


class Misbehaviours:
    """Faults of an API: an :data:`Intercept` that refuses and delays requests.

    Each operation has a queue of orders. Each request of it carries out the next order.
    """

    def __init__(self) -> None:
        self._orders: defaultdict[str, deque[ApiError | float]] = defaultdict(deque)

    def refuse(self, operation: str, error: ApiError, times: int = 1) -> None:
        """Answer the next ``times`` requests of ``operation`` with ``error`` and nothing else."""
        self._orders[operation].extend([error] * times)

    def delay(self, operation: str, seconds: float, times: int = 1) -> None:
        """Delay the next ``times`` requests of ``operation``."""
        self._orders[operation].extend([seconds] * times)

    async def __call__(
        self, operation: str, request: web.Request, proceed: Proceed
    ) -> web.Response:
        """Answer a request as the next order of its operation says."""
        orders = self._orders[operation]
        order = orders.popleft() if orders else 0.0
        if isinstance(order, ApiError):
            raise order
        await asyncio.sleep(order)
        return await proceed()
