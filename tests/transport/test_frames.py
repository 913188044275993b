"""The WebSocket protocol, compared with the server and the client of ``websockets``."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as TheirFrame
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask
from websockets.uri import parse_uri

from connector.transport import frames
from connector.transport.frames import (
    BINARY,
    CLOSE,
    CLOSING,
    OPEN,
    PING,
    TEXT,
    TOO_BIG,
    BadFrame,
    BadUpgrade,
    WebSocket,
    mask_slowly,
)

RESOURCE = "/v1/data?a=%2F&b=c+d&X-Amz-Signature=00%20"
LIMIT = 1000


def plain(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    """Return a frame as a server sends it."""
    return TheirFrame(opcode, data, fin).serialize(mask=False)


class Ends:
    """Our client and their server. The test passes bytes between them."""

    def __init__(self) -> None:
        silent = logging.getLogger("silent")
        self.client = WebSocket(LIMIT)
        self.server = ServerProtocol(logger=silent)
        self.client.upgrade("gateway.test", RESOURCE, {"x-amz-date": "today"})
        (event,) = self.heard()
        assert isinstance(event, Request)
        self.request = event

    def open(self) -> None:
        self.server.send_response(self.server.accept(self.request))
        self.client.receive(b"".join(self.server.data_to_send()))
        assert self.client.state == OPEN
        assert self.client.error is None

    def give(self, data: bytes) -> list[tuple[int, bytes, bool]]:
        self.client.receive(data)
        return taken(self.client)

    def heard(self) -> Iterator[object]:
        """Return the events of the server."""
        self.server.receive_data(bytes(self.client.outgoing))
        self.client.outgoing.clear()
        yield from self.server.events_received()


def taken(client: WebSocket) -> list[tuple[int, bytes, bool]]:
    found = [(frame.opcode, frame.data, frame.fin) for frame in client.events]
    client.events.clear()
    return found


@pytest.fixture
def ends() -> Ends:
    ends = Ends()
    ends.open()
    return ends


def test_request_line_and_headers_are_sent_verbatim() -> None:
    request = Ends().request
    assert request.path == RESOURCE
    assert next(iter(request.headers.raw_items())) == ("Host", "gateway.test")
    assert request.headers["x-amz-date"] == "today"


def test_frame_in_two_reads_is_one_event(ends: Ends) -> None:
    data = plain(Opcode.BINARY, b"in two")
    assert ends.give(data[:3]) == []
    assert ends.give(data[3:]) == [(BINARY, b"in two", True)]


def test_frames_that_come_with_the_answer_are_received() -> None:
    ends = Ends()
    ends.server.send_response(ends.server.accept(ends.request))
    answer = b"".join(ends.server.data_to_send())
    assert ends.give(answer[:50]) == []
    assert ends.give(answer[50:] + plain(Opcode.TEXT, b"at once")) == [(TEXT, b"at once", True)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1024, 1025, 65535, 65536, 100_000])
def test_sent_frames_are_read_by_the_server(ends: Ends, size: int) -> None:
    messages = [random.Random(size).randbytes(size) for _ in range(3)]
    ends.client.send(TEXT, b"first")
    for message in messages:
        ends.client.send(BINARY, message)

    assert list(ends.heard()) == [
        TheirFrame(Opcode.TEXT, b"first"),
        *(TheirFrame(Opcode.BINARY, message) for message in messages),
    ]


def test_both_masks_give_the_same_bytes() -> None:
    for size in (0, 1, 3, 4, 5, 1000):
        data = random.Random(size).randbytes(size)
        assert mask_slowly(data, b"\1\xff\0\x80") == apply_mask(data, b"\1\xff\0\x80")


def test_frames_are_masked_in_c_after_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    masked = []

    def mask(data: bytes, key: bytes) -> bytes:
        masked.append(data)
        return mask_slowly(data, key)

    monkeypatch.setattr(frames, "_fastest_mask", lambda: mask)
    client = WebSocket(LIMIT)
    client.send(BINARY, b"small")
    assert masked == []
    client.send(BINARY, bytes(2000))
    client.send(BINARY, b"small")
    assert masked == [bytes(2000), b"small"]


def test_faster_mask_is_looked_for_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sought = []

    def seek() -> frames.Mask:
        sought.append(True)
        return mask_slowly

    monkeypatch.setattr(frames, "_fastest_mask", seek)
    client = WebSocket(LIMIT)
    for _ in range(200):
        client.send(BINARY, b"small")
    assert sought == [True]


def test_mask_that_cannot_be_loaded_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "websockets"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / f"speedups{EXTENSION_SUFFIXES[0]}").write_text("for another system")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert frames._fastest_mask() is mask_slowly


def test_each_frame_has_a_key_of_its_own() -> None:
    keys = iter((b"0123456789abcdef", b"key1", b"key2"))
    client = WebSocket(LIMIT, lambda size: next(keys))
    client.upgrade("gateway.test", "/", {})
    client.outgoing.clear()
    client.send(PING, b"")
    client.send(PING, b"")
    assert client.outgoing == b"\x89\x80key1\x89\x80key2"


def test_ping_is_answered(ends: Ends) -> None:
    assert ends.give(plain(Opcode.PING, b"keepalive")) == [(PING, b"keepalive", True)]
    assert list(ends.heard()) == [TheirFrame(Opcode.PONG, b"keepalive")]


def test_close_is_answered_and_has_its_code(ends: Ends) -> None:
    ends.server.send_close(CloseCode.MESSAGE_TOO_BIG, "too big")
    ((opcode, _, _),) = ends.give(b"".join(ends.server.data_to_send()))

    assert opcode == CLOSE
    assert (ends.client.close_code, ends.client.close_reason) == (1009, "too big")
    assert ends.client.state == CLOSING
    list(ends.heard())
    assert ends.server.close_rcvd is not None
    assert ends.server.close_rcvd.code == 1009


def test_close_without_a_code_is_answered_without_one(ends: Ends) -> None:
    ends.give(plain(Opcode.CLOSE, b""))
    assert ends.client.close_code == 1005
    (answer,) = ends.heard()
    assert answer == TheirFrame(Opcode.CLOSE, b"")


def test_frames_are_received_until_the_peer_answers_the_close(ends: Ends) -> None:
    ends.client.close(1000)
    assert ends.give(plain(Opcode.BINARY, b"late")) == [(BINARY, b"late", True)]
    list(ends.heard())
    ends.give(b"".join(ends.server.data_to_send()))
    assert ends.client.close_code == 1000
    assert ends.give(plain(Opcode.BINARY, b"too late")) == []


@pytest.mark.parametrize("status", [200, 302, 403, 503])
def test_refused_upgrade_has_its_status(status: int) -> None:
    ends = Ends()
    ends.server.send_response(ends.server.reject(status, "no"))
    assert ends.give(b"".join(ends.server.data_to_send())) == []
    assert isinstance(ends.client.error, BadUpgrade)
    assert ends.client.error.status == status


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 1O1 Fine\r\n\r\n",
        b"HTTP/1.1 101\r\nno header\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200" + b" " * 64 * 1024,
    ],
)
def test_malformed_answer_is_refused(answer: bytes) -> None:
    ends = Ends()
    ends.client.receive(answer)
    assert isinstance(ends.client.error, BadUpgrade)
    assert ends.client.error.status in (0, 101)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Upgrade", "h2c"),
        ("Connection", "close"),
        ("Sec-WebSocket-Accept", "AAAA"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Sec-WebSocket-Protocol", "chat"),
    ],
)
def test_answer_to_another_request_is_refused(header: str, value: str) -> None:
    ends = Ends()
    response = ends.server.accept(ends.request)
    if header in response.headers:
        del response.headers[header]
    response.headers[header] = value
    ends.server.send_response(response)
    ends.client.receive(b"".join(ends.server.data_to_send()))
    assert isinstance(ends.client.error, BadUpgrade)
    assert ends.client.error.status == 101


def test_names_of_headers_and_of_the_upgrade_may_be_in_any_case() -> None:
    ends = Ends()
    ends.server.send_response(ends.server.accept(ends.request))
    answer = b"".join(ends.server.data_to_send())
    answer = answer.replace(b"Upgrade: websocket", b"uPGRADE:  WebSocket \t")
    ends.client.receive(answer.replace(b"Connection: Upgrade", b"connection: keep-alive, upgrade"))
    assert ends.client.error is None
    assert ends.client.state == OPEN


def raw(first: int, data: bytes) -> bytes:
    """Return a frame that need not be allowed."""
    return bytes((first,)) + plain(Opcode.BINARY, data)[1:]


#: Frames and other bytes that a peer may send.
_PIECES = st.one_of(
    st.builds(
        raw,
        st.sampled_from([*range(0x80, 0x8C), 0x00, 0x01, 0x02, 0x09, 0xC2]),
        st.one_of(
            st.binary(max_size=130),
            st.integers(0, LIMIT + 5).map(bytes),
            st.sampled_from([b"\3\xe8", b"\3\xe8bye", b"\3\xee", b"\3\xe8\xff", b"\3"]),
        ),
    ),
    st.builds(raw, st.just(0x82), st.integers(0, 300).map(bytes)),
    st.builds(raw, st.sampled_from([0x01, 0x02, 0x00, 0x80]), st.integers(0, 300).map(bytes)),
    st.binary(max_size=4),
)

#: Pings, which complete any frame that was begun.
_PADDING = raw(0x89, b"") * LIMIT


class Theirs:
    """The client of ``websockets``, connected, after these bytes."""

    def __init__(self, data: bytes) -> None:
        silent = logging.getLogger("silent")
        client = ClientProtocol(parse_uri("wss://gateway.test/"), max_size=LIMIT, logger=silent)
        client.send_request(client.connect())
        server = ServerProtocol(logger=silent)
        server.receive_data(b"".join(client.data_to_send()))
        (request,) = server.events_received()
        assert isinstance(request, Request)
        server.send_response(server.accept(request))
        client.receive_data(b"".join(server.data_to_send()))
        client.events_received()
        client.receive_data(data)
        self.received = [
            (int(event.opcode), bytes(event.data), event.fin)
            for event in client.events_received()
            if isinstance(event, TheirFrame)
        ]
        self.error = client.parser_exc
        self.sent = b"".join(client.data_to_send())


def pongs(data: bytes) -> list[bytes]:
    """Return the pongs that a client has sent."""
    server = ServerProtocol(state=State.OPEN, logger=logging.getLogger("silent"))
    server.receive_data(data)
    frames = [event for event in server.events_received() if isinstance(event, TheirFrame)]
    return [bytes(frame.data) for frame in frames if frame.opcode is Opcode.PONG]


@given(st.lists(_PIECES, max_size=8), st.lists(st.integers(1, 400), max_size=8))
def test_any_input_is_read_as_websockets_reads_it(pieces: list[bytes], cuts: list[int]) -> None:
    ends = Ends()
    ends.open()
    data = b"".join(pieces)
    theirs = Theirs(data)

    received = []
    rest = data
    for cut in [*cuts, len(data)]:
        received += ends.give(rest[:cut])
        rest = rest[cut:]
    error = ends.client.error

    assert received == theirs.received
    assert pongs(bytes(ends.client.outgoing)) == pongs(theirs.sent)
    if theirs.error:
        assert isinstance(error, BadFrame)
    if isinstance(error, BadFrame) and error.code == TOO_BIG:
        assert isinstance(theirs.error, PayloadTooBig)
    if error:
        # The error may be found before the frame is complete. Theirs then comes with its end.
        assert Theirs(data + _PADDING).error
        assert Theirs(data + _PADDING[1:]).error
