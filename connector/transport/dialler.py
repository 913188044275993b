"""Dialling without blocking the loop: a thread does it, the loop learns how it went."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ..datachannel.channel import DEFAULT_PAYLOAD_SIZE
from ..errors import ConnectFailed
from .address import StreamAddress, check_stream_url
from .dial import dial, tls_context
from .liveness import PING_INTERVAL
from .loop import Loop

#: Seconds to connect to the gateway: DNS, TCP, proxy and TLS.
DIAL_TIMEOUT = 6.0

logger = logging.getLogger(__name__)

OnSocket = Callable[[StreamAddress, socket.socket], None]
OnError = Callable[[BaseException], None]


@dataclass(frozen=True)
class DialSettings:
    """How hosts are reached, and what the stream is made of.

    :param endpoint_overridden: the user named an API of their own, see ``address``.
    :param ca_bundle: path of the CA certificates to trust; ``None``: the system's.
    :param ping_interval: seconds between the signs of life that we ask for.
    :param payload_size: bytes of a message of input, see ``DataChannel``.
    """

    endpoint_overridden: bool = False
    ca_bundle: str | None = None
    ping_interval: float = PING_INTERVAL
    payload_size: int = DEFAULT_PAYLOAD_SIZE

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The one TLS context of API and stream: to load the CA certificates takes 25 ms.

        :raises ConfigError: when the bundle cannot be read.
        """
        return tls_context(self.ca_bundle)

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A TLS connection to any host; blocks. See :func:`dial`."""
        return dial(host, port, self.context, timeout)


class _Attempt:
    """One dial. Its socket has one owner at any time: the thread, this, or who took it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = True
        self._socket: socket.socket | None = None

    def give(self, sock: socket.socket) -> None:
        """The thread hands its socket over; one that nobody wants any more is closed."""
        with self._lock:
            if self._wanted:
                self._socket = sock
                return
        sock.close()

    def take(self) -> tuple[bool, socket.socket | None]:
        """Whether the outcome is still wanted, and the socket; afterwards it is not."""
        with self._lock:
            wanted, self._wanted = self._wanted, False
            sock, self._socket = self._socket, None
        return wanted, sock


class Dialler:
    """One attempt at a time; a cancelled one reports nothing and leaks nothing."""

    def __init__(self, loop: Loop, settings: DialSettings) -> None:
        self._loop = loop
        self._settings = settings
        self._attempt = _Attempt()

    def dial(self, stream_url: str, timeout: float, on_socket: OnSocket, on_error: OnError) -> None:
        """Connect, and tell ``on_socket(address, socket)`` or ``on_error(error)``.

        :param timeout: seconds for all of it, if these are fewer than DIAL_TIMEOUT.
        :raises ServiceError: at once, when the URL must not be dialled.
        """
        address = check_stream_url(
            stream_url, endpoint_overridden=self._settings.endpoint_overridden
        )
        timeout = max(0.1, min(DIAL_TIMEOUT, timeout))
        logger.info("dialling %s:%d", address.host, address.port)
        self.cancel()
        attempt = self._attempt = _Attempt()

        def finished(_: None, error: BaseException | None) -> None:
            wanted, sock = attempt.take()
            if not wanted:
                return
            if sock:
                on_socket(address, sock)
            else:
                on_error(error or ConnectFailed("there is no connection"))

        # A resolver knows no deadline: beyond ours its thread is left behind.
        self._loop.call_at(
            self._loop.time() + timeout,
            lambda: finished(
                None,
                ConnectFailed(
                    f"{address.host} cannot be reached: a name is not resolved in time",
                    "Check the network and DNS",
                ),
            ),
        )
        self._loop.run_in_thread(
            lambda: attempt.give(self._connect(address, 0.95 * timeout)), finished
        )

    def cancel(self) -> None:
        _, sock = self._attempt.take()
        if sock:
            sock.close()

    def _connect(self, address: StreamAddress, timeout: float) -> socket.socket:
        context = self._settings.context if address.secure else None
        return dial(address.host, address.port, context, timeout)
