"""Dialler: connects to the gateway in a thread, and calls back in the loop."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable

from ..errors import ConnectFailed
from ..fast.logs import Logger
from .address import StreamAddress, StreamSettings
from .dial import dial
from .loop import Loop

#: Seconds to connect to the gateway: DNS, TCP, proxy and TLS.
DIAL_TIMEOUT = 6.0

logger = Logger(__name__)

OnSocket = Callable[[socket.socket], None]
OnError = Callable[[BaseException], None]


class _Attempt:
    """One dial. Its socket has one owner at any time: thread, attempt, or the caller of take()."""

    def __init__(self, address: StreamAddress) -> None:
        self.address = address
        self.done = False
        self.error: BaseException | None = None
        self.on_done: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._wanted = True
        self._socket: socket.socket | None = None

    def give(self, sock: socket.socket) -> None:
        """Take over the thread's socket. It is closed if the attempt was cancelled."""
        with self._lock:
            if self._wanted:
                self._socket = sock
                return
        sock.close()

    def finish(self, _: None, error: BaseException | None) -> None:
        """Note the outcome and call back; called in the loop when the thread has finished."""
        self.done, self.error = True, error
        if self.on_done:
            self.on_done()

    def take(self) -> tuple[bool, socket.socket | None]:
        """Return whether the outcome was still wanted, and the socket. It can be taken once."""
        with self._lock:
            wanted, self._wanted = self._wanted, False
            sock, self._socket = self._socket, None
        return wanted, sock

    def cancel(self) -> bool:
        """Cancel the attempt. Return whether its outcome was still wanted."""
        wanted, sock = self.take()
        if sock:
            sock.close()
        return wanted


class Dialler:
    """Dials one address at a time. A cancelled attempt calls back no more and leaks nothing.

    :ivar ahead: whether the last socket was dialled ahead, before the session was started.
    """

    def __init__(self, loop: Loop, settings: StreamSettings) -> None:
        self.ahead = False
        self._loop = loop
        self._settings = settings
        self._attempt: _Attempt | None = None

    def dial_ahead(self) -> None:
        """Connect to the likely gateway, by TCP and TLS, and send nothing.

        A guess that is wrong or that fails is dropped.
        """
        address = self._settings.guess()
        if address is None:
            return
        self.cancel()  # an earlier guess, if the target took long to start
        logger.info("dialling %s:%d ahead", address.host, address.port)
        self._attempt = self._begin(address, DIAL_TIMEOUT)

    def dial(
        self, address: StreamAddress, timeout: float, on_socket: OnSocket, on_error: OnError
    ) -> None:
        """Connect, and call ``on_socket(socket)`` or ``on_error(error)``.

        :param timeout: seconds for all steps, at most DIAL_TIMEOUT.
        """
        timeout = max(0.1, min(DIAL_TIMEOUT, timeout))
        deadline = self._loop.time() + timeout
        attempt = self._ahead_of(address)
        self.ahead = attempt is not None
        if attempt is None:
            logger.info("dialling %s:%d", address.host, address.port)
            self.cancel()
            attempt = self._begin(address, timeout)
        self._attempt = attempt

        def finished() -> None:
            wanted, sock = attempt.take()
            if not wanted:
                return
            if sock and not (self.ahead and _is_closed(sock)):
                on_socket(sock)
            elif self.ahead:
                if sock:
                    sock.close()
                self.dial(address, deadline - self._loop.time(), on_socket, on_error)
            else:
                on_error(attempt.error or ConnectFailed("the dial gave no connection"))

        def timed_out() -> None:
            if attempt.cancel():
                on_error(
                    ConnectFailed(
                        f"{address.host} cannot be reached: a name was not resolved in time",
                        "Check the network and DNS",
                    )
                )

        # A resolver knows no deadline, so after this one its thread is left behind.
        self._loop.call_at(deadline, timed_out)
        attempt.on_done = finished
        if attempt.done:
            self._loop.call_soon(finished)

    def cancel(self) -> None:
        if self._attempt:
            self._attempt.cancel()
            self._attempt = None

    def _ahead_of(self, address: StreamAddress) -> _Attempt | None:
        """Return the attempt that was made ahead, if it leads there and is unused."""
        attempt = self._attempt
        if attempt is None or attempt.on_done is not None:
            return None
        ours = (address.secure, address.host, address.port)
        made = (attempt.address.secure, attempt.address.host, attempt.address.port)
        return attempt if made == ours else None

    def _begin(self, address: StreamAddress, timeout: float) -> _Attempt:
        attempt = _Attempt(address)
        self._loop.run_in_thread(
            lambda: attempt.give(self._connect(address, 0.95 * timeout)), attempt.finish
        )
        return attempt

    def _connect(self, address: StreamAddress, timeout: float) -> socket.socket:
        if address.secure:
            return self._settings.trust.connect(address.host, address.port, timeout)
        return dial(address.host, address.port, None, timeout)


def _is_closed(sock: socket.socket) -> bool:
    """Return whether the peer has closed a connection that is still unused."""
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True  # it is at its end, or the peer sent bytes unasked
