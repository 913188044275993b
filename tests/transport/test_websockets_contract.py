"""What a link relies on in ``websockets``, so that a release that changes it fails here."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

RESOURCE = "/v1/data?a=%2F&b=c+d&X-Amz-Signature=00%20"


class Ends:
    """A client as a link makes it, and a server. The test passes bytes between them."""

    def __init__(self) -> None:
        silent = logging.getLogger("silent")
        self.client = ClientProtocol(
            parse_uri("wss://gateway.test/v1/data"), max_size=1000, logger=silent
        )
        self.server = ServerProtocol(logger=silent)
        request = self.client.connect()
        request.path = RESOURCE
        request.headers.update({"x-amz-date": "today"})
        self.client.send_request(request)
        self.server.receive_data(b"".join(self.client.data_to_send()))
        (event,) = self.server.events_received()
        assert isinstance(event, Request)
        self.request = event

    def open(self) -> None:
        self.server.send_response(self.server.accept(self.request))
        self.client.receive_data(b"".join(self.server.data_to_send()))
        (event,) = self.client.events_received()
        assert isinstance(event, Response)
        assert self.client.handshake_exc is None
        assert self.client.state is State.OPEN

    def give(self, data: bytes) -> list[object]:
        self.client.receive_data(data)
        return list(self.client.events_received())

    def heard(self) -> Iterator[Frame]:
        """Return the events of the server."""
        self.server.receive_data(b"".join(self.client.data_to_send()))
        for event in self.server.events_received():
            assert isinstance(event, Frame)
            yield event


@pytest.fixture
def ends() -> Ends:
    return Ends()


def test_request_line_and_headers_are_sent_verbatim(ends: Ends) -> None:
    assert ends.request.path == RESOURCE
    assert ends.request.headers["x-amz-date"] == "today"
    assert ends.request.headers["Host"] == "gateway.test"


def test_frames_of_one_read_are_events_in_order(ends: Ends) -> None:
    ends.open()
    frames = [Frame(Opcode.BINARY, b"a" * size) for size in (1, 125, 126, 900)]
    events = ends.give(b"".join(frame.serialize(mask=False) for frame in frames))

    assert [bytes(event.data) for event in events if isinstance(event, Frame)] == [
        frame.data for frame in frames
    ]
    assert all(isinstance(event, Frame) and event.fin for event in events)


def test_frame_in_two_reads_is_one_event(ends: Ends) -> None:
    ends.open()
    data = Frame(Opcode.BINARY, b"in two").serialize(mask=False)

    assert ends.give(data[:3]) == []
    assert ends.give(data[3:]) == [Frame(Opcode.BINARY, b"in two")]


def test_fragments_are_not_joined(ends: Ends) -> None:
    ends.open()
    pieces = [Frame(Opcode.BINARY, b"a", fin=False), Frame(Opcode.CONT, b"b")]

    assert ends.give(b"".join(piece.serialize(mask=False) for piece in pieces)) == pieces


def test_sent_frames_wait_for_one_write(ends: Ends) -> None:
    ends.open()
    ends.client.send_text(b"first")
    ends.client.send_binary(b"second")

    assert list(ends.heard()) == [Frame(Opcode.TEXT, b"first"), Frame(Opcode.BINARY, b"second")]
    assert ends.client.data_to_send() == []


def test_ping_is_answered_by_the_library(ends: Ends) -> None:
    ends.open()
    ends.give(Frame(Opcode.PING, b"keepalive").serialize(mask=False))

    assert list(ends.heard()) == [Frame(Opcode.PONG, b"keepalive")]


def test_close_is_answered_and_has_its_code(ends: Ends) -> None:
    ends.open()
    ends.server.send_close(1009, "too big")
    (event,) = ends.give(b"".join(ends.server.data_to_send()))

    assert isinstance(event, Frame)
    assert event.opcode is Opcode.CLOSE
    assert ends.client.close_rcvd is not None
    assert (ends.client.close_rcvd.code, ends.client.close_rcvd.reason) == (1009, "too big")
    assert ends.client.state is not State.OPEN


def test_refused_upgrade_has_its_status(ends: Ends) -> None:
    ends.server.send_response(ends.server.reject(403, "no"))
    ends.client.receive_data(b"".join(ends.server.data_to_send()))
    ends.client.receive_eof()

    assert any(isinstance(event, Response) for event in ends.client.events_received())
    assert isinstance(ends.client.handshake_exc, InvalidStatus)
    assert ends.client.handshake_exc.response.status_code == 403


def test_malformed_answer_is_known_without_an_event(ends: Ends) -> None:
    assert ends.give(b"SSH-2.0-OpenSSH\r\n\r\n") == []
    assert ends.client.handshake_exc is not None


def test_bad_frame_ends_the_link_after_the_good_frames(ends: Ends) -> None:
    ends.open()
    good, large = Frame(Opcode.BINARY, b"good"), Frame(Opcode.BINARY, bytes(1001))
    events = ends.give(good.serialize(mask=False) + large.serialize(mask=False))

    assert events == [good]
    assert isinstance(ends.client.parser_exc, PayloadTooBig)

    other = Ends()
    other.open()
    assert other.give(good.serialize(mask=False) + b"\x8f\x00") == [good]
    assert other.client.parser_exc is not None
    assert not isinstance(other.client.parser_exc, PayloadTooBig)
