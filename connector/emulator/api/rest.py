"""An HTTPS server for APIs in AWS's style: routes, bodies, tokens, errors, and a log.

It has no operations of its own. Services bring theirs as :class:`Endpoint`; one port serves them
all, in each operation's protocols. :class:`Misbehaviours` makes it refuse and delay requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ..listener import HOST, Listener
from .errors import ApiError, UnauthorizedException
from .protocols.protocol import REST_JSON, Answer, Operation, Protocol, Received
from .shapes import InvalidInput

BODY_MAX = 1 << 20  # bytes; a choice, because AWS documents no limit
LOG_MAX = 10_000  # requests in the log
STOP_TIMEOUT = 0.5  # seconds that open requests get when the server stops
SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "x-amz-security-token", "x-amz-sso_bearer_token"}
)

# aiohttp logs what is no HTTP as an error of its own, with a traceback.
_http_logger = logging.getLogger(f"{__name__}.http")
_http_logger.addFilter(lambda record: not _is_of_client(record))

Proceed = Callable[[], Awaitable[web.Response]]
Intercept = Callable[[str, web.Request, Proceed], Awaitable[web.Response]]


@dataclass(frozen=True)
class Endpoint:
    """One operation and the functions that carry it out.

    :ivar authenticate: returns the caller of a request; may raise ApiError.
    :ivar handle: returns the answer's members for this caller and the checked members; may
        raise ApiError.
    :ivar invalid: returns the error for a request that breaks the operation's input shape.
    """

    operation: Operation
    authenticate: Callable[[Received], Any]
    handle: Callable[[Any, Mapping[str, Any]], Answer]
    invalid: Callable[[str], ApiError]


@dataclass(frozen=True)
class Page:
    """A page for a browser, or another request that is no operation: it answers for itself."""

    method: str
    path: str
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class RequestRecord:
    """One answered request. The values of headers with secrets are hashed.

    :ivar service: the service's name in IAM, such as ``ssm``; empty for APIs without IAM.
    """

    method: str
    path: str
    operation: str
    status: int
    headers: Mapping[str, str]
    service: str = ""

    def is_of(self, operation: str) -> bool:
        """Return whether this is a request of ``operation``: ``StartSession`` or with a service,
        ``ssm:StartSession``.
        """
        return operation in (self.operation, f"{self.service}:{self.operation}")


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
        return [record for record in self.requests if record.is_of(operation)]

    def make_app(self) -> web.Application:
        """Return the aiohttp application with all routes."""
        app = web.Application(client_max_size=BODY_MAX)
        routes: dict[tuple[str, str], list[tuple[Protocol, Endpoint]]] = {}
        for endpoint in self._endpoints:
            for protocol in endpoint.operation.protocols:
                route = protocol.route(endpoint.operation)
                routes.setdefault(route, []).append((protocol, endpoint))
        for (method, path), candidates in routes.items():
            app.router.add_route(method, path, self._handler(candidates))
        for page in self._pages:
            app.router.add_route(page.method, page.path, page.handle)
        app.router.add_route("*", "/{rest:.*}", self._unknown_operation)
        return app

    async def start(self) -> None:
        """Listen. Port 0 becomes a free port.

        :raises OSError: if the port cannot be opened.
        """
        runner = web.AppRunner(
            self.make_app(), access_log=None, logger=_http_logger, shutdown_timeout=STOP_TIMEOUT
        )
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
        self, candidates: list[tuple[Protocol, Endpoint]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            received = await _receive(request)
            for protocol, endpoint in candidates:
                if protocol.claims(endpoint.operation, received):
                    return await self._answer(protocol, endpoint, request, received)
            speaking = (protocol for protocol, _ in candidates if protocol.speaks(received))
            return self._refuse(request, next(speaking, REST_JSON))

        return handle

    async def _answer(
        self, protocol: Protocol, endpoint: Endpoint, request: web.Request, received: Received
    ) -> web.Response:
        operation = endpoint.operation

        async def proceed() -> web.Response:
            try:
                return protocol.answer(operation, _carry_out(protocol, endpoint, received))
            except ApiError as error:
                return protocol.error(error)

        try:
            if self.intercept is None:
                response = await proceed()
            else:
                response = await self.intercept(operation.full_name, request, proceed)
        except ApiError as error:
            response = protocol.error(error)
        return self._recorded(request, response, operation)

    async def _unknown_operation(self, request: web.Request) -> web.Response:
        return self._refuse(request, REST_JSON)

    def _refuse(self, request: web.Request, protocol: Protocol) -> web.Response:
        return self._recorded(request, protocol.error(protocol.unknown_operation()), None)

    def _recorded(
        self, request: web.Request, response: web.Response, operation: Operation | None
    ) -> web.Response:
        headers = {name: _loggable(name, value) for name, value in request.headers.items()}
        name, service = (operation.name, operation.service) if operation else ("", "")
        self.requests.append(
            RequestRecord(request.method, request.path, name, response.status, headers, service)
        )
        return response


def _carry_out(protocol: Protocol, endpoint: Endpoint, received: Received) -> Answer:
    caller = endpoint.authenticate(received)
    operation = endpoint.operation
    try:
        members = protocol.read(operation, received)
        operation.input.check(members)
    except InvalidInput as error:
        raise endpoint.invalid(str(error)) from None
    return endpoint.handle(caller, members)


async def _receive(request: web.Request) -> Received:
    content, problem = b"", ""
    try:
        content = await request.read()
    except web.HTTPRequestEntityTooLarge:
        problem = f"The body is larger than {BODY_MAX} bytes"
    except web.RequestPayloadError:
        problem = "The body is not encoded as its headers say"
    except ConnectionError:
        problem = "The client left before the end of the body"
    return Received(
        request.method,
        request.raw_path,
        request.headers,
        request.query,
        request.match_info,
        content,
        problem,
    )


def _is_of_client(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return isinstance(error, HttpProcessingError | web.RequestPayloadError)


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

    def user_of(self, received: Received) -> str:
        """Return the id of the user of a request; raises what :meth:`authenticate` raises."""
        return self.authenticate(received.headers.get("Authorization"))

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

    Each operation has a queue of orders. Each request of it carries out the next order. An
    operation is named as ``StartSession``, or as ``ssm:StartSession`` where services share names.
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
        orders = self._orders[operation] or self._orders[operation.rpartition(":")[2]]
        order = orders.popleft() if orders else 0.0
        if isinstance(order, ApiError):
            raise order
        await asyncio.sleep(order)
        return await proceed()
