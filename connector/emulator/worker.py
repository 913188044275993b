"""The sockets and clock of an emulated agent: dials the port and pumps its bytes."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Awaitable, Callable

from .agent import Agent
from .behaviour import AgentBehaviour
from .events import ClosePort, ConnectPort, Event, InputReceived

#: Connects to what a session's port stands for. The socket is a connected, non-blocking
#: stream; ``OSError`` means that the port refuses.
Target = Callable[[], Awaitable[socket.socket]]

#: Read at least so much, should a read already be under way when reading is stopped.
_SMALLEST_READ = 1024
_LARGEST_READ = 256 * 1024


def tcp_target(port: int, host: str = "localhost") -> Target:
    """A TCP service, as the real agent dials it; all addresses of ``host`` are tried."""

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


class Worker:
    """Runs one :class:`Agent` on the event loop.

    :param target: the port's far end.
    :param send: takes the frames of one batch, for the client.
    :param on_input_paused: called with ``True`` when the port takes no more bytes for now,
        and with ``False`` when it does again: stop, and go on, reading the client's link.
    :param on_ended: called once with the service's reason, when the agent is done.
    """

    def __init__(
        self,
        session_id: str,
        target: Target,
        *,
        port_number: int,
        behaviour: AgentBehaviour,
        rng: random.Random,
        send: Callable[[list[bytes]], None],
        on_input_paused: Callable[[bool], None],
        on_ended: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._target = target
        self._send = send
        self._on_input_paused = on_input_paused
        self._on_ended = on_ended
        now = self._loop.time()
        self._agent = Agent(
            session_id, port_number, behaviour, now=now, epoch=time.time() - now, rng=rng
        )
        self._timer: asyncio.TimerHandle | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._port: _Port | None = None
        self._output_paused = False
        self._closed = False

    def start(self) -> None:
        """Send the agent's first frames, and go on."""
        self._pump()

    def receive_frames(self, frames: list[bytes]) -> None:
        """Frames from the client, or from the service to the agent."""
        if not self._closed:
            self._handle(self._agent.receive_frames(frames, self._loop.time()))

    def pause_output(self, paused: bool) -> None:
        """Whether the link is full: the port is not read while it is."""
        self._output_paused = paused
        self._pump()

    def close(self) -> None:
        """Stop: no frame comes any more, and the port is closed once its bytes are written."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._dialling is not None:
            self._dialling.cancel()
        if self._port is not None:
            self._port.transport.close()

    def abort(self) -> None:
        """As :meth:`close`, but the bytes that the port did not take are lost."""
        self.close()
        if self._port is not None and not self._port.lost.is_set():
            self._port.transport.abort()

    async def wait_closed(self) -> None:
        """Until the port is closed; this may take for ever after a mere :meth:`close`."""
        if self._dialling is not None:
            await asyncio.wait([self._dialling])
        if self._port is not None:
            await self._port.lost.wait()

    # The port

    def port_connected(self, port: _Port) -> None:
        self._port = port
        self._agent.port_connected()
        self._pump()

    def port_capacity(self) -> int:
        return self._agent.output_capacity

    def port_received(self, data: memoryview) -> None:
        self._agent.send_output(data)
        self._pump()

    def port_full(self, full: bool) -> None:
        if not self._closed:
            self._on_input_paused(full)

    def port_lost(self) -> None:
        self._agent.port_closed(self._loop.time())
        self._pump()

    async def _dial(self) -> None:
        try:
            connection = await self._target()
        except OSError:
            self._agent.port_refused(self._loop.time())
            self._pump()
            return
        try:
            await self._loop.create_connection(lambda: _Port(self), sock=connection)
        except BaseException:
            connection.close()
            raise

    # The agent

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, InputReceived):
                if self._port is not None:
                    self._port.transport.write(event.data)
            elif isinstance(event, ConnectPort):
                self._dialling = self._loop.create_task(self._dial())
            elif isinstance(event, ClosePort):
                if self._port is not None:
                    self._port.transport.close()
            else:
                self._pump()
                self.close()
                self._on_ended(event.output)
        self._pump()

    def _pump(self) -> None:
        """What follows every change: frames out, port open or shut, timer set."""
        if self._closed:
            return
        frames = self._agent.frames_to_send(self._loop.time())
        if frames:
            self._send(frames)
        if self._port is not None:
            self._port.set_reading(self._agent.output_capacity > 0 and not self._output_paused)
        deadline = self._agent.get_timer()
        if self._timer is not None:
            if deadline == self._timer.when():
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._handle(self._agent.handle_timer(self._loop.time()))


class _Port(asyncio.BufferedProtocol):
    """The connection to the port. It never reads more than the agent asks for."""

    transport: asyncio.Transport

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._buffer = memoryview(bytearray(_LARGEST_READ))
        self.lost = asyncio.Event()

    def set_reading(self, reading: bool) -> None:
        if reading != self.transport.is_reading() and not self.transport.is_closing():
            if reading:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._worker.port_connected(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[: max(_SMALLEST_READ, self._worker.port_capacity())]

    def buffer_updated(self, nbytes: int) -> None:
        self._worker.port_received(self._buffer[:nbytes])

    def pause_writing(self) -> None:
        self._worker.port_full(True)

    def resume_writing(self) -> None:
        self._worker.port_full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._worker.port_lost()
