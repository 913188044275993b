"""TCP services for the far end of a tunnel."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from .waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from .cloud import Cloud

GREETING = b"welcome\n"

Service = TypeVar("Service", bound="TcpService")


class TcpService:
    """A service on a port of loopback, which handles each connection in its own thread.

    :param handle: serves one client. The connection is closed when it returns.
    """

    def __init__(self, handle: Callable[[socket.socket], None]) -> None:
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self: Service) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # not connected, on macOS
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(PATIENCE)
        with self._lock:
            connections = dict(self._connections)
        for connection, thread in connections.items():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            with contextlib.suppress(OSError):
                self._handle(connection)
            with self._lock:
                self._connections.pop(connection, None)


def echo(connection: socket.socket) -> None:
    """Send back all received data, without a greeting."""
    while data := connection.recv(1 << 18):
        connection.sendall(data)


def greeting_echo(connection: socket.socket) -> None:
    """Greet as sshd does, then send back all received data."""
    connection.sendall(GREETING)
    echo(connection)


class Recorder(TcpService):
    """A service that greets, and keeps the data of all its clients together.

    :param go_on: the service reads nothing before this event is set.
    """

    def __init__(self, go_on: threading.Event | None = None) -> None:
        self.received = bytearray()
        self._go_on = go_on
        super().__init__(self._record)

    def wait_for(self, size: int) -> None:
        """Wait until this number of bytes has arrived."""
        eventually(lambda: len(self.received) >= size, f"the arrival of {size} bytes")

    def _record(self, connection: socket.socket) -> None:
        connection.sendall(GREETING)
        if self._go_on is not None:
            self._go_on.wait(PATIENCE)
        while data := connection.recv(1 << 18):
            self.received += data


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Return this number of bytes, or fewer if the connection ends."""
    data = bytearray()
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            break
        data += chunk
    return bytes(data)


@contextlib.contextmanager
def silent_gateway(cloud: Cloud, start: Callable[[], object], count: int) -> Iterator[None]:
    """Let so many connectors, which ``start`` starts, dial a gateway that never answers."""
    accepted = threading.Semaphore(0)

    def never_answer(connection: socket.socket) -> None:
        accepted.release()
        while connection.recv(65536):
            pass

    with TcpService(never_answer) as gateway:
        cloud.stream_base = f"wss://127.0.0.1:{gateway.port}"
        start()
        for _ in range(count):
            assert accepted.acquire(timeout=PATIENCE)
        cloud.wait_for_sessions(count)  # the gateway may be dialled before the session starts
        yield
