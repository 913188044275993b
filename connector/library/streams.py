"""A Dev Environment's SSH server as a stream for asyncio."""

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
from .carrier import Carrier
from .options import WAIT, Options, query_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Bytes that a read gives at most, unless it says.
_CHUNK = 64 * 1024


def connect(
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
) -> Connecting:
    """Start a session of a Dev Environment, and a stream to its SSH server.

    ``async with connect(…) as stream:`` closes it at the end; ``await connect(…)`` leaves that
    to you. Either goes on when the agent has opened the stream. Cancelled, it has left
    neither a session nor a thread when the cancellation comes out, within 3 seconds.

    The parameters and errors are those of :func:`connector.open_socket`; ``on_waiting`` is
    called in the task that waits.

    :raises ConfigError: at once, when a number is out of its range.
    """
    query = query_of(name, space, project, profile, endpoint_url)
    return Connecting(Options(query, start, wait, ping_interval, payload_size), on_waiting)


class Connecting:
    """What :func:`connect` returns: to be awaited, or entered. Nothing has begun before."""

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
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
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
    """Bytes to and from the SSH server of a Dev Environment; one event loop's own.

    Nothing is kept on the way: who does not read stops the far end, and a ``write`` that
    finds no room waits. One task may read while another writes.
    """

    def __init__(self, carrier: Carrier) -> None:
        self._loop = asyncio.get_running_loop()
        self._carrier = carrier
        # Ours alone: a stream that is dropped closes it, and so ends the session.
        self._socket = socket.socket(fileno=carrier.near.detach())
        self._socket.setblocking(False)
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()
        self._closed = False

    @property
    def error(self) -> ConnectorError | None:
        """What has ended the stream, if it was a failure."""
        return self._carrier.error

    async def read(self, limit: int = _CHUNK) -> bytes:
        """What has come, ``limit`` bytes at most; ``b""`` when the far end has closed.

        Cancelled, it has taken nothing.

        :raises ConnectorError: when the stream has failed, after the last byte that came.
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
                except ConnectionResetError:  # it ended before all that was written was taken
                    data = b""
                if not data:
                    self._carrier.raise_failure()
                return data

    async def write(self, data: ReadableBuffer) -> None:
        """Hand bytes over, in order; not yet the word that they were delivered.

        Cancelled, it may have handed over a part.

        :raises ConnectorError: when the stream has ended; with the reason, if it failed.
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
        """End the session, and wait until it has ended at the service: 3 seconds at most.

        What was written is delivered before, as far as the far end takes it in that time. A
        task that reads meanwhile gets ``b""``. Called again, it only waits.
        """
        if not self._closed:
            self._closed = True
            self._carrier.end()
            try:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever reads or writes
                async with self._reading, self._writing:
                    pass
            finally:
                self._socket.close()
        await asyncio.wrap_future(self._carrier.ended)
        self._carrier.wait_ended()  # for the last steps of its thread

    def _send(self, data: memoryview) -> int:
        """How many bytes found room."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            self._carrier.raise_failure()
            raise SessionEnded("the stream has ended, nothing can be written") from None

    async def _let_others_run(self) -> None:
        """A far end that is as fast as we are must not keep the loop for itself."""
        await asyncio.sleep(0)
        if self._closed:
            raise ValueError("the stream is closed")

    async def _until(
        self,
        watch: Callable[..., None],
        unwatch: Callable[[socket.socket], object],
    ) -> None:
        """Until the loop finds the socket ready."""
        ready = asyncio.Event()
        watch(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            unwatch(self._socket)
