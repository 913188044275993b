"""TCP connections that an SSH client forwards with ``ssh -L`` or ``ssh -D``, to loopback only."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

import paramiko

_logger = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
CONNECT_TIMEOUT = 5.0  # seconds
_CHUNK = 65536


class Forwarding:
    """One forwarded connection: a channel, a socket and a thread for each direction.

    :raises PermissionError: if ``host`` is not this machine.
    :raises OSError: if the connection fails.
    """

    def __init__(self, host: str, port: int) -> None:
        if host not in LOOPBACK:
            raise PermissionError(f"no forwarding to {host}")
        self._socket = socket.create_connection((host, port), CONNECT_TIMEOUT)
        self._socket.settimeout(None)
        self._threads: list[threading.Thread] = []
        self._ways_open = 2
        self._lock = threading.Lock()

    def start(self, channel: paramiko.Channel) -> None:
        """Start both directions. The socket is closed when both have ended."""
        for way in (self._to_channel, self._from_channel):
            thread = threading.Thread(target=self._run, args=(way, channel), daemon=True)
            thread.name = "ssh forwarding"
            self._threads.append(thread)
            thread.start()

    def hang_up(self) -> None:
        """Break the connection if it is open."""
        if not self._threads:
            self._socket.close()
            return
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            _logger.debug("the connection has ended already: %s", error)

    def join(self, timeout: float) -> None:
        """Wait for the threads, at most ``timeout`` seconds for each."""
        for thread in self._threads:
            thread.join(timeout)

    def _run(self, way: Callable[[paramiko.Channel], None], channel: paramiko.Channel) -> None:
        try:
            way(channel)
        except (OSError, EOFError) as error:
            _logger.debug("a forwarded connection broke: %s", error)
            channel.close()
            self.hang_up()
        with self._lock:
            self._ways_open -= 1
            last = not self._ways_open
        if last:
            channel.close()
            self._socket.close()

    def _to_channel(self, channel: paramiko.Channel) -> None:
        while data := self._socket.recv(_CHUNK):
            channel.sendall(data)
        channel.shutdown_write()

    def _from_channel(self, channel: paramiko.Channel) -> None:
        while data := channel.recv(_CHUNK):
            self._socket.sendall(data)
        self._socket.shutdown(socket.SHUT_WR)
