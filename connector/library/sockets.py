"""A target's SSH server as a connected socket, for programs without asyncio."""

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
from .carrier import WAIT, Carrier, Options, query_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


def open_socket(
    name: str,
    *,
    space: str | None = None,
    project: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
    start: bool | None = None,
    wait: float = WAIT,
    ping_interval: float = PING_INTERVAL,
    payload_size: int = DEFAULT_PAYLOAD_SIZE,
    on_waiting: Callable[[Waiting], None] | None = None,
) -> TunnelSocket:
    """Start a session of a target, and return a socket that is connected to its SSH server.

    Block until the agent has opened the stream, for 12 seconds at most if the target runs. The
    variables that ``connector proxy`` reads stand in for arguments that are left out.

    :param name: the target's name, as ``ssh`` is called with it.
    :param space: the name of the target's space, unless ``name`` has it; ``project`` likewise.
    :param region: the Region of the target, unless ``name`` has it; only for kinds in Regions.
    :param profile: the profile of ``~/.aws/config`` whose login is used.
    :param endpoint_url: the URL of another API than the service's own.
    :param start: whether to start a target that is stopped; ``None``: if
        `connector ssh` would without --start.
    :param wait: seconds until the target has to run, 1 to 3600.
    :param ping_interval: seconds between two pings to the gateway, 1 to 3600. After 2.25 times
        that without an answer, the connection is made anew.
    :param payload_size: bytes of the largest messages to send, 1 to 65536.
    :param on_waiting: called in the caller's thread, about once a second until the target runs.
        An exception that it raises ends the start and passes through.
    :raises ConnectorError: when there is no stream; the subclass says why.
    """
    query = query_of(name, space, project, region, profile, endpoint_url)
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
    """A socket that is connected to the SSH server of a target.

    When the stream fails, ``recv`` and ``send`` raise a :class:`ConnectorError` with the reason,
    after the last byte that arrived. When the far end closes the stream, ``recv`` returns ``b""``.
    """

    def __init__(self, carrier: Carrier) -> None:
        near = carrier.near
        super().__init__(near.family, near.type, near.proto, fileno=near.detach())
        self._carrier = carrier

    @property
    def error(self) -> ConnectorError | None:
        """The failure that ended the stream, or None; for libraries that hide exceptions."""
        return self._carrier.error

    def wait_closed(self) -> None:
        """Wait until the session has ended at the service, at most 3 s after ``close``."""
        self._carrier.wait_ended()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        try:
            data = super().recv(bufsize, flags)
        except ConnectionResetError:  # the stream ended before all written bytes were read
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
        """Close the socket; ``close`` calls this once all files of ``makefile`` are closed."""
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)  # wakes a thread that blocks in recv
        super()._real_close()  # type: ignore[misc]  # as ssl.SSLSocket does
        self._carrier.end()
