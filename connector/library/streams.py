"""A target's SSH server as a stream for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from ..datachannel.limits import DEFAULT_PAYLOAD_SIZE
from ..errors import ConnectorError, SessionEnded
from ..sessions import Waiting
from ..transport.liveness import PING_INTERVAL
from .carrier import WAIT, Carrier, Options, query_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Bytes that a read returns at most by default.
_CHUNK = 64 * 1024


def connect(
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
) -> Connecting:
    """Start a session of a target, and open a stream to its SSH server.

    ``async with connect(…) as stream:`` closes the stream at the end; ``await connect(…)`` leaves
    that to the caller. Both return when the agent has opened the stream. After a cancellation
    neither a session nor a thread is left; the cleanup takes 3 seconds at most.

    The parameters and errors are those of :func:`connector.open_socket`; ``on_waiting`` is
    called in the task that waits.

    :raises ConfigError: at once, when a number is out of its range.
    """
    query = query_of(name, space, project, region, profile, endpoint_url)
    return Connecting(Options(query, start, wait, ping_interval, payload_size), on_waiting)


class Connecting:
    """The result of :func:`connect`. Nothing begins before it is awaited or entered."""

    def __init__(self, options: Options, on_waiting: Callable[[Waiting], None] | None) -> None:
        self._options = options
        self._on_waiting = on_waiting

    def __await__(self) -> Generator[None, None, Stream]:
        return self._open().__await__()

    async def __aenter__(self) -> Stream:
        self._stream = await self._open()
        return self._stream

    async def __aexit__(self, *details: object) -> None:
        await self._stream.close()

    async def _open(self) -> Stream:
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[Waiting | None] = asyncio.Queue()

        def tell(item: Waiting | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(news.put_nowait, item)

        carrier = Carrier(self._options, tell)
        stream = Stream(carrier)
        try:
            carrier.begin()
            while (waiting := await news.get()) is not None:
                if self._on_waiting:
                    self._on_waiting(waiting)
            carrier.raise_unless_opened()
        except BaseException:
            await stream.close()
            raise
        return stream


class Stream:
    """A stream of bytes to and from the SSH server of a target, for one event loop.

    The stream has back-pressure: the far end stops when the program does not read, and ``write``
    waits while buffers are full. One task may read while another writes.
    """

    def __init__(self, carrier: Carrier) -> None:
        self._loop = asyncio.get_running_loop()
        self._carrier = carrier
        # A stream that is garbage-collected closes this socket, which ends the session.
        self._socket = socket.socket(fileno=carrier.near.detach())
        self._socket.setblocking(False)
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()
        self._closed = False

    @property
    def error(self) -> ConnectorError | None:
        """The failure that ended the stream, or None."""
        return self._carrier.error

    async def read(self, limit: int = _CHUNK) -> bytes:
        """Return the next bytes, ``limit`` at most; ``b""`` when the far end has closed.

        A cancelled read has consumed nothing.

        :raises ConnectorError: when the stream has failed, after the last byte that arrived.
        :raises ValueError: when the stream is closed, or the limit is not positive.
        """
        if limit < 1:
            raise ValueError("a read takes at least one byte")
        async with self._reading:
            await self._let_others_run()
            while True:
                try:
                    data = self._socket.recv(limit)
                except BlockingIOError:
                    await self._until(self._loop.add_reader, self._loop.remove_reader)
                    continue
                except ConnectionResetError:  # the stream ended before all written bytes were read
                    data = b""
                if not data:
                    self._carrier.raise_failure()
                return data

    async def write(self, data: ReadableBuffer) -> None:
        """Queue bytes for delivery, in order.

        A cancelled write may have queued some of the bytes.

        :raises ConnectorError: when the stream has ended, with the reason if it failed.
        :raises ValueError: when the stream is closed.
        """
        async with self._writing:
            await self._let_others_run()
            rest = memoryview(data).cast("B")
            while rest:
                sent = self._send(rest)
                if not sent:
                    await self._until(self._loop.add_writer, self._loop.remove_writer)
                rest = rest[sent:]

    async def close(self) -> None:
        """End the session, and wait until it has ended at the service, for 3 seconds at most.

        Queued bytes are delivered first, as far as the far end accepts them in that time. A task
        that reads gets ``b""``. A second call only waits.
        """
        if not self._closed:
            self._closed = True
            self._carrier.end()
            try:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # wakes tasks that read or write
                async with self._reading, self._writing:
                    pass
            finally:
                self._socket.close()
        await asyncio.wrap_future(self._carrier.ended)
        self._carrier.wait_ended()  # until the thread has ended

    def _send(self, data: memoryview) -> int:
        """Return how many bytes the socket has accepted."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            self._carrier.raise_failure()
            raise SessionEnded("the stream has ended, nothing can be written") from None

    async def _let_others_run(self) -> None:
        """Yield to other tasks: a fast far end must not keep the loop busy."""
        await asyncio.sleep(0)
        if self._closed:
            raise ValueError("the stream is closed")

    async def _until(
        self,
        watch: Callable[..., None],
        unwatch: Callable[[socket.socket], object],
    ) -> None:
        """Wait until the loop finds the socket ready."""
        ready = asyncio.Event()
        watch(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            unwatch(self._socket)
