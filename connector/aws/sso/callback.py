"""The HTTP server on this machine that receives the result of a login from a browser."""

from __future__ import annotations

import contextlib
import hmac
import logging
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ...errors import ConnectFailed, CredentialsError
from ...files import reason

logger = logging.getLogger(__name__)

CALLBACK_TIMEOUT = 600.0  # seconds; the AWS CLI waits as long
_PATH = "/oauth/callback"
_REQUEST_TIMEOUT = 10.0  # seconds for one request
_MOST_CONNECTIONS = 32  # at once; a browser opens a few, a hostile page may open many
_MOST_PARAMETERS = 20  # of a query; the service sends four
_LOOK_INTERVAL = 0.2  # seconds between two checks for a result
_QUOTE_MAX = 200  # characters of the service's message

_PAGE = """\
<!doctype html>
<meta charset="utf-8">
<title>devenv-connector</title>
<h1>{title}</h1>
<p>{text}</p>
"""


class Callback:
    """A server on a free port of 127.0.0.1. It listens from its creation until ``with`` ends.

    :param state: the ``state`` parameter of the login. The browser must send it with a code
        and with an error, so that no other page can end the login.
    :raises ConnectFailed: when no port can be opened.
    """

    def __init__(self, state: str) -> None:
        try:
            self._server = _Server(state)
        except OSError as error:
            raise ConnectFailed(
                f"Cannot listen on 127.0.0.1 ({reason(error)})",
                "Log in with --device-code, which needs no port on this machine",
            ) from None

    def __enter__(self) -> Callback:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.server_close()

    @property
    def url(self) -> str:
        """The redirect URI of the login."""
        return f"http://{self._server.authority}{_PATH}"

    def wait(
        self, timeout: float = CALLBACK_TIMEOUT, clock: Callable[[], float] = time.monotonic
    ) -> str:
        """Wait for the authorization code and return it.

        :param timeout: seconds.
        :raises CredentialsError: when the browser brings an error, or does not come in time.
        """
        deadline = clock() + timeout
        while self._server.outcome is None:
            left = deadline - clock()
            if left <= 0:
                raise CredentialsError(
                    "The browser did not come back in time",
                    "Log in again, with --device-code if no browser can reach this machine",
                )
            self._server.timeout = min(left, _LOOK_INTERVAL)
            self._server.handle_request()
            self._server.service_actions()
        if isinstance(self._server.outcome, CredentialsError):
            raise self._server.outcome
        return self._server.outcome


class _Server(ThreadingTCPServer):
    """A server with a thread for each connection, because browsers open idle ones.

    Neither many connections nor slow ones can lock the browser out. Beyond
    ``_MOST_CONNECTIONS``, a new connection closes the oldest. Each connection is closed after
    ``_REQUEST_TIMEOUT`` seconds, even if bytes still arrive.
    """

    daemon_threads = True
    request_queue_size = 2 * _MOST_CONNECTIONS

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        self.outcome: str | CredentialsError | None = None
        self._open: dict[socket.socket, float] = {}  # time of accept, oldest first

    @property
    def authority(self) -> str:
        """The host and port of the redirect URI, which a browser sends as its Host header."""
        return f"127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a new thread. Called in the waiting thread."""
        oldest = next(iter(list(self._open)), None)
        if oldest is not None and len(self._open) >= _MOST_CONNECTIONS:
            self._drop(oldest)
        self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Drop the connections whose time is over."""
        for connection, accepted in list(self._open.items()):
            if time.monotonic() - accepted > _REQUEST_TIMEOUT:
                self._drop(connection)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ends. Called in the connection's thread."""
        self._open.pop(request, None)
        super().shutdown_request(request)

    def _drop(self, connection: socket.socket) -> None:
        """End a connection. Its thread then reads EOF and closes the socket."""
        self._open.pop(connection, None)
        with contextlib.suppress(OSError):  # the peer was faster
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log an error without the request, which contains the code."""
        logger.debug("A browser's connection broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _REQUEST_TIMEOUT

    def do_GET(self) -> None:
        if self.headers.get_all("Host") != [self.server.authority]:
            # Another name for 127.0.0.1 is an attack by DNS rebinding.
            self._answer(421, "Wrong host", "This server is called 127.0.0.1 only.")
            return
        try:
            parts = urlsplit(self.path)
            fields = parse_qs(parts.query, max_num_fields=_MOST_PARAMETERS)
        except ValueError:
            self._answer(400, "Bad request", "The request cannot be parsed.")
            return
        if parts.path != _PATH:
            self._answer(404, "Not found", "This server only receives the result of a login.")
            return
        query = {name: values[0] for name, values in fields.items() if len(values) == 1}
        error = query.get("error")
        # Any page can send a browser here. Only the service knows the state.
        if not hmac.compare_digest(query.get("state", "").encode(), self.server.state.encode()):
            self._answer(
                400,
                "This is another login",
                "Its state does not match. The terminal still waits for yours; "
                "press Ctrl-C there to cancel it.",
            )
        elif error:
            words = " ".join(f"{error}: {query.get('error_description', '')}".split())
            self._end(
                CredentialsError(
                    f"The login was refused ({words.rstrip(': .')[:_QUOTE_MAX]})",
                    "Log in again, and allow the access that the page asks for",
                ),
                "Not logged in",
                "You can close this page. The terminal shows the reason.",
            )
        elif query.get("code"):
            self._end(
                query["code"],
                "Almost done",
                "You can close this page and return to the terminal.",
            )
        else:
            self._answer(400, "Bad request", "The request has no code.")

    def _end(self, outcome: str | CredentialsError, title: str, text: str) -> None:
        try:
            self._answer(200, title, text)
        finally:  # after the page: the process may end as soon as there is an outcome
            self.server.outcome = self.server.outcome or outcome  # the first one counts

    def _answer(self, status: int, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "devenv-connector"

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a request line contains the code."""
