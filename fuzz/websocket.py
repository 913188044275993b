"""Target in the transport: the WebSocket codec, compared with the client of ``websockets``."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from connector.transport.frames import (
    BINARY,
    CLOSE,
    CONNECTING,
    MAX_HEAD,
    PONG,
    PROTOCOL_ERROR,
    TOO_BIG,
    BadFrame,
    BadUpgrade,
    WebSocket,
)

from .choices import Choices

LIMIT = 1000

#: The answer to the key that is made of zeros.
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n"
)

_SILENT = logging.getLogger("silent")

#: Empty pings, which complete any frame that was begun, from either byte on.
_PADDING = b"\x89\0" * (LIMIT // 2 + 8)
_PADDINGS = (_PADDING, b"\0" + _PADDING)


def websocket(data: bytes) -> None:
    """An answer and the frames after it are read as ``websockets`` reads them, or refused."""
    choices = Choices(data)
    answered = choices.number() % 2
    cuts = [1 + choices.number() for _ in range(choices.number() % 16)]
    if answered:
        compare_frames(choices.rest(), cuts)
    else:
        compare_answers(choices.rest(), cuts)


def compare_frames(data: bytes, cuts: Iterable[int]) -> None:
    """Check that both clients receive the same frames from this data.

    :param cuts: the sizes of the first reads of our client.
    """
    ours, theirs = Ours(ANSWER), Theirs(ANSWER)
    assert ours.received == theirs.received == []
    ours.read(data, cuts)
    theirs.read(data)
    _check_received(ours, theirs)
    error = ours.client.error
    if isinstance(error, BadFrame) and len(ours.received) == len(theirs.received):
        # The error may be found before the frame is complete. Theirs then comes with its end.
        for padding in _PADDINGS:
            later = Theirs(ANSWER)
            later.read(data + padding)
            more = later.received[len(ours.received) :]
            assert later.client.parser_exc or more[0][0] >= CLOSE  # see _check_received


def compare_answers(data: bytes, cuts: Iterable[int]) -> None:
    """Check that our client refuses and accepts an answer as theirs does, with a few exceptions.

    Ours knows interim answers and HTTP/1.0, and reads any values of headers that it does not need.
    """
    ours, theirs = Ours(b""), Theirs(b"")
    ours.read(data, cuts)
    theirs.read(data)
    error = ours.client.error
    refusal = theirs.client.handshake_exc
    if theirs.client.state is not State.CONNECTING:
        assert ours.client.state != CONNECTING
        _check_received(ours, theirs)
    elif isinstance(refusal, InvalidStatus) and refusal.response.status_code >= 200:
        assert isinstance(error, BadUpgrade)
        assert error.status == refusal.response.status_code
    if ours.client.state != CONNECTING:
        assert b"websocket" in data.lower()
        assert b"ICX+Yqv66kxgM0FcWaLWlFLwTAI=" in data
    elif error:
        assert isinstance(error, BadUpgrade)
        assert error.status == 0 or error.status == 101 or 200 <= error.status <= 999
        assert not ours.client.outgoing
    else:
        assert len(data) < MAX_HEAD


class Ours:
    """Our client, after an answer to its upgrade."""

    def __init__(self, answer: bytes) -> None:
        self.client = WebSocket(LIMIT, bytes)
        self.client.upgrade("gateway.test", "/", {})
        self.client.outgoing.clear()
        self.received: list[tuple[int, bytes, bool]] = []
        self.read(answer, ())

    def read(self, data: bytes, cuts: Iterable[int]) -> None:
        for cut in [*cuts, len(data)]:
            self.client.receive(data[:cut])
            data = data[cut:]
            self.received += [(each.opcode, each.data, each.fin) for each in self.client.events]
            self.client.events.clear()

    def pongs(self) -> list[bytes]:
        return _pongs(bytes(self.client.outgoing))


class Theirs:
    """The client of ``websockets``, after an answer to its upgrade."""

    def __init__(self, answer: bytes) -> None:
        uri = parse_uri("wss://gateway.test/")
        self.client = ClientProtocol(uri, max_size=LIMIT, logger=_SILENT)
        self.client.key = "AAAAAAAAAAAAAAAAAAAAAA=="
        self.client.send_request(self.client.connect())
        self.client.data_to_send()
        self.received: list[tuple[int, bytes, bool]] = []
        self.read(answer)

    def read(self, data: bytes) -> None:
        self.client.receive_data(data)
        self.received += [
            (int(event.opcode), bytes(event.data), event.fin)
            for event in self.client.events_received()
            if isinstance(event, Frame)
        ]

    def pongs(self) -> list[bytes]:
        return _pongs(b"".join(self.client.data_to_send()))


def _check_received(ours: Ours, theirs: Theirs) -> None:
    """Check that both clients have received the same frames, with two exceptions."""
    error, their_error = ours.client.error, theirs.client.parser_exc
    common = min(len(ours.received), len(theirs.received))
    assert ours.received[:common] == theirs.received[:common]
    if ours.received[common:]:
        # A control frame may come within a message (RFC 6455, section 5.4). Theirs refuses a close
        # there, and any frame that would exceed the size of the message as a part of it.
        assert their_error
        assert ours.received[common][0] >= CLOSE
        assert not [fin for opcode, _, fin in theirs.received if opcode < CLOSE][-1]
    elif theirs.received[common:]:
        # Theirs takes control frames whose size is written in more bytes than it needs.
        assert isinstance(error, BadFrame)
        assert error.code == PROTOCOL_ERROR
        assert theirs.received[common][0] >= CLOSE
    else:
        assert ours.pongs() == theirs.pongs()
        if their_error:
            assert isinstance(error, BadFrame)
        if isinstance(error, BadFrame) and error.code == TOO_BIG:
            assert isinstance(their_error, PayloadTooBig)


def _pongs(data: bytes) -> list[bytes]:
    """Return the pongs that a client has sent."""
    server = ServerProtocol(state=State.OPEN, logger=_SILENT)
    server.receive_data(data)
    frames = [event for event in server.events_received() if isinstance(event, Frame)]
    return [bytes(frame.data) for frame in frames if frame.opcode is Opcode.PONG]


def _frame(first: int, data: bytes) -> bytes:
    return bytes((first,)) + Frame(Opcode.BINARY, data).serialize(mask=False)[1:]


_OPEN, _RAW = b"\x01\x00", b"\x00\x02\x05\x40"

SEEDS = [
    _OPEN + _frame(0x80 | BINARY, b"a") + _frame(0x89, b"ping") + _frame(0x80 | PONG, b""),
    _OPEN + _frame(0x01, b"a" * 200) + _frame(0x89, b"") + _frame(0x00, b"b") + _frame(0x80, b"c"),
    _OPEN + _frame(0x82, bytes(LIMIT)) + _frame(0x88, b"\3\xe8bye") + _frame(0x82, b"late"),
    _OPEN + _frame(0x88, b"\3\xee"),
    _OPEN + _frame(0x01, bytes(LIMIT - 5)) + _frame(0x89, b"longer") + _frame(0x88, b"\3\xe8bye"),
    _OPEN + b"\x89\x7e\x00\x01a",
    _OPEN + b"\x89\x7e\x00",
    _OPEN + b"\x82\x7f" + (1 << 63).to_bytes(8, "big"),
    b"\x01\x03\x01\x00\x00" + _frame(0x82, b"in pieces"),
    _RAW + ANSWER + _frame(0x82, b"at once"),
    _RAW + b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + ANSWER,
    _RAW + b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
    _RAW + b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
    _RAW + ANSWER.replace(b"Connection: ", b"Connection: keep-alive,\r\n "),
    _RAW + ANSWER.replace(b"Connection: ", b"Connection: keep-alive\r\nConnection: ,"),
]
