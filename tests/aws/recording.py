"""A server that records requests, so that those of two clients can be compared."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .peers import TlsPeer

#: The headers to compare. The others are about the connection, or name the client and its tries.
MATTER = ("host", "authorization", "content-type", "content-length", "accept-encoding")


@dataclass(frozen=True)
class Request:
    """A request as it is compared with others."""

    line: str
    headers: dict[str, str]
    body: Any


class Recorder(TlsPeer):
    """Records requests, and answers each with the same body."""

    def __init__(self, directory: Path, answer: bytes) -> None:
        super().__init__(directory, "localhost")
        self._answer_body = answer

    def _handle(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as stream:
            self.requests.append(read_whole(stream))
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self._answer_body)}\r\n\r\n"
            stream.sendall(head.encode() + self._answer_body)


def read_whole(stream: ssl.SSLSocket) -> bytes:
    """Return a whole request with a body of a known length."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += stream.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    while len(body) < int(_headers(head).get("content-length", "0")):
        body += stream.recv(65536)
    return head + b"\r\n\r\n" + body


def _headers(head: bytes) -> dict[str, str]:
    pairs = [line.split(": ", 1) for line in head.decode("ascii").split("\r\n")[1:]]
    return {name.lower(): value for name, value in pairs}


def read(request: bytes, matter: tuple[str, ...] = MATTER) -> Request:
    """Return a request with those of its headers that matter."""
    head, _, body = request.partition(b"\r\n\r\n")
    headers = _headers(head)
    return Request(
        head.split(b"\r\n", 1)[0].decode("ascii"),
        {name: headers[name] for name in matter if name in headers},
        json.loads(body) if body else None,
    )
