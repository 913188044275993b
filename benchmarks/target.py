"""The port behind the session: greets like an SSH server, then does what it is asked."""

from __future__ import annotations

import contextlib
import socket
import threading

GREETING = b"SSH-2.0-benchmark\r\n"
CHUNK = 256 * 1024


class Target:
    """A TCP server. The first line after the greeting asks for one thing:

    ``upload N``: read N bytes, then answer ``.``; ``download N``: send N bytes;
    ``echo``: send everything back.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(GREETING)
            line = b""
            while not line.endswith(b"\n"):
                byte = connection.recv(1)
                if not byte:
                    return
                line += byte
            words = line.split()
            if words[0] == b"upload":
                left = int(words[1])
                while left > 0:
                    data = connection.recv(CHUNK)
                    if not data:
                        return
                    left -= len(data)
                connection.sendall(b".")
            elif words[0] == b"download":
                block = bytes(CHUNK)
                left = int(words[1])
                while left > 0:
                    connection.sendall(block[: min(left, CHUNK)])
                    left -= CHUNK
            while data := connection.recv(CHUNK):
                if words[0] == b"echo":
                    connection.sendall(data)
