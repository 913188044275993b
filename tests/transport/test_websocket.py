"""A link over TLS, whose other end says exactly what a test wants in which record."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from connector.errors import ConnectorError, LinkLost, MessageRefused
from connector.transport.address import check_stream_url
from connector.transport.loop import Loop
from connector.transport.websocket import Link

TYPED, LONGER = b"k", b"acknowledge" * 100


class Owner:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.calls: list[int] = []
        self.lost: list[ConnectorError | None] = []
        self.opened = False

    def link_opened(self) -> None:
        self.opened = True

    def link_messages(self, messages: list[bytes]) -> None:
        self.messages += messages
        self.calls.append(len(messages))

    def link_text(self, text: str) -> None:
        raise AssertionError("nobody sends text")

    def link_writable(self) -> None:
        raise AssertionError("nobody was told to wait")

    def link_lost(self, error: ConnectorError | None) -> None:
        self.lost.append(error)


class Scene:
    """An open link, and its other end: a record of TLS for each :meth:`say`."""

    def __init__(self, loop: Loop) -> None:
        authority = trustme.CA()
        server, client = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
        authority.issue_cert("localhost").configure_cert(server)
        authority.configure_trust(client)
        ours, theirs = socket.socketpair()
        made: list[ssl.SSLSocket] = []
        greeter = threading.Thread(
            target=lambda: made.append(server.wrap_socket(theirs, server_side=True))
        )
        greeter.start()
        sock = client.wrap_socket(ours, server_hostname="localhost")
        greeter.join()
        sock.setblocking(False)
        self.loop = loop
        self.owner = Owner()
        self.far = made[0]
        address = check_stream_url("wss://localhost/", endpoint_overridden=True)
        self.link = Link(loop, sock, address, self.owner, 60.0, {})
        protocol = ServerProtocol()
        protocol.receive_data(self.far.recv(65536))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        self.far.sendall(b"".join(protocol.data_to_send()))
        loop.run(lambda: self.owner.opened)

    def say(self, *messages: bytes) -> None:
        """All in one record."""
        frames = (Frame(Opcode.BINARY, message) for message in messages)
        self.far.sendall(b"".join(frame.serialize(mask=False) for frame in frames))


@pytest.fixture
def scene() -> Iterator[Scene]:
    loop = Loop()
    scene = Scene(loop)
    yield scene
    scene.link.abort()
    scene.far.close()
    loop.close()


def test_what_is_typed_is_handed_on_before_more_is_read(scene: Scene) -> None:
    scene.say(TYPED)
    scene.say(LONGER)
    scene.say(LONGER, TYPED)

    scene.loop.run(lambda: sum(scene.owner.calls) == 4)

    assert scene.owner.messages == [TYPED, LONGER, LONGER, TYPED]
    assert scene.owner.calls == [1, 3]


def test_acknowledges_are_handed_on_in_one_go(scene: Scene) -> None:
    for _ in range(20):
        scene.say(LONGER)

    scene.loop.run(lambda: bool(scene.owner.calls))

    assert scene.owner.calls == [20]


def test_all_that_came_before_it_broke_is_handed_on(scene: Scene) -> None:
    for message in (TYPED, TYPED, TYPED, LONGER):
        scene.say(message)
    scene.far.close()  # and so what we send now is not taken
    scene.link.send_messages([TYPED])

    scene.loop.run(lambda: bool(scene.owner.lost))

    assert scene.owner.messages == [TYPED, TYPED, TYPED, LONGER]
    (error,) = scene.owner.lost
    assert isinstance(error, LinkLost)


@pytest.mark.parametrize("before", [[], [TYPED], [LONGER]])
def test_why_it_was_closed_is_told_though_the_end_comes_with_it(
    scene: Scene, before: list[bytes]
) -> None:
    for message in before:
        scene.say(message)
    scene.far.sendall(Frame(Opcode.CLOSE, Close(1009, "").serialize()).serialize(mask=False))
    scene.far.close()

    scene.loop.run(lambda: bool(scene.owner.lost))

    assert scene.owner.messages == before
    (error,) = scene.owner.lost
    assert isinstance(error, MessageRefused)


def test_why_it_was_closed_is_told_though_nothing_can_be_sent_any_more(scene: Scene) -> None:
    scene.say(LONGER)
    scene.far.sendall(Frame(Opcode.CLOSE, Close(1009, "").serialize()).serialize(mask=False))
    scene.far.close()
    scene.link.send_messages([TYPED])

    scene.loop.run(lambda: bool(scene.owner.lost))

    (error,) = scene.owner.lost
    assert isinstance(error, MessageRefused)
