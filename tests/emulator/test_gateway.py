"""The gateway and its workers, over real TLS WebSockets and TCP."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest
from websockets.exceptions import InvalidStatus

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    INPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    PayloadType,
)
from connector.emulator.agent.behaviour import CLEAN, REAL
from connector.emulator.agent.plugins import WORKER_DIED
from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.faults.interference import Frame
from connector.emulator.faults.plans import Direction
from connector.emulator.gateway.gateway import GatewayBehaviour, Rejoin
from connector.emulator.gateway.relay import RelayBehaviour
from connector.emulator.machine.port import tcp_dialer

from .client import Client, dial, opening
from .stages import FAST, Stage, assert_closed, eventually

# Opening


@pytest.mark.parametrize(
    "frame",
    [
        opening("wrong"),
        "",
        "no json",
        "[]",
        '{"TokenValue": 7}',
        b"\0" * 200,
    ],
    ids=["wrong token", "empty", "no json", "no object", "no text", "binary"],
)
async def test_invalid_first_frame_closes_the_link_silently(
    stage: Stage, frame: str | bytes
) -> None:
    connection = await dial(stage.url, stage.certificates.ca_file)
    await connection.send(frame)
    await assert_closed(Client(connection=connection))


async def test_token_of_another_session_is_refused(stage: Stage) -> None:
    other = stage.model.start_session(stage.environment)
    await assert_closed(await stage.open(token=other.token_value))


async def test_token_of_an_ended_session_is_refused(stage: Stage) -> None:
    stage.model.sessions.end(stage.session, "done")
    await assert_closed(await stage.open())


async def test_silent_client_is_disconnected(stage: Stage) -> None:
    stage.gateway.behaviour = replace(FAST, open_timeout=0.05)
    connection = await dial(stage.url, stage.certificates.ca_file)
    await assert_closed(Client(connection=connection))


async def test_client_that_leaves_at_once_does_no_harm(stage: Stage) -> None:
    connection = await dial(stage.url, stage.certificates.ca_file)
    connection.transport.abort()
    await connection.wait_closed()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/v1/control-channel/x?role=publish_subscribe", 404),
        ("/v1/data-channel/x", 403),
        ("/v1/data-channel/x?role=subscribe", 403),
    ],
)
async def test_upgrade_of_another_path_is_refused(stage: Stage, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await dial(stage.gateway.url + path, stage.certificates.ca_file)
    assert refused.value.response.status_code == status


async def test_upgrade_can_be_refused(stage: Stage) -> None:
    stage.gateway.refuse_upgrades(401, times=2)
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused:
            await dial(stage.url, stage.certificates.ca_file)
        assert refused.value.response.status_code == 401
    await (await stage.open()).shake_hands()


async def test_upgrade_can_be_redirected(stage: Stage) -> None:
    stage.gateway.refuse_upgrades(307, {"Location": stage.url + "&again=1"})
    await (await stage.open()).shake_hands()


# A session


@pytest.mark.parametrize("behaviour", [REAL, CLEAN], ids=["real", "clean"])
async def test_bytes_pass_both_ways_and_the_port_ends_the_session(
    stage: Stage, behaviour: object
) -> None:
    stage.gateway.behaviour = GatewayBehaviour(agent=behaviour)  # type: ignore[arg-type]
    client, reader, writer = await stage.connect()
    data = random.Random(1).randbytes(30_000)
    writer.write(data)
    assert await client.read(len(data)) == data
    for start in range(0, len(data), 1024):
        await client.send(data[start : start + 1024])
    assert await reader.readexactly(len(data)) == data
    writer.write(b"bye")
    writer.close()
    assert await client.read(3) == b"bye"
    closed = await client.wait_closed()
    document = json.loads(closed.payload)
    assert set(document) == {
        "CreatedDate",
        "DestinationId",
        "MessageId",
        "MessageType",
        "Output",
        "SchemaVersion",
        "SessionId",
    }
    assert document["SessionId"] == stage.session.id
    assert document["Output"] == ""
    assert stage.model.sessions.living(stage.environment.id) == []


async def test_agents_first_message_is_its_connected_state(stage: Stage) -> None:
    client = await stage.open()
    await client.receive()  # start_publication of the gateway
    first = await client.receive()
    assert isinstance(first, AgentMessage)
    assert first.message_type == "agent_session_state"
    assert json.loads(first.payload)["SessionState"] == "Connected"


async def test_terminate_flag_ends_the_session_and_closes_the_port(stage: Stage) -> None:
    client, reader, _ = await stage.connect()
    await client.send(b"last words")
    await client.terminate()
    await client.wait_closed()
    assert await reader.read() == b"last words"


async def test_stopped_session_is_closed_with_its_reason(stage: Stage) -> None:
    client, reader, _ = await stage.connect()
    stage.model.set_status(stage.environment, Status.STOPPING)
    closed = await client.wait_closed()
    assert json.loads(closed.payload)["Output"] == "The Dev Environment is STOPPING"
    assert await reader.read() == b""


async def test_refused_port_is_a_dead_worker(stage: Stage) -> None:
    stage.port.server.close()
    await stage.port.server.wait_closed()
    client = await stage.open()
    await client.shake_hands()
    closed = await client.wait_closed()
    assert json.loads(closed.payload)["Output"] == WORKER_DIED


async def test_client_that_keeps_its_link_is_disconnected(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.emulator.gateway.relay.LINGER", 0.01)
    client, _, writer = await stage.connect()
    writer.close()
    while client.closed is None:
        await client.receive()
    await assert_closed(client)


async def test_fragmented_message_is_reassembled(stage: Stage) -> None:
    client, reader, _ = await stage.connect()
    frame = AgentMessage(INPUT_STREAM_DATA, b"in pieces", 1, client.next_seq).encode()
    assert client.connection is not None
    await client.connection.send([frame[:10], frame[10:125], frame[125:]])
    assert await reader.readexactly(9) == b"in pieces"


async def test_input_payload_of_4_mib_passes(stage: Stage) -> None:
    client, reader, _ = await stage.connect()
    data = random.Random(2).randbytes(4 * 1024 * 1024)
    await client.send(data)
    assert await reader.readexactly(len(data)) == data


async def test_ping_before_the_first_frame_is_answered(stage: Stage) -> None:
    connection = await dial(stage.url, stage.certificates.ca_file)
    await asyncio.wait_for(await connection.ping(), 10)
    await connection.send(opening(stage.session.token_value))
    client = Client(connection=connection)
    stage.clients.append(client)
    await client.shake_hands()


# Broken links


@pytest.mark.parametrize("how", ["FIN", "RST", "close frame"])
async def test_session_resumes_after_a_broken_link(stage: Stage, how: str) -> None:
    client, reader, writer = await stage.connect()
    link = stage.gateway.relay(stage.session.id).link
    assert link is not None
    assert client.connection is not None
    old = client.connection
    if how == "close frame":
        await link.close(1001)
    else:
        link.cut(reset=how == "RST")
    await asyncio.wait_for(old.wait_closed(), 10)
    await eventually(lambda: stage.gateway.relay(stage.session.id).link is None)
    writer.write(b"written without any client")
    await stage.open(client)
    await client.send(b"back")
    assert await reader.readexactly(4) == b"back"
    assert await client.read(26) == b"written without any client"


async def test_second_link_replaces_the_first(stage: Stage) -> None:
    client, _, writer = await stage.connect()
    old, client.connection = client.connection, None
    assert old is not None
    await stage.open(client)
    await asyncio.wait_for(old.wait_closed(), 10)
    writer.write(b"hello")
    assert await client.read(5) == b"hello"
    await old.close()


async def test_used_token_opens_no_second_link(stage: Stage) -> None:
    stage.gateway.behaviour = replace(FAST, rejoin=Rejoin.FRESH_TOKEN)
    client, _, writer = await stage.connect()
    await assert_closed(await stage.open())
    writer.write(b"still there")
    assert await client.read(11) == b"still there"


async def test_real_agent_retransmits_what_a_link_lost(stage: Stage) -> None:
    stage.gateway.behaviour = GatewayBehaviour()
    client, _, writer = await stage.connect()
    client.sends_acks = False
    writer.write(b"x" * 3000)
    assert await client.read(3000) == b"x" * 3000
    await client.close()
    client.sends_acks = True
    await stage.open(client)
    numbers: set[int] = set()
    while len(numbers) < 2:  # one in 100 ms at most
        message = await client.receive()
        assert isinstance(message, AgentMessage)
        numbers.add(message.sequence_number)
    assert client.output == b""


async def test_session_ends_if_its_client_stays_away(stage: Stage) -> None:
    stage.gateway.behaviour = replace(FAST, relay=RelayBehaviour(client_gone_timeout=0.05))
    client, reader, _ = await stage.connect()
    await client.close()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    await eventually(lambda: stage.session.end_reason is not None)


async def test_every_link_begins_with_start_publication(stage: Stage) -> None:
    client = await stage.open()
    first = await client.receive()
    assert isinstance(first, AgentMessage)
    assert first.message_type == START_PUBLICATION
    await client.close()
    await stage.open(client)
    while True:  # among the agent's retransmissions
        message = await asyncio.wait_for(client.receive(), 10)
        if isinstance(message, AgentMessage) and message.message_type == START_PUBLICATION:
            break


async def test_publication_messages_are_text_frames_or_messages(stage: Stage) -> None:
    client, _, _ = await stage.connect()
    relay = stage.gateway.relay(stage.session.id)
    relay.announce(PAUSE_PUBLICATION, text=True)
    assert await client.receive() == PAUSE_PUBLICATION
    relay.announce(START_PUBLICATION, text=False)
    message = await client.receive()
    assert isinstance(message, AgentMessage)
    assert message.message_type == START_PUBLICATION


async def test_text_frames_of_an_open_channel_are_ignored(stage: Stage) -> None:
    client, reader, _ = await stage.connect()
    assert client.connection is not None
    await client.connection.send("start_publication")
    await client.send(b"on")
    assert await reader.readexactly(2) == b"on"


# Back-pressure, latency, tap

CHUNK = random.Random(3).randbytes(65536)


async def chunks_until_full(send: Callable[[bytes], Coroutine[None, None, None]]) -> int:
    """Return how many chunks are sent before a send blocks."""
    for count in range(1000):
        sending = asyncio.create_task(send(CHUNK))
        await asyncio.wait([sending], timeout=0.3)
        if not sending.done():
            sending.cancel()
            await asyncio.wait([sending])
            return count
    raise AssertionError("nothing pushed back")


async def test_slow_client_stops_the_port(stage: Stage) -> None:
    client, reader, writer = await stage.connect()
    await client.send(b"go")
    await reader.readexactly(2)
    assert client.connection is not None
    client.connection.transport.pause_reading()

    async def write(chunk: bytes) -> None:
        writer.write(chunk)
        await writer.drain()

    chunks = await chunks_until_full(write) + 1  # the last one is written, not drained
    client.connection.transport.resume_reading()
    for _ in range(chunks):
        assert await client.read(len(CHUNK)) == CHUNK


async def test_slow_port_stops_the_client(stage: Stage) -> None:
    client, reader, _ = await stage.connect()
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    chunks = await chunks_until_full(client.send)
    reader._transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(chunks):
        assert await reader.readexactly(len(CHUNK)) == CHUNK


async def test_acks_are_read_after_a_full_port_has_closed(stage: Stage) -> None:
    stage.gateway.behaviour = replace(FAST, agent=replace(CLEAN, drain_timeout=600.0))
    client, reader, writer = await stage.connect()
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    await chunks_until_full(client.send)
    client.sends_acks = False
    writer.write(b"bye")
    assert await client.read(3) == b"bye"
    client.sends_acks = True
    writer.transport.abort()
    await client.wait_closed()


async def test_latency_delays_both_ways_and_keeps_the_order(stage: Stage) -> None:
    slow = RelayBehaviour(latency_to_agent=0.03, latency_to_client=0.05)
    stage.gateway.behaviour = replace(FAST, relay=slow)
    client, reader, writer = await stage.connect()
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(50):
        await client.send(b"%02d" % number)
    assert await reader.readexactly(100) == b"".join(b"%02d" % number for number in range(50))
    assert loop.time() - start >= 0.03
    start = loop.time()
    writer.write(b"back")
    assert await client.read(4) == b"back"
    assert loop.time() - start >= 0.05


async def test_tap_gets_every_frame_with_its_direction(stage: Stage) -> None:
    seen: list[tuple[str, Direction, Frame]] = []
    stage.gateway.tap = lambda *frame: seen.append(frame)
    client, reader, _ = await stage.connect()
    await client.send(b"tapped")
    await reader.readexactly(6)
    assert {session_id for session_id, _, _ in seen} == {stage.session.id}
    to_agent = [frame for _, direction, frame in seen if direction is Direction.TO_AGENT]
    inputs = [
        message.payload
        for message in map(AgentMessage.decode, filter(lambda f: isinstance(f, bytes), to_agent))  # type: ignore[arg-type]
        if message.payload_type == PayloadType.OUTPUT
    ]
    assert inputs == [b"tapped"]
    # All but the first frame, which holds the token.
    assert not any(stage.session.token_value in str(frame) for _, _, frame in seen)


async def test_clients_verify_the_certificate_with_the_ca(stage: Stage) -> None:
    context = ssl.create_default_context(cafile=str(stage.certificates.ca_file))
    host, _, port = stage.gateway.url.removeprefix("wss://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    writer.close()
    assert await reader.read() == b""


async def test_stop_ends_open_sessions(stage: Stage) -> None:
    client, reader, _ = await stage.connect()
    await stage.gateway.stop()
    assert await reader.read() == b""
    assert stage.session.end_reason is not None
    assert client.connection is not None
    await asyncio.wait_for(client.connection.wait_closed(), 10)


async def test_port_without_a_listener_raises_oserror() -> None:
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="failed"):
            await tcp_dialer(unbound.getsockname()[1], "127.0.0.1")()
