"""A Dev Environment's SSH server as a connected socket, for programs without asyncio."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, NoReturn

from ..datachannel.limits import DEFAULT_PAYLOAD_SIZE
from ..errors import ConnectorError
from ..sessions import Waiting
from ..transport.liveness import PING_INTERVAL
from .carrier import Carrier
from .options import WAIT, Options, query_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


def open_socket(
    name: str,
    *,
    space: str | None = None,
    project: str | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
    start: bool = True,
    wait: float = WAIT,
    ping_interval: float = PING_INTERVAL,
    payload_size: int = DEFAULT_PAYLOAD_SIZE,
    on_waiting: Callable[[Waiting], None] | None = None,
) -> TunnelSocket:
    """Start a session of a Dev Environment; a socket that is connected to its SSH server.

    Blocks until the agent has opened the stream, for 12 seconds at most where the Dev
    Environment runs. What is left out comes from the variables that ``connector proxy`` reads.

    :param name: the Dev Environment's, as ``ssh`` is called with it.
    :param space: its space's name, where ``name`` does not say it; ``project`` likewise.
    :param profile: the profile of ``~/.aws/config`` whose login is used.
    :param endpoint_url: of another CodeCatalyst API.
    :param start: whether a Dev Environment that is stopped is started.
    :param wait: seconds until it has to run, 1 to 3600.
    :param ping_interval: seconds between the signs of life that the gateway is asked for, 1
        to 3600; after 2.25 times that of silence the connection is made anew.
    :param payload_size: bytes of the largest messages to send, 1 to 65536.
    :param on_waiting: is called here, in the caller's thread, about once a second while the
        Dev Environment does not run yet. What it raises ends the start and is raised.
    :raises ConnectorError: with the reason when there is no stream; its subclasses say which.
    """
    query = query_of(name, space, project, profile, endpoint_url)
    news: SimpleQueue[Waiting | None] = SimpleQueue()
    carrier = Carrier(Options(query, start, wait, ping_interval, payload_size), news.put)
    stream = TunnelSocket(carrier)
    try:
        carrier.begin()
        while (waiting := news.get()) is not None:
            if on_waiting:
                on_waiting(waiting)
        carrier.raise_unless_opened()
    except BaseException:
        stream.close()
        stream.wait_closed()
        raise
    return stream


class TunnelSocket(socket.socket):
    """A socket as any other, connected to the SSH server of a Dev Environment.

    Where the stream fails, ``recv`` raises the :class:`ConnectorError` that says why, after
    the last byte that came; a far end that closes reads as ``b""``. So do ``send`` and its kin.
    """

    def __init__(self, carrier: Carrier) -> None:
        near = carrier.near
        super().__init__(near.family, near.type, near.proto, fileno=near.detach())
        self._carrier = carrier

    @property
    def error(self) -> ConnectorError | None:
        """What has ended the stream, if it was a failure; for when a library hides it."""
        return self._carrier.error

    def wait_closed(self) -> None:
        """Wait until the session has ended at the service: after ``close``, 3 s at most."""
        self._carrier.wait_ended()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        try:
            data = super().recv(bufsize, flags)
        except ConnectionResetError:  # it ended before all that was written was taken
            data = b""
        if not data and bufsize:
            self._carrier.raise_failure()
        return data

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        try:
            count = super().recv_into(buffer, nbytes, flags)
        except ConnectionResetError:
            count = 0
        if not count:
            self._carrier.raise_failure()
        return count

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        try:
            return super().send(data, flags)
        except (BrokenPipeError, ConnectionResetError):
            self._carrier.raise_failure()
            raise

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        try:
            super().sendall(data, flags)
        except (BrokenPipeError, ConnectionResetError):
            self._carrier.raise_failure()
            raise

    def dup(self) -> NoReturn:
        """:raises NotImplementedError: always: ``close`` ends the session for all copies."""
        raise NotImplementedError("a TunnelSocket cannot be duplicated")

    def __exit__(self, *details: object) -> None:
        self.close()
        self.wait_closed()

    def _real_close(self) -> None:
        """What ``close`` comes to once no file that ``makefile`` made is open any more."""
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)  # wakes a thread that sits in recv
        super()._real_close()  # type: ignore[misc]  # as ssl.SSLSocket does
        self._carrier.end()
