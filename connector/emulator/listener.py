"""A listening socket that can hang up on everybody it has let in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import weakref
from typing import Any

#: Nobody else's machine gets in.
HOST = "127.0.0.1"

#: Seconds that closing sockets may take on a busy machine.
HANG_UP_TIMEOUT = 2.0


class Listener(socket.socket):
    """Listens on loopback, and knows whom it has accepted.

    A server counts a connection only when its TLS handshake is done, and asyncio loses
    one that it has accepted in the very turn in which its server is closed. Both would
    outlive the event loop as leaks. So a server stops in this order: :meth:`accept_no_more`,
    whatever closes the server, :meth:`hang_up`.

    :param port: 0 for a free one.
    :raises OSError: when the port cannot be had.
    """

    def __init__(self, port: int) -> None:
        # Named, so that asyncio knows that what it accepts is TCP, and sets TCP_NODELAY.
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
            raise BlockingIOError  # as if nobody were there
        connection, address = super().accept()
        self._accepted.add(connection)
        return connection, address

    async def accept_no_more(self) -> None:
        """Leave who comes now to the backlog, and let the server take in who was accepted."""
        self._accepting = False
        await asyncio.sleep(0)

    async def hang_up(self) -> None:
        """Shut down what is still open, and let the event loop close it.

        To be called when the server has stopped: what it knows of, it has closed.
        """
        await asyncio.sleep(0)  # what was aborted closes now, with a reset where that was asked
        for connection in self._open():
            with contextlib.suppress(OSError):  # the peer was faster
                connection.shutdown(socket.SHUT_RDWR)
        deadline = asyncio.get_running_loop().time() + HANG_UP_TIMEOUT
        while self._open() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0)

    def _open(self) -> list[socket.socket]:
        return [connection for connection in self._accepted if connection.fileno() != -1]
