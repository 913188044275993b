"""The far ends of ``Port`` sessions: TCP connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from ...datachannel.messages import PayloadType
from ..agent.farend import Input, InputReceived, Opener, Owner

#: Returns a connected, non-blocking stream socket to the machine's port. Raises ``OSError`` if the
#: port refuses.
Dialer = Callable[[], Awaitable[socket.socket]]

#: The minimum of a read, for a read that has begun when reading stops.
_SMALLEST_READ = 1024
_LARGEST_READ = 256 * 1024


def tcp_dialer(port: int, host: str = "localhost") -> Dialer:
    """Return a dialer of a TCP port. Like the real agent it tries all addresses of ``host``."""

    async def connect() -> socket.socket:
        loop = asyncio.get_running_loop()
        refusal = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in await loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setblocking(False)
                await loop.sock_connect(connection, address)
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError):
                    raise
                refusal = error
            else:
                return connection
        raise refusal

    return connect


def port_opener(dialer: Dialer) -> Opener:
    """Return an opener of far ends that are connections of this dialer."""

    async def open_port(owner: Owner) -> None:
        connection = await dialer()
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: _Port(owner), sock=connection)
        except BaseException:
            connection.close()
            raise

    return open_port


class _Port(asyncio.BufferedProtocol):
    """The connection to the port. It reads at most the owner's capacity."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._buffer = memoryview(bytearray(_LARGEST_READ))
        self.lost = asyncio.Event()

    def take(self, event: Input) -> None:
        assert isinstance(event, InputReceived)
        self.transport.write(event.data)

    def set_reading(self, reading: bool) -> None:
        if reading != self.transport.is_reading() and not self.transport.is_closing():
            if reading:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def close(self) -> None:
        self.transport.close()

    def abort(self) -> None:
        if not self.lost.is_set():
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._owner.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[: max(_SMALLEST_READ, self._owner.capacity())]

    def buffer_updated(self, nbytes: int) -> None:
        self._owner.received(self._buffer[:nbytes], PayloadType.OUTPUT)

    def pause_writing(self) -> None:
        self._owner.full(True)

    def resume_writing(self) -> None:
        self._owner.full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        # asyncio does not resume here, and the agent has to read the acks of the last output.
        self._owner.full(False)
        self._owner.closed(None)
