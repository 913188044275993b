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
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as TheirFrame
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

from connector.transport import frames
from connector.transport.frames import (
    BINARY,
    CLOSE,
    CLOSING,
    MAX_HEAD,
    OPEN,
    PING,
    TEXT,
    BadUpgrade,
    WebSocket,
    mask_slowly,
)
from fuzz.websocket import ANSWER, LIMIT, compare_answers, compare_frames

RESOURCE = "/v1/data?a=%2F&b=c+d&X-Amz-Signature=00%20"


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


def test_control_frames_within_a_message_do_not_count_as_part_of_it(ends: Ends) -> None:
    whole = bytes(LIMIT - 1)
    given = [(Opcode.TEXT, whole, False), (Opcode.PING, b"keepalive", True)]
    given += [(Opcode.CONT, b"x", True)]
    assert ends.give(b"".join(plain(*each) for each in given)) == given
    assert ends.client.error is None


def test_close_within_a_message_has_its_code(ends: Ends) -> None:
    ends.give(plain(Opcode.TEXT, b"begun", fin=False) + plain(Opcode.CLOSE, b"\3\xe9bye"))
    assert (ends.client.close_code, ends.client.close_reason) == (1001, "bye")


@pytest.mark.parametrize("status", [200, 302, 307, 403, 407, 503])
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


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_refusal_of_an_old_load_balancer_has_its_status(version: bytes) -> None:
    ends = Ends()
    ends.client.receive(version + b" 503 Service Unavailable\r\nConnection: close\r\n\r\n")
    assert isinstance(ends.client.error, BadUpgrade)
    assert ends.client.error.status == 503


def test_old_version_of_http_upgrades_nothing() -> None:
    client = WebSocket(LIMIT, bytes)
    client.upgrade("gateway.test", "/", {})
    client.receive(ANSWER.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert isinstance(client.error, BadUpgrade)
    assert client.error.status == 101


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_interim_answers_before_the_upgrade_are_skipped(size: int) -> None:
    client = WebSocket(LIMIT, bytes)
    client.upgrade("gateway.test", "/", {})
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    data = early + ANSWER + plain(Opcode.BINARY, b"at once")
    for start in range(0, len(data), size):
        client.receive(data[start : start + size])
    assert client.error is None
    assert taken(client) == [(BINARY, b"at once", True)]


def test_interim_answers_without_end_are_refused() -> None:
    client = WebSocket(LIMIT)
    client.upgrade("gateway.test", "/", {})
    early = b"HTTP/1.1 102 Processing\r\n\r\n"
    for _ in range(MAX_HEAD // len(early) + 1):
        client.receive(early)
    assert isinstance(client.error, BadUpgrade)


def test_answer_that_comes_by_bytes_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0
    take_answer = WebSocket._take_answer

    def take(client: WebSocket, data: bytes) -> int:
        nonlocal searched
        searched += len(data)
        return take_answer(client, data)

    monkeypatch.setattr(WebSocket, "_take_answer", take)
    client = WebSocket(LIMIT, bytes)
    client.upgrade("gateway.test", "/", {})
    answer = ANSWER.replace(b"Upgrade: websocket", b"Upgrade: websocket" + b"\r\na: b" * 8000)
    for byte in answer:
        client.receive(bytes((byte,)))
    assert client.state == OPEN
    assert searched < 2 * len(answer)


@pytest.mark.parametrize("cuts", [(), (1,) * len(ANSWER)])
@pytest.mark.parametrize(
    "changed",
    [
        ANSWER.replace(b"Connection: Upgrade", b"Connection: keep-alive,\r\n Upgrade"),
        ANSWER.replace(b"Upgrade: websocket", b"Upgrade: websocket\r\nUpgrade: websocket"),
        ANSWER.replace(b"Sec-", b"Sec-WebSocket-Accept: AAAA\r\nSec-"),
        ANSWER.replace(b"Upgrade: websocket", b"Upgrade: , websocket ,"),
        ANSWER.replace(b"Connection: ", b"Connection: keep-alive\r\nConnection: "),
        ANSWER.replace(b"Sec-", b"Sec-WebSocket-Extensions:\r\nSec-"),
        ANSWER.replace(b" Switching Protocols", b""),
        ANSWER.replace(b"Upgrade:", b"Upgrade :"),
    ],
)
def test_unusual_answer_is_read_as_websockets_reads_it(
    changed: bytes, cuts: tuple[int, ...]
) -> None:
    assert changed != ANSWER
    compare_answers(changed, cuts)


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


@given(st.lists(_PIECES, max_size=8), st.lists(st.integers(1, 400), max_size=8))
def test_any_input_is_read_as_websockets_reads_it(pieces: list[bytes], cuts: list[int]) -> None:
    compare_frames(b"".join(pieces), cuts)
