"""A simple, slow data-channel client that shares no code with our client."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    Flag,
    PayloadType,
)
from connector.datachannel.payloads import acknowledge, flag, open_data_channel

RESPONSE = (
    b'{"ClientVersion":"1.2.764.0","ProcessedClientActions":[{"ActionType":"SessionType",'
    b'"ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":null}'
)


class _Connection(ClientConnection):
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.transport.abort()  # without it, Python 3.10 warns of a TLS transport left open


async def dial(url: str, ca_file: Path) -> ClientConnection:
    """Return a WebSocket without a first frame."""
    return await connect(
        url,
        ssl=ssl.create_default_context(cafile=str(ca_file)),
        compression=None,
        max_size=None,
        max_queue=None,  # a full queue would hide the end of the link
        proxy=None,
        ping_interval=None,
        create_connection=_Connection,
    )


def opening(token: str) -> str:
    """Return the first frame of a link."""
    return open_data_channel(token, str(uuid.uuid4()), str(uuid.uuid4()), "1.2.764.0")


@dataclass
class Client:
    """A client that keeps its numbers across links and acks everything, duplicates included."""

    next_seq: int = 0
    expected_seq: int = 0
    output: bytearray = field(default_factory=bytearray)
    received: list[AgentMessage | str] = field(default_factory=list)
    closed: AgentMessage | None = None
    sends_acks: bool = True
    connection: ClientConnection | None = None

    async def open(self, url: str, ca_file: Path, token: str) -> None:
        self.connection = await dial(url, ca_file)
        await self.connection.send(opening(token))

    async def shake_hands(self) -> None:
        """Answer the request and wait for HandshakeComplete."""
        await self.receive_until(PayloadType.HANDSHAKE_REQUEST)
        await self.send(RESPONSE, PayloadType.HANDSHAKE_RESPONSE)
        await self.receive_until(PayloadType.HANDSHAKE_COMPLETE)

    async def send(self, payload: bytes, kind: int = PayloadType.OUTPUT) -> None:
        assert self.connection is not None
        message = AgentMessage(INPUT_STREAM_DATA, payload, kind, self.next_seq)
        self.next_seq += 1
        await self.connection.send(message.encode())

    async def terminate(self) -> None:
        await self.send(flag(Flag.TERMINATE_SESSION), PayloadType.FLAG)

    async def receive(self) -> AgentMessage | str:
        """Return the next frame, after its ack."""
        assert self.connection is not None
        frame = await asyncio.wait_for(self.connection.recv(), 10)
        if isinstance(frame, str):
            self.received.append(frame)
            return frame
        message = AgentMessage.decode(frame)
        self.received.append(message)
        if message.message_type == CHANNEL_CLOSED:
            self.closed = message
        elif message.message_type == OUTPUT_STREAM_DATA:
            if self.sends_acks:
                payload = acknowledge(
                    OUTPUT_STREAM_DATA, message.message_id, message.sequence_number
                )
                await self.connection.send(AgentMessage(ACKNOWLEDGE, payload, flags=3).encode())
            if message.sequence_number == self.expected_seq:
                self.expected_seq += 1
                if message.payload_type == PayloadType.OUTPUT:
                    self.output += message.payload
        return message

    async def receive_until(self, kind: int) -> AgentMessage:
        while True:
            message = await self.receive()
            if isinstance(message, AgentMessage) and message.payload_type == kind:
                return message

    async def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes of output."""
        while len(self.output) < size:
            await self.receive()
        data = bytes(self.output[:size])
        del self.output[:size]
        return data

    async def wait_closed(self) -> AgentMessage:
        """Wait for channel_closed, then close the link and return the message."""
        while self.closed is None:
            await self.receive()
        await self.close()
        return self.closed

    async def close(self) -> None:
        if self.connection is not None:
            await self.connection.close()
            self.connection = None
