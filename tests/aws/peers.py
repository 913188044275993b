"""Misbehaving servers, each in a thread of its own."""

from __future__ import annotations

import base64
import contextlib
import datetime
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import trustme

WAIT = 10  # seconds for a thread to end


def _serve(listener: socket.socket, handle: Callable[[socket.socket], None]) -> threading.Thread:
    """Handle one connection after the other until the listener is shut down."""

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                handle(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _close(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected, on macOS
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@contextlib.contextmanager
def listening(
    *, backlog: int | None = None, answer: bytes = b""
) -> Iterator[tuple[list[bytes], int]]:
    """Listen on a TCP port; yield what each connection sent, and the port.

    :param backlog: if given, no connection is accepted.
    :param answer: sent after the first bytes; then the connection is closed.
    """
    received: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        received.append(connection.recv(65536))
        connection.sendall(answer)

    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    thread = None if backlog is not None else _serve(listener, handle)
    try:
        yield received, listener.getsockname()[1]
    finally:
        _close(listener)
        if thread is not None:
            thread.join(WAIT)


class TlsPeer:
    """A TLS server with a certificate of its own that reads a request.

    ``silent``: does not answer and waits for the client to close. ``impatient``: closes right
    after the handshake. ``connections``: the number of connections so far.
    """

    def __init__(self, directory: Path, name: str, *, expired: bool = False) -> None:
        authority = trustme.CA()
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
        certificate = authority.issue_cert(name, not_after=past if expired else None)
        self.ca_file = directory / "peer-ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.context)
        self.silent = self.impatient = False
        self.connections = 0
        self.requests: list[bytes] = []
        self._served = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = _serve(self._listener, self._handle)

    def wait_served(self) -> None:
        """Wait until one more connection has ended."""
        assert self._served.acquire(timeout=WAIT)

    def _handle(self, connection: socket.socket) -> None:
        try:
            self._answer(connection)
        finally:
            connection.close()
            self._served.release()

    def _answer(self, connection: socket.socket) -> None:
        self.connections += 1  # before the handshake, because the client sees its end first
        with self.context.wrap_socket(connection, server_side=True) as stream:
            if self.impatient:
                return
            self.requests.append(stream.recv(65536))
            while self.silent and stream.recv(65536):
                pass

    def __enter__(self) -> TlsPeer:
        return self

    def __exit__(self, *details: object) -> None:
        _close(self._listener)
        self._thread.join(WAIT)


class ConnectProxy:
    """An HTTP proxy for CONNECT.

    :param login: the ``user:password`` that it requires.
    :param refuse: a status line to answer with instead of connecting.
    """

    def __init__(self, login: str | None = None, refuse: str | None = None) -> None:
        self.targets: list[str] = []
        self._login = login
        self._refuse = refuse
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = _serve(self._listener, self._hand_over)

    def _hand_over(self, client: socket.socket) -> None:
        """Serve a client in a thread, so that others can connect meanwhile."""
        threading.Thread(target=self._serve_one, args=(client.dup(),), daemon=True).start()

    def _serve_one(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self._handle(client)

    def _handle(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = client.recv(65536)
            if not chunk:
                return
            head += chunk
        method, target, _ = head.split(b" ", 2)
        assert method == b"CONNECT"
        self.targets.append(target.decode())
        if self._refuse is not None:
            client.sendall(f"HTTP/1.1 {self._refuse}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        if self._login is not None:
            wanted = b"Proxy-Authorization: Basic " + base64.b64encode(self._login.encode())
            if wanted.lower() not in head.lower():
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
        host, _, port = target.decode().rpartition(":")
        with socket.create_connection((host, int(port)), WAIT) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(client, server)

    def __enter__(self) -> ConnectProxy:
        return self

    def __exit__(self, *details: object) -> None:
        _close(self._listener)
        self._thread.join(WAIT)


def _relay(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                chunk = key.fileobj.recv(65536)
                if not chunk:
                    return
                key.data.sendall(chunk)
