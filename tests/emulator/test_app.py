"""The whole emulator, reached only by its :class:`Access`."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import PayloadType
from connector.emulator.access import Access
from connector.emulator.agent.behaviour import (
    CLEAN,
    REAL,
    AgentBehaviour,
)
from connector.emulator.app import Emulator, EmulatorThread

from .client import Client


def call(access: Access, method: str, path: str = "", body: object = None) -> dict[str, str]:
    """Call an operation on the Dev Environment."""
    names, environment = access.names.members, access.environment
    url = (
        f"{environment['AWS_ENDPOINT_URL_CODECATALYST']}/v1/spaces/{names['space']}"
        f"/projects/{names['project']}/devEnvironments/{names['id']}{path}"
    )
    request = urllib.request.Request(
        url,
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {environment['AWS_BEARER_TOKEN_CODECATALYST']}",
            "Content-Type": "application/json",
        },
        method=method,
    )
    context = ssl.create_default_context(cafile=environment["AWS_CA_BUNDLE"])
    handlers = [urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})]
    with urllib.request.build_opener(*handlers).open(request, timeout=10) as answer:
        document: dict[str, str] = json.loads(answer.read())
        return document


def start_session(
    access: Access, session_type: str = "SSH", command: list[str] | None = None
) -> dict[str, str]:
    configuration: dict[str, dict[str, object]] = {
        "sessionConfiguration": {"sessionType": session_type}
    }
    if command:
        configuration["sessionConfiguration"]["executeCommandSessionConfiguration"] = {
            "command": command[0],
            "arguments": command[1:],
        }
    answer = call(access, "PUT", "/session", configuration)
    return {**answer, **answer["accessDetails"]}  # type: ignore[dict-item]


async def open_session(access: Access) -> tuple[Client, dict[str, str]]:
    session = await asyncio.to_thread(start_session, access)
    client = Client()
    await client.open(session["streamUrl"], access.ca_file, session["tokenValue"])
    await client.shake_hands()
    return client, session


def test_target_runs_and_has_names_like_real_ones(tmp_path: Path) -> None:
    with EmulatorThread(Emulator(tmp_path)) as access:
        assert call(access, "GET")["status"] == "RUNNING"
        assert access.host == (
            f"codecatalyst-dev-env=ExampleCorp=web.site-1={access.names.members['id']}"
        )
        assert access.gateway_url.startswith("wss://127.0.0.1:")
        assert access.bearer_token not in access.host


def test_api_refuses_an_unknown_token(tmp_path: Path) -> None:
    with EmulatorThread(Emulator(tmp_path)) as access:
        guess = {**access.environment, "AWS_BEARER_TOKEN_CODECATALYST": "guessed"}
        stranger = replace(access, environment=guess)
        with pytest.raises(urllib.error.HTTPError) as refused:
            call(stranger, "GET")
        refused.value.close()
        assert refused.value.code == 401


@pytest.mark.parametrize("agent", [REAL, CLEAN], ids=["real", "clean"])
async def test_session_leads_to_the_embedded_ssh_server(
    tmp_path: Path, agent: AgentBehaviour
) -> None:
    async with Emulator(tmp_path, agent=agent) as access:
        client, session = await open_session(access)
        assert (await client.read(8)) == b"SSH-2.0-"
        assert session["streamUrl"].startswith(access.gateway_url)
        await client.terminate()
        await client.wait_closed()


@pytest.mark.parametrize("port", [None, 1], ids=["embedded", "another"])
def test_session_without_ssh_runs_a_shell_or_a_command(
    tmp_path: Path, port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    async def talk(access: Access, command: list[str] | None) -> bytes:
        session = start_session(access, "SSM", command)
        client = Client()
        await client.open(session["streamUrl"], access.ca_file, session["tokenValue"])
        await client.receive_until(PayloadType.OUTPUT)
        if not command:
            await client.send(b"echo $((6*7)) in $PWD; exit\n")
        await client.wait_closed()
        return bytes(client.output)

    with EmulatorThread(Emulator(tmp_path, port=port)) as access:
        assert f"42 in {tmp_path}".encode() in asyncio.run(talk(access, None))
        assert asyncio.run(talk(access, ["echo", "a  b", "$HOME"])) == b"a  b $HOME\r\n"


async def test_port_replaces_the_embedded_ssh_server(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"not ssh at all")
        writer.close()

    service = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = service.sockets[0].getsockname()[1]
    async with service, Emulator(tmp_path, port=port) as access:
        client, _ = await open_session(access)
        assert await client.read(14) == b"not ssh at all"
        await client.wait_closed()
        requests = {  # a busy machine lets the agent send it again
            message.payload.decode()
            for message in client.received
            if isinstance(message, AgentMessage)
            and message.payload_type == PayloadType.HANDSHAKE_REQUEST
        }
        assert [str(port) in each for each in requests] == [True]


@pytest.mark.parametrize(
    "stop",
    [
        lambda access, session: call(access, "DELETE", f"/session/{session['sessionId']}"),
        lambda access, session: call(access, "PUT", "/stop"),
    ],
    ids=["session", "environment"],
)
async def test_client_is_told_of_a_stop_by_the_api(
    tmp_path: Path, stop: Callable[[Access, dict[str, str]], object]
) -> None:
    async with Emulator(tmp_path) as access:
        client, session = await open_session(access)
        await client.read(8)
        await asyncio.to_thread(stop, access, session)
        await client.wait_closed()


async def test_leaving_the_emulator_ends_open_sessions(tmp_path: Path) -> None:
    async with Emulator(tmp_path) as access:
        client, _ = await open_session(access)
        await client.read(8)
    assert client.connection is not None
    await asyncio.wait_for(client.connection.wait_closed(), 10)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ssh")]


def test_failed_start_raises_and_leaves_no_thread(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    before = threading.active_count()
    with pytest.raises(OSError, match="file"), EmulatorThread(Emulator(in_the_way)):
        pass
    assert threading.active_count() == before
