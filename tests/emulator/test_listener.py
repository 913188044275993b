"""The emulator's servers leave no connection behind when they stop."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest

from connector.emulator.api.rest import RestServer
from connector.emulator.gateway.gateway import Gateway
from connector.emulator.listener import Certificates, Listener
from connector.emulator.machine.port import tcp_dialer
from connector.emulator.sessions import Sessions

Stop = Callable[[], Awaitable[None]]


async def _rest(context: ssl.SSLContext) -> tuple[int, Stop]:
    server = RestServer([], context)
    await server.start()
    return int(server.url.rpartition(":")[2]), server.stop


async def _gateway(context: ssl.SSLContext) -> tuple[int, Stop]:
    gateway = Gateway(Sessions(), tcp_dialer(1), context)
    await gateway.start()
    return int(gateway.url.rpartition(":")[2]), gateway.stop


@pytest.mark.parametrize("start", [_rest, _gateway], ids=["api", "gateway"])
async def test_unfinished_tls_handshake_ends_with_the_server(
    start: Callable[[ssl.SSLContext], Awaitable[tuple[int, Stop]]],
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accepted: list[socket.socket] = []
    accept = Listener.accept

    def remembering(self: Listener) -> tuple[socket.socket, object]:
        connection, address = accept(self)
        accepted.append(connection)
        return connection, address

    monkeypatch.setattr(Listener, "accept", remembering)
    port, stop = await start(certificates.server_context)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not accepted:
        await asyncio.sleep(0)
    await stop()
    assert accepted[0].fileno() == -1
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    gc.collect()  # a leaked transport would warn, and warnings are errors


@pytest.mark.parametrize("start", [_rest, _gateway], ids=["api", "gateway"])
async def test_connection_accepted_during_the_stop_ends_with_the_server(
    start: Callable[[ssl.SSLContext], Awaitable[tuple[int, Stop]]], certificates: Certificates
) -> None:
    """The event loop may accept it in any turn around the stop."""
    for turns in range(6):
        port, stop = await start(certificates.server_context)
        with socket.create_connection(("127.0.0.1", port)):
            for _ in range(turns):
                await asyncio.sleep(0)
            await stop()
    gc.collect()


async def test_accepted_connection_has_tcp_nodelay() -> None:
    nodelay: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        nodelay.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = Listener(0)
    async with await asyncio.start_server(accepted, sock=listener):
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await nodelay
        writer.close()
        await writer.wait_closed()
