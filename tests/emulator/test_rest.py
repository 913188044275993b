"""The HTTPS server: ports, idle connections, an intercept, bytes that are not HTTP."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl

import pytest
from aiohttp import web

from connector.emulator.api.errors import InternalFailure
from connector.emulator.api.rest import Proceed, RestServer
from connector.emulator.listener import Certificates

from .world import World


def port_of(server: RestServer) -> int:
    return int(server.url.rpartition(":")[2])


async def test_taken_port_raises_oserror(certificates: Certificates) -> None:
    async with RestServer([], certificates.server_context) as first:
        second = RestServer([], certificates.server_context, port=port_of(first))
        with pytest.raises(OSError, match=r"(?i)address"):
            await second.start()
        await second.stop()  # harmless


async def test_stop_does_not_wait_for_open_connections(certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=str(certificates.ca_file))
    async with RestServer([], certificates.server_context) as server:
        port = port_of(server)
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        reader, idle = await asyncio.open_connection("localhost", port, ssl=context)
        idle.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        before = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - before < 5
    for writer in (silent, idle):
        writer.transport.abort()
    await asyncio.sleep(0)
    gc.collect()


async def test_garbage_on_the_port_does_no_harm(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.create_default_context(cafile=str(world.certificates.ca_file))
    port = port_of(world.server)
    with caplog.at_level(logging.WARNING):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"\x00\x01\x02 no http\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.0 400")
        writer.transport.abort()
    assert "Traceback" not in caplog.text


async def test_intercept_can_lose_the_answer_of_a_finished_operation(world: World) -> None:
    async def lose(operation: str, request: web.Request, proceed: Proceed) -> web.Response:
        assert (await proceed()).status == 200
        raise InternalFailure(f"the reply of {operation} was lost")

    world.server.intercept = lose
    body = {"sessionConfiguration": {"sessionType": "SSH"}}
    answer = await world.request("PUT", world.path + "/session", body)
    assert (answer.status, answer.error) == (500, "InternalFailure")
    assert len(world.model.sessions.living(world.environment.id)) == 1
