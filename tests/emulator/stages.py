"""A gateway between clients and a port. The test is the service at the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import ConnectionClosed

from connector.emulator.agent.behaviour import CLEAN
from connector.emulator.api.codecatalyst.model import (
    CodeCatalystModel,
    DevEnvironment,
    Project,
    Space,
    Status,
)
from connector.emulator.gateway.gateway import Gateway, GatewayBehaviour
from connector.emulator.listener import Certificates
from connector.emulator.machine.port import tcp_dialer
from connector.emulator.sessions import Session, Sessions, data_channel_url

from .client import Client

FAST = GatewayBehaviour(agent=CLEAN)


@dataclass
class Port:
    """A TCP service that hands its connections to the test."""

    server: asyncio.Server
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]

    @property
    def number(self) -> int:
        number = self.server.sockets[0].getsockname()[1]
        assert isinstance(number, int)
        return number

    async def accept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(self.accepted.get(), 10)


@dataclass
class Stage:
    """A gateway in front of a :class:`Port`, with one session."""

    model: CodeCatalystModel
    environment: DevEnvironment
    gateway: Gateway
    port: Port
    session: Session
    certificates: Certificates
    clients: list[Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return data_channel_url(self.gateway.url, self.session)

    async def open(self, client: Client | None = None, token: str | None = None) -> Client:
        client = client or Client()
        self.clients.append(client)
        token = self.session.token_value if token is None else token
        await client.open(self.url, self.certificates.ca_file, token)
        return client

    async def connect(self) -> tuple[Client, asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a client that is connected to the port, and the port's end."""
        client = await self.open()
        await client.shake_hands()
        reader, writer = await self.port.accept()
        return client, reader, writer


@asynccontextmanager
async def open_port() -> AsyncIterator[Port]:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    writers = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield Port(server, accepted)
    finally:
        server.close()
        for writer in writers:
            if not writer.is_closing():
                writer.transport.abort()
        await server.wait_closed()


def running_environment() -> tuple[CodeCatalystModel, DevEnvironment]:
    """Return a model with one RUNNING Dev Environment."""
    model = CodeCatalystModel(Sessions())
    model.add_space(Space("MySpace"))
    project = model.add_project(Project("MySpace", "My.Project"))
    return model, model.add_environment(project, model.add_user("alice"), Status.RUNNING)


@asynccontextmanager
async def open_stage(certificates: Certificates) -> AsyncIterator[Stage]:
    model, environment = running_environment()
    async with open_port() as port:
        gateway = Gateway(
            model.sessions,
            tcp_dialer(port.number, "127.0.0.1"),
            certificates.server_context,
            behaviour=FAST,
            seed=1,
        )
        await gateway.start()
        stage = Stage(
            model, environment, gateway, port, model.start_session(environment), certificates
        )
        try:
            yield stage
        finally:
            await gateway.stop()
            for client in stage.clients:
                await client.close()


async def eventually(condition: Callable[[], bool]) -> None:
    """Run the event loop until ``condition()`` holds, at most ten seconds."""

    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(wait(), 10)


async def assert_closed(client: Client) -> None:
    """Assert that the gateway closes the link without a frame."""
    assert client.connection is not None
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.connection.recv(), 10)
