"""Responses in HTTP/1.1, whole and in pieces, and malformed ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.aws.http import MAX_BODY, MAX_HEAD, BadResponse, Response, exchange, read_response
from connector.errors import ConnectFailed, ConnectorError, ServiceError

from .cloud import Cloud
from .helpers import Clock, make_sessions, refusal
from .peers import TlsPeer

OK = b"HTTP/1.1 200 OK\r\n"


def pieces(data: bytes, size: int) -> Callable[[], bytes]:
    """Return a function that returns the data in pieces of a size, and then EOF."""
    parts = iter([data[start : start + size] for start in range(0, len(data), size)])
    return lambda: next(parts, b"")


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", (200, "OK", b"{}")),
        (OK + b"content-length:2 \r\n\r\n{}HTTP/1.1 500", (200, "OK", b"{}")),
        (b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", (201, "", b"")),
        (b"HTTP/1.0 403 N\xe9 No\n\nuntil the end", (403, "N\xe9 No", b"until the end")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, "No Content", b"")),
        (
            b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 x\r\nA: b\r\n\r\n" + OK + b"\r\nx",
            (200, "OK", b"x"),
        ),
        (
            OK + b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n"
            b"0\r\nTrailer: x\r\n\r\n",
            (200, "OK", b"abc0123456789"),
        ),
    ],
)
def test_response_is_read(data: bytes, expected: tuple[int, str, bytes], size: int) -> None:
    answer = read_response(pieces(data, size))
    assert (answer.status, answer.reason, answer.body) == expected


def test_header_names_are_folded_and_repeated_headers_joined() -> None:
    answer = read_response(pieces(OK + b"X-Amzn-ErrorType: A:b\r\nTwo: 1\r\ntwo: 2\r\n\r\n", 9))
    assert answer.headers == {"x-amzn-errortype": "A:b", "two": "1, 2"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "is not HTTP"),
        (b"HTTP/2 200\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 99 x\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "another protocol"),
        (OK + b"nonsense\r\n\r\n", "malformed header"),
        (OK + b"A: b\r\n folded\r\n\r\n", "malformed header"),
        (OK + b"Blank : x\r\n\r\n", "malformed header"),
        (OK + b"Content-Length: -1\r\n\r\n", "malformed Content-Length"),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nxxx", "malformed Content-Length"),
        (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", "malformed Content-Length"),
        (OK + b"Content-Length: 1048577\r\n\r\n", "larger than 1 MiB"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "unknown transfer coding"),
        (
            OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
            "unknown transfer coding",
        ),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", "malformed chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "malformed chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 9 + b"\r\n", "malformed chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n100001\r\n", "larger than 1 MiB"),
    ],
)
def test_malformed_response_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(BadResponse, match=words):
        read_response(pieces(data, 65536))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200",
        OK + b"A: b\r\n",
        OK + b"Content-Length: 3\r\n\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
    ],
)
def test_truncated_response_is_a_broken_connection(data: bytes) -> None:
    with pytest.raises(ConnectionError):
        read_response(pieces(data, 65536))


@pytest.mark.parametrize(
    ("start", "filler", "words"),
    [
        (b"", b"x", "headers of more than 64 KiB"),
        (OK, b"A: b\r\n", "headers of more than 64 KiB"),
        (b"", b"HTTP/1.1 100 x\r\n\r\n", "headers of more than 64 KiB"),
        (OK + b"\r\n", b"x", "larger than 1 MiB"),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n",
            b"8000\r\n" + b"x" * 0x8000 + b"\r\n",
            "1 MiB",
        ),
    ],
)
def test_endless_response_is_refused_at_the_limit(start: bytes, filler: bytes, words: str) -> None:
    block = filler * max(1, 4096 // len(filler))
    received = 0
    waiting = [start] if start else []

    def receive() -> bytes:
        nonlocal received
        piece = waiting.pop() if waiting else block
        received += len(piece)
        return piece

    with pytest.raises(BadResponse, match=words):
        read_response(receive)
    assert received < MAX_HEAD + MAX_BODY + 2 * len(block)


def test_timeout_is_for_the_whole_response() -> None:
    """A peer that sends a byte now and then must not block us for ever."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(OK)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            exchange(ours, b"GET / HTTP/1.1\r\n\r\n", 0.1)
        assert time.monotonic() - began < 5
        assert theirs.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
        with pytest.raises(TimeoutError):
            exchange(ours, b"", 0)


def test_exchange_sends_a_request_and_returns_the_response() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(OK + b"Content-Length: 1\r\n\r\n1")
        assert exchange(ours, b"x", 5) == Response(200, "OK", {"content-length": "1"}, b"1")


class Answering(TlsPeer):
    """Answers each request by the same bytes and closes."""

    answer = b""

    def _handle(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as stream:
            self.requests.append(stream.recv(65536))
            stream.sendall(self.answer)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"", ConnectFailed, "The connection to localhost broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", ConnectFailed, "localhost broke"),
        (b"220 mail.example ESMTP\r\n", ServiceError, "The response from localhost is not HTTP"),
        (OK + b"Content-Length: 1048577\r\n\r\n", ServiceError, "is larger than 1 MiB"),
        (OK + b"Content-Length: 2\r\n\r\n[]", ServiceError, "is malformed"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://x\r\n\r\n", ServiceError, "(302 302)"),
        (b'HTTP/1.1 403 No\r\n\r\n{"__type": "a.b#Teapot:x"}', ConnectorError, "no access"),
    ],
)
def test_malformed_api_response_is_reported(
    cloud: Cloud,
    clock: Clock,
    tmp_path: Path,
    answer: bytes,
    kind: type[ConnectorError],
    words: str,
) -> None:
    peer = Answering(tmp_path, "localhost")
    peer.answer = answer
    with peer:
        url = f"https://localhost:{peer.port}"
        refused = refusal(make_sessions(cloud, clock, endpoint_url=url, ca_file=peer.ca_file))
        assert len(peer.requests) == 1  # the service may have started a session
    assert isinstance(refused, kind)
    assert words in str(refused)
    assert clock.pauses == []
