"""The agent's race: input just after HandshakeComplete is acked and thrown away.

The agent sends HandshakeComplete, and only then notes that the handshake is over. A client that
sends at once loses the first bytes of its stream for good; see protocol.md, section 4.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from websockets.asyncio.client import ClientConnection, connect

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PayloadType,
)
from connector.datachannel.payloads import (
    ActionStatus,
    ProcessedAction,
    acknowledge,
    acknowledged_sequence_number,
    handshake_response,
    open_data_channel,
)
from connector.emulator.agent.behaviour import REAL
from connector.sessions import SessionAccess

from .cloud import Cloud
from .commands import Ssh
from .targets import TcpService, receive_exactly
from .tunnels import carry
from .waiting import PATIENCE

#: Seconds. The real gap is a fraction of a millisecond; this one hits every naive client.
RACING = replace(REAL, complete_gap=0.005)

TUNNELS = 36
AT_ONCE = 12
SSH_RUNS = 4

GREETING = b"SSH-2.0-like any server, it speaks first\r\n"
BODY = 1000


def with_digest(number: int) -> bytes:
    """Return bytes that prove they are whole: a digest, and the bytes after it."""
    body = random.Random(number).randbytes(BODY)
    return hashlib.sha256(body).digest() + body


def verdict(data: bytes) -> bytes:
    return b"whole" if hashlib.sha256(data[32:]).digest() == data[:32] else b"broken"


def check_digest(connection: socket.socket) -> None:
    """Greet, read data from the very first byte on, and answer whether it is whole."""
    connection.sendall(GREETING)
    connection.settimeout(PATIENCE)
    connection.sendall(verdict(receive_exactly(connection, 32 + BODY)))


@pytest.fixture
def service(cloud: Cloud) -> Iterator[TcpService]:
    with TcpService(check_digest) as service:
        cloud.port = service.port
        yield service


@pytest.mark.usefixtures("service")
def test_36_connects_carry_every_byte(cloud: Cloud) -> None:
    cloud.behave(RACING)

    def run(number: int) -> bytes:
        started = cloud.start_session()
        access = SessionAccess(started["streamUrl"], started["tokenValue"], started["sessionId"])
        return carry(access, cloud.ca_file, with_digest(number))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(run, range(TUNNELS)))
    assert answers == [GREETING + b"whole"] * TUNNELS


def test_4_connects_by_ssh_carry_every_byte(ssh: Ssh, cloud: Cloud) -> None:
    cloud.behave(RACING)

    def run(number: int) -> bytes:
        return ssh.run("sha256sum", input=with_digest(number)).stdout.split()[0]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(SSH_RUNS)))
    assert answers == [
        hashlib.sha256(with_digest(number)).hexdigest().encode() for number in range(SSH_RUNS)
    ]


async def test_naive_client_loses_its_first_bytes(cloud: Cloud) -> None:
    """Prove that the tests above can fail: the same agent, and a client that sends at once.

    The client of ``websockets.sync`` uses a TLS connection in two threads at once. With Python
    3.11, its upgrade got lost in 1 of 180 runs.
    """
    received: list[bytes] = []
    read = threading.Event()

    def note(connection: socket.socket) -> None:
        connection.sendall(GREETING)
        received.append(receive_exactly(connection, len(b"later")))
        read.set()

    # On any machine, the early bytes arrive within half a second.
    cloud.behave(replace(RACING, complete_gap=0.5))
    with TcpService(note) as service:
        cloud.port = service.port
        started = cloud.start_session()
        context = ssl.create_default_context(cafile=str(cloud.ca_file))
        # At DEBUG, the level of the search for secrets, websockets would log the URL's query.
        quiet = logging.getLogger("tests.naive")
        quiet.setLevel(logging.INFO)
        async with connect(
            started["streamUrl"], ssl=context, proxy=None, logger=quiet, open_timeout=PATIENCE
        ) as connection:
            client = NaiveClient(connection)
            await client.open(started["tokenValue"])
            await client.send(b"first")
            await client.receive_until(lambda message: message.payload == GREETING)
            await client.send(b"later")
            await client.receive_until(lambda _: client.acknowledged == {0, 1, 2})
            # A client that leaves early leaves a session that waits for it.
            await client.receive_until(lambda message: message.message_type == CHANNEL_CLOSED)
        assert read.wait(PATIENCE)
    assert received == [b"later"]


class NaiveClient:
    """A client that sends as soon as the handshake is complete, as the published client does."""

    def __init__(self, connection: ClientConnection) -> None:
        self.acknowledged: set[int] = set()
        self._connection = connection
        self._next_seq = 0

    async def open(self, token_value: str) -> None:
        """Do everything up to HandshakeComplete."""
        await self._connection.send(
            open_data_channel(token_value, "client", "request", "1.2.764.0")
        )
        await self.receive_until(
            lambda message: message.payload_type == PayloadType.HANDSHAKE_REQUEST
        )
        action = ProcessedAction("SessionType", ActionStatus.SUCCESS)
        await self.send(handshake_response("1.2.764.0", [action]), PayloadType.HANDSHAKE_RESPONSE)
        await self.receive_until(
            lambda message: message.payload_type == PayloadType.HANDSHAKE_COMPLETE
        )

    async def send(self, payload: bytes, kind: int = PayloadType.OUTPUT) -> None:
        message = AgentMessage(INPUT_STREAM_DATA, payload, kind, self._next_seq)
        self._next_seq += 1
        await self._connection.send(message.encode())

    async def receive_until(self, wanted: Callable[[AgentMessage], bool]) -> None:
        while not wanted(await self._receive()):
            continue

    async def _receive(self) -> AgentMessage:
        frame = await asyncio.wait_for(self._connection.recv(), PATIENCE)
        assert isinstance(frame, bytes)
        message = AgentMessage.decode(frame)
        if message.message_type == ACKNOWLEDGE:
            self.acknowledged.add(acknowledged_sequence_number(message.payload))
        elif message.message_type == OUTPUT_STREAM_DATA:
            payload = acknowledge(OUTPUT_STREAM_DATA, message.message_id, message.sequence_number)
            await self._connection.send(AgentMessage(ACKNOWLEDGE, payload, flags=3).encode())
        return message
