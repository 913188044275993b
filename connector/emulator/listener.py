"""What every server of the emulator listens with: a socket on loopback, and a certificate."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

#: Loopback only: no other machine can connect.
HOST = "127.0.0.1"

#: Seconds that closing sockets may take on a busy machine.
HANG_UP_TIMEOUT = 2.0


class Listener(socket.socket):
    """A socket that listens on loopback and remembers its connections.

    A server knows a connection only after its TLS handshake, and asyncio loses a connection
    that it accepts in the same turn in which its server is closed. Both would outlive the event
    loop. So a server stops in three steps: :meth:`accept_no_more`, its own close,
    :meth:`hang_up`.

    :param port: 0 for a free port.
    :raises OSError: if the port cannot be opened.
    """

    def __init__(self, port: int) -> None:
        # With the protocol given, asyncio recognises TCP and sets TCP_NODELAY.
        super().__init__(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._accepted: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._accepting = True
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind((HOST, port))
        except BaseException:
            self.close()
            raise

    @property
    def port(self) -> int:
        port: int = self.getsockname()[1]
        return port

    def accept(self) -> tuple[socket.socket, Any]:
        if not self._accepting:
            raise BlockingIOError  # as if no client were waiting
        connection, address = super().accept()
        self._accepted.add(connection)
        return connection, address

    async def accept_no_more(self) -> None:
        """Leave new connections in the backlog, and let the server see the accepted ones."""
        self._accepting = False
        await asyncio.sleep(0)

    async def hang_up(self) -> None:
        """Shut down all connections that are still open, and let the event loop close them.

        Call it after the server has stopped and has closed the connections that it knows.
        """
        await asyncio.sleep(0)  # aborted transports close now, some with a reset
        for connection in self._open():
            with contextlib.suppress(OSError):  # the peer has closed it first
                connection.shutdown(socket.SHUT_RDWR)
        deadline = asyncio.get_running_loop().time() + HANG_UP_TIMEOUT
        while self._open() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0)

    def _open(self) -> list[socket.socket]:
        return [connection for connection in self._accepted if connection.fileno() != -1]


HOST_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """A temporary CA and certificate, because bearer authentication needs TLS.

    They are the TLS settings of the servers and of their clients.

    :ivar ca_file: the CA that clients trust (PEM): botocore's ``verify=`` or ``AWS_CA_BUNDLE``.
    :ivar server_context: for any number of listeners.
    """

    ca_file: Path
    server_context: ssl.SSLContext


def make_certificates(directory: Path) -> Certificates:
    """Make a CA and a server certificate for :data:`HOST_NAMES`; write ca.pem and server.pem.

    server.pem holds a private key, and only its owner can read it. The CA's own key is never
    written, so no other certificates of this CA can exist.

    :param directory: created if missing; files of an earlier call are replaced.
    :raises OSError: if the directory cannot be written.
    """
    authority = trustme.CA()
    server = authority.issue_cert(*HOST_NAMES)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_file = directory / "ca.pem"
    server_file = directory / "server.pem"
    _write(ca_file, authority.cert_pem.bytes(), 0o644)
    _write(server_file, server.private_key_and_cert_chain_pem.bytes(), 0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server_file)
    return Certificates(ca_file, context)


def _write(path: Path, content: bytes, mode: int) -> None:
    # The file must be new, so that its mode applies from the first byte.
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
