"""A gateway that sends the bytes of a test, behind real TLS."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PayloadType,
)
from connector.datachannel.payloads import (
    ClientAction,
    HandshakeRequest,
    acknowledge,
    handshake_complete,
    handshake_request,
)

from ..endtoend.targets import TcpService

_KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
RSV1 = 0x40


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, bits: int = 0) -> bytes:
    """Return a WebSocket frame as a server sends it, not masked."""
    return head(opcode, len(payload), fin=fin, bits=bits) + payload


def head(opcode: int, length: int, *, fin: bool = True, bits: int = 0) -> bytes:
    """Return the header of a frame that announces ``length`` bytes."""
    first = (0x80 if fin else 0) | bits | opcode
    if length < 126:
        return struct.pack("!BB", first, length)
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)


def stream(number: int, payload_type: int, payload: bytes) -> bytes:
    """Return a frame with one stream message."""
    message = AgentMessage(OUTPUT_STREAM_DATA, payload, payload_type, number)
    return frame(BINARY, message.encode())


def output(number: int, data: bytes) -> bytes:
    return stream(number, PayloadType.OUTPUT, data)


def request(*actions: ClientAction) -> bytes:
    """Return a frame with a HandshakeRequest."""
    default = ClientAction("SessionType", {"SessionType": "Port", "Properties": None})
    document = handshake_request(HandshakeRequest("3.3", actions or (default,)))
    return stream(0, PayloadType.HANDSHAKE_REQUEST, document)


def complete(customer_message: str = "") -> bytes:
    """Return a frame with a HandshakeComplete."""
    return stream(1, PayloadType.HANDSHAKE_COMPLETE, handshake_complete(customer_message, 1))


def ack(number: int) -> bytes:
    """Return a frame with the ack of a message of the client."""
    payload = acknowledge(INPUT_STREAM_DATA, bytes(16), number)
    return frame(BINARY, AgentMessage(ACKNOWLEDGE, payload).encode())


def handshake() -> bytes:
    """Return the frames of a handshake, after which the next message is number 2."""
    return request() + complete()


class Conversation:
    """A connected client."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.upgrade = b""  # the client's upgrade request

    def read_upgrade(self) -> None:
        while b"\r\n\r\n" not in self.upgrade:
            data = self._sock.recv(65536)
            if not data:
                raise ConnectionError("the client left")
            self.upgrade += data

    def accept(self, *headers: str, key: str | None = None) -> None:
        """Accept the upgrade, with extra headers or another key if given."""
        self.read_upgrade()
        if key is None:
            line = next(
                line
                for line in self.upgrade.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-key:")
            )
            digest = hashlib.sha1(line.split(b":")[1].strip() + _KEY_SUFFIX).digest()
            key = base64.b64encode(digest).decode()
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {key}",
            *headers,
        ]
        self.send("".join(f"{line}\r\n" for line in (*lines, "")).encode())

    def send(self, *data: bytes) -> None:
        self._sock.sendall(b"".join(data))

    def read_some(self) -> None:
        """Wait for bytes of the client. The first ones prove that it accepts the upgrade."""
        if not self._sock.recv(65536):
            raise ConnectionError("the client left")

    def send_for_ever(self, pieces: Iterator[bytes]) -> None:
        """Send all pieces, until the client closes the connection and OSError ends the loop."""
        for piece in pieces:
            self._sock.sendall(piece)

    def wait_until_left(self) -> None:
        """Read until the client closes the connection."""
        while self._sock.recv(65536):
            pass


Play = Callable[[Conversation], None]


class HostileGateway(TcpService):
    """Plays a part to each client, then waits for the client to leave.

    :param context: for TLS; with ``None`` the gateway uses none, as clients allow on loopback.
    """

    def __init__(self, context: ssl.SSLContext | None, play: Play) -> None:
        self._context = context
        self._play = play
        self.connections = 0
        super().__init__(self._converse)

    def access(self) -> str:
        """Return the description of a session of this gateway, for ``connector attach``."""
        return json.dumps(
            {
                "streamUrl": f"wss://127.0.0.1:{self.port}/v1/data-channel/s-1?role=publish",
                "tokenValue": os.urandom(24).hex(),
                "sessionId": "s-1",
            }
        )

    def _converse(self, connection: socket.socket) -> None:
        self.connections += 1
        with ExitStack() as stack:
            sock = connection
            if self._context:
                sock = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
            conversation = Conversation(sock)
            self._play(conversation)
            conversation.wait_until_left()
