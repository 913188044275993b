"""A listening socket that can close every connection that it has accepted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import weakref
from typing import Any

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
