"""A gateway whose sessions run shells and commands, on real terminals."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import PayloadType
from connector.emulator.agent.behaviour import (
    CLEAN,
    AgentBehaviour,
    ExecuteAs,
)
from connector.emulator.api.codecatalyst.model import (
    CodeCatalystModel,
    DevEnvironment,
)
from connector.emulator.gateway.gateway import Gateway, GatewayBehaviour
from connector.emulator.listener import Certificates
from connector.emulator.machine.port import tcp_dialer
from connector.emulator.machine.sessionprocess import process_opener
from connector.emulator.sessions import Form, Session, data_channel_url

from ..client import Client
from ..stages import eventually, running_environment

INTERACTIVE, JOINED, SEPARATE = ExecuteAs.INTERACTIVE, ExecuteAs.JOINED, ExecuteAs.SEPARATE


@dataclass
class Stage:
    """A gateway whose sessions run processes."""

    model: CodeCatalystModel
    environment: DevEnvironment
    gateway: Gateway
    certificates: Certificates
    home: Path
    sessions: list[Session] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    def behave(self, behaviour: AgentBehaviour, **changes: object) -> None:
        agent = replace(behaviour, **changes)  # type: ignore[arg-type]
        self.gateway.behaviour = GatewayBehaviour(agent=agent)

    async def shell(self) -> Client:
        """Return a client of a shell that has shown its prompt."""
        client = await self._open(Form.SHELL)
        await client.receive_until(PayloadType.OUTPUT)
        return client

    async def execute(self, *command: str) -> Client:
        """Return a client of a command, after its handshake if there is one."""
        client = await self._open(Form.COMMAND, command)
        if self.gateway.behaviour.agent.execute_as is not INTERACTIVE:
            await client.shake_hands()
        return client

    async def python(self, script: str) -> Client:
        return await self.execute(sys.executable, "-uc", script)

    async def _open(self, form: Form, command: tuple[str, ...] = ()) -> Client:
        self.sessions.append(self.model.start_session(self.environment, form, command))
        self.clients.append(Client())
        return await self.reopen(self.clients[-1])

    async def reopen(self, client: Client) -> Client:
        session = self.sessions[self.clients.index(client)]
        url = data_channel_url(self.gateway.url, session)
        await client.open(url, self.certificates.ca_file, session.token_value)
        return client

    def end(self) -> None:
        """End the newest session, as StopDevEnvironmentSession does."""
        self.model.sessions.end(self.sessions[-1], "stopped")


@asynccontextmanager
async def open_stage(certificates: Certificates, home: Path) -> AsyncIterator[Stage]:
    model, environment = running_environment()
    gateway = Gateway(
        model.sessions,
        tcp_dialer(1, "127.0.0.1"),
        certificates.server_context,
        open_process=partial(process_opener, home=home),
        seed=1,
    )
    stage = Stage(model, environment, gateway, certificates, home)
    stage.behave(CLEAN)
    await gateway.start()
    try:
        yield stage
    finally:
        await gateway.stop()
        for client in stage.clients:
            await client.close()


async def read_until(client: Client, end: bytes) -> bytes:
    """Return the output up to ``end``, included."""
    while end not in client.output:
        await client.receive()
    return await client.read(client.output.index(end) + len(end))


async def read_pid(client: Client) -> int:
    """Return the number of a process that prints ``pid <number>.``"""
    text = await read_until(client, b".")
    return int(text.rpartition(b"pid ")[2].rstrip(b"."))


def is_running(pid: int) -> bool:
    """Return whether the process runs. A zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def gone(pid: int) -> None:
    await eventually(lambda: not is_running(pid))


def payloads(client: Client, kind: int) -> list[bytes]:
    """Return the payloads of all stream messages of this type, without duplicates."""
    messages = [m for m in client.received if isinstance(m, AgentMessage)]
    return list({m.sequence_number: m.payload for m in messages if m.payload_type == kind}.values())


async def reason(client: Client) -> str:
    """Return the reason in channel_closed."""
    output = json.loads((await client.wait_closed()).payload)["Output"]
    assert isinstance(output, str)
    return output
