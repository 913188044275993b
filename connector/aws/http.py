"""One HTTP/1.1 exchange over a connected socket: as much of RFC 9112 as a JSON API needs.

The standard library's client takes as long to import as TLS takes to connect, and has no
deadline for a whole response.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable

from ..fast.records import NamedTuple

#: Limits in bytes, far above what an API sends: status line and headers, and body.
MAX_HEAD = 64 << 10
MAX_BODY = 1 << 20

#: Bytes of the largest body of a signed API: a page of 1000 machines in XML, each with many tags.
MAX_SIGNED_BODY = 16 << 20

# No regular expressions for what every response has: compiling them takes longer than parsing.
_VERSIONS = (b"HTTP/1.0", b"HTTP/1.1")
_NAME = frozenset(
    b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)  # RFC 9110, "token"
_CHUNK = rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?"


class BadResponse(Exception):
    """The peer sent no HTTP, or too much. The text ends a sentence about the response."""


class Response(NamedTuple):
    """A complete response. Header names are in lower case."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


def exchange(
    sock: socket.socket, request: bytes, timeout: float, max_body: int = MAX_BODY
) -> Response:
    """Send a request and read the response to it.

    :param timeout: seconds for both together.
    :param max_body: bytes of the largest body that is read.
    :raises TimeoutError: when the response is not complete in time.
    :raises OSError: when the connection breaks.
    :raises BadResponse: when the response breaks HTTP or a limit above.
    """
    deadline = time.monotonic() + timeout

    def limit() -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)

    def receive() -> bytes:
        limit()
        return sock.recv(65536)

    limit()
    sock.sendall(request)
    return read_response(receive, max_body)


def read_response(receive: Callable[[], bytes], max_body: int = MAX_BODY) -> Response:
    """Read the final response and skip interim ones (1xx).

    :param receive: return the next bytes; none when the connection has ended.
    :param max_body: bytes of the largest body that is read.
    :raises ConnectionError: when the connection ends within the response.
    :raises BadResponse: when the response breaks HTTP or a limit above.
    """
    reader = _Reader(receive, max_body)
    status = 100
    while status < 200:
        status, reason = _status(reader.line())
        headers = _headers(reader)
        if status == 101:
            raise BadResponse("switches to another protocol")
    return Response(status, reason, headers, _body(reader, status, headers))


class _Reader:
    """Cuts received bytes into lines and blocks."""

    def __init__(self, receive: Callable[[], bytes], max_body: int) -> None:
        self._receive = receive
        self.max_body = max_body
        self._buffer = bytearray()
        self._head_left = MAX_HEAD

    def line(self) -> bytes:
        while (end := self._buffer.find(b"\n", 0, self._head_left)) < 0:
            if len(self._buffer) >= self._head_left:
                raise BadResponse(f"has headers of more than {MAX_HEAD >> 10} KiB")
            self._more()
        self._head_left -= end + 1
        return self._take(end + 1).rstrip(b"\r\n")

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        return self._take(size)

    def rest(self) -> bytes:
        """Return everything up to the end of the connection."""
        while len(self._buffer) <= self.max_body:
            piece = self._receive()
            if not piece:
                return bytes(self._buffer)
            self._buffer += piece
        raise _too_large(self.max_body)

    def _more(self) -> None:
        piece = self._receive()
        if not piece:
            raise ConnectionAbortedError("closed before the end of the response")
        self._buffer += piece

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _status(line: bytes) -> tuple[int, str]:
    version, _, rest = line.partition(b" ")
    status, _, reason = rest.partition(b" ")
    if version not in _VERSIONS or len(status) != 3 or not status.isdigit():
        raise BadResponse("is not HTTP")
    if not b"100" <= status <= b"599":
        raise BadResponse("is not HTTP")
    return int(status), reason.decode("latin-1")


def _headers(reader: _Reader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := reader.line():
        before, colon, after = line.partition(b":")
        if not before or not colon or not _NAME.issuperset(before):
            raise BadResponse("has a malformed header")
        name, value = before.decode("ascii").lower(), after.strip(b" \t").decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body(reader: _Reader, status: int, headers: dict[str, str]) -> bytes:
    """Read a body by RFC 9112 section 6.3, for any method but HEAD and CONNECT."""
    if status in (204, 304):
        return b""
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise BadResponse("has an unknown transfer coding")
        return _chunks(reader)
    if length is None:
        return reader.rest()
    if not (length.isascii() and length.isdigit() and len(length) < 10):
        raise BadResponse("has a malformed Content-Length")
    if int(length) > reader.max_body:
        raise _too_large(reader.max_body)
    return reader.exactly(int(length))


def _chunks(reader: _Reader) -> bytes:
    body = bytearray()
    while True:
        match = re.fullmatch(_CHUNK, reader.line())
        if not match:
            raise BadResponse("has a malformed chunk")
        size = int(match[1], 16)
        if size == 0:
            _headers(reader)  # the trailer section
            return bytes(body)
        if len(body) + size > reader.max_body:
            raise _too_large(reader.max_body)
        body += reader.exactly(size)
        if reader.line():
            raise BadResponse("has a malformed chunk")


def _too_large(max_body: int) -> BadResponse:
    return BadResponse(f"is larger than {max_body >> 20} MiB")
