"""A link over TLS, whose peer sends exactly the records that a test names."""

from __future__ import annotations

import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial

import pytest
import trustme
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from connector.errors import ConnectorError, LinkLost, MessageRefused
from connector.transport import frames
from connector.transport.address import check_stream_url
from connector.transport.loop import Loop
from connector.transport.websocket import FRAME_BUDGET, Link

TYPED, LONGER = b"k", b"acknowledge" * 100


class Owner:
    """A LinkOwner that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.calls: list[int] = []
        self.texts = 0
        self.lost: list[ConnectorError | None] = []
        self.opened = False

    def link_opened(self) -> None:
        self.opened = True

    def link_messages(self, messages: list[bytes]) -> None:
        self.messages += messages
        self.calls.append(len(messages))

    def link_text(self, text: str) -> None:
        self.texts += 1

    def link_writable(self) -> None:
        raise AssertionError("the test did not expect a wait")

    def link_lost(self, error: ConnectorError | None) -> None:
        self.lost.append(error)


class Scene:
    """An open link and its peer, which sends one TLS record for each :meth:`say`."""

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
        """Send these frames in one record."""
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


def test_echo_is_handed_on_before_more_is_read(scene: Scene) -> None:
    scene.say(TYPED)
    scene.say(LONGER)
    scene.say(LONGER, TYPED)

    scene.loop.run(lambda: sum(scene.owner.calls) == 4)

    assert scene.owner.messages == [TYPED, LONGER, LONGER, TYPED]
    assert scene.owner.calls == [1, 3]


def test_acks_are_handed_on_in_one_batch(scene: Scene) -> None:
    for _ in range(20):
        scene.say(LONGER)

    scene.loop.run(lambda: bool(scene.owner.calls))

    assert scene.owner.calls == [20]


def test_frames_before_a_broken_link_are_handed_on(scene: Scene) -> None:
    for message in (TYPED, TYPED, TYPED, LONGER):
        scene.say(message)
    scene.far.close()  # and so what we send now is not taken
    scene.link.send_messages([TYPED])

    scene.loop.run(lambda: bool(scene.owner.lost))

    assert scene.owner.messages == [TYPED, TYPED, TYPED, LONGER]
    (error,) = scene.owner.lost
    assert isinstance(error, LinkLost)


class Rests:
    """A pace that rests after every batch for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def rest(self, messages: list[bytes], now: float) -> float:
        return self.seconds


LONG, SHORT = 3600.0, 0.005


def begin_rest(scene: Scene, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the link rest after one message, and send it three more."""
    monkeypatch.setattr(scene.link, "_pace", Rests(seconds))
    scene.say(LONGER)
    scene.loop.run(lambda: bool(scene.owner.calls))
    for _ in range(3):
        scene.say(LONGER)


def turn(loop: Loop, times: int) -> None:
    """Run a few turns, each of which handles what is ready."""
    left = times

    def last() -> bool:
        nonlocal left
        left -= 1
        loop.call_soon(lambda: None)
        return left < 0

    loop.run(last)


def test_messages_that_come_during_a_rest_are_handed_on_after_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_rest(scene, SHORT, monkeypatch)

    scene.loop.run(lambda: len(scene.owner.calls) == 2)

    assert scene.owner.calls == [1, 3]


def test_nothing_is_read_until_a_rest_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_rest(scene, LONG, monkeypatch)
    turn(scene.loop, 5)
    resting = scene.owner.calls.copy()

    scene.link.end_rest()

    assert resting == [1]
    assert scene.owner.calls == [1, 3]


def test_link_without_a_rest_hands_on_each_message(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_rest(scene, 0.0, monkeypatch)
    scene.link.end_rest()  # there is none
    calls = scene.owner.calls.copy()

    scene.loop.run(lambda: sum(scene.owner.calls) == 4)

    assert calls == [1]


def test_rest_leaves_a_paused_link_paused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_rest(scene, LONG, monkeypatch)
    scene.link.set_reading(False)
    scene.link.end_rest()
    turn(scene.loop, 5)
    paused = scene.owner.calls.copy()

    scene.link.set_reading(True)
    scene.loop.run(lambda: len(scene.owner.calls) == 2)

    assert paused == [1]
    assert scene.owner.calls == [1, 3]


def test_loss_during_a_rest_is_reported_after_what_came_before_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_rest(scene, SHORT, monkeypatch)
    scene.far.close()

    scene.loop.run(lambda: bool(scene.owner.lost))

    assert scene.owner.messages == [LONGER] * 4
    (error,) = scene.owner.lost
    assert isinstance(error, LinkLost)


def test_failed_write_during_a_rest_loses_no_message(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_rest(scene, LONG, monkeypatch)
    scene.far.close()
    scene.link.send_messages([TYPED])

    scene.loop.run(lambda: bool(scene.owner.lost))

    assert scene.owner.messages == [LONGER] * 4


def test_abort_ends_a_rest(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_rest(scene, SHORT, monkeypatch)
    scene.link.abort()
    waited = []
    scene.loop.call_at(scene.loop.time() + 2 * SHORT, lambda: waited.append(True))

    scene.loop.run(lambda: bool(waited))

    assert scene.owner.calls == [1]


@pytest.mark.parametrize("before", [[], [TYPED], [LONGER]])
def test_close_reason_is_reported_when_eof_comes_with_it(scene: Scene, before: list[bytes]) -> None:
    for message in before:
        scene.say(message)
    scene.far.sendall(Frame(Opcode.CLOSE, Close(1009, "").serialize()).serialize(mask=False))
    scene.far.close()

    scene.loop.run(lambda: bool(scene.owner.lost))

    assert scene.owner.messages == before
    (error,) = scene.owner.lost
    assert isinstance(error, MessageRefused)


def test_close_reason_is_reported_when_nothing_can_be_sent(scene: Scene) -> None:
    scene.say(LONGER)
    scene.far.sendall(Frame(Opcode.CLOSE, Close(1009, "").serialize()).serialize(mask=False))
    scene.far.close()
    scene.link.send_messages([TYPED])

    scene.loop.run(lambda: bool(scene.owner.lost))

    (error,) = scene.owner.lost
    assert isinstance(error, MessageRefused)


# Floods: what the frames are does not matter, their number does.

#: Seconds that a flood may take on a busy machine.
PATIENCE = 60.0

TINY = {
    "empty messages": Frame(Opcode.BINARY, b""),
    "small messages": Frame(Opcode.BINARY, b"x" * 20),
    "empty texts": Frame(Opcode.TEXT, b""),
    "texts": Frame(Opcode.TEXT, b"hello"),
    "pings": Frame(Opcode.PING, b""),
    "pongs": Frame(Opcode.PONG, b""),
}


class Backlog(deque[frames.Frame]):
    """A backlog that counts the frames taken out of it."""

    taken = 0

    def popleft(self) -> frames.Frame:
        self.taken += 1
        return super().popleft()


def flood(scene: Scene, data: bytes, total: int) -> list[int]:
    """Send data of so many frames; how many of them each turn of the loop has handled.

    The first turn that reads is two: it finds the socket readable, and then reads on.
    """
    backlog = scene.link._backlog = Backlog()
    scene.loop.call_at(scene.loop.time() + PATIENCE, partial(pytest.fail, "it does not end"))
    sender = threading.Thread(target=scene.far.sendall, args=(data,))
    sender.start()
    turns: list[int] = []
    while backlog.taken < total:
        before = backlog.taken
        scene.loop._turn()
        turns.append(backlog.taken - before)
    sender.join()
    first = next(index for index, count in enumerate(turns) if count)
    assert turns[first] <= 2 * FRAME_BUDGET
    return turns[first + 1 :]


@pytest.mark.parametrize("case", TINY)
def test_turn_handles_a_bounded_number_of_tiny_frames(scene: Scene, case: str) -> None:
    total = 20_000
    turns = flood(scene, TINY[case].serialize(mask=False) * total, total)
    # A turn after an empty backlog may find the socket readable again, as the first does.
    assert max(turns) <= 2 * FRAME_BUDGET
    owner = scene.owner
    data = total if TINY[case].opcode in (Opcode.BINARY, Opcode.TEXT) else 0
    assert len(owner.messages) + owner.texts == data


def test_turn_handles_a_bounded_number_of_fragments(scene: Scene) -> None:
    total = 20_000
    pieces = [Frame(Opcode.CONT, b"x", fin=False).serialize(mask=False)] * (total - 2)
    first, last = Frame(Opcode.BINARY, b"x", fin=False), Frame(Opcode.CONT, b"x")
    data = [first.serialize(mask=False), *pieces, last.serialize(mask=False)]
    assert max(flood(scene, b"".join(data), total)) <= FRAME_BUDGET
    assert scene.owner.messages == [b"x" * total]


def test_timers_and_signals_run_between_the_frames_of_a_flood(scene: Scene) -> None:
    """The handler of a signal calls ``call_soon``."""
    when: list[int] = []
    backlog = scene.link._backlog = Backlog()
    total = 20_000
    scene.loop.call_at(scene.loop.time(), lambda: when.append(backlog.taken))
    scene.loop.call_soon(lambda: when.append(backlog.taken))
    sender = threading.Thread(target=scene.far.sendall, args=(bytes((0x81, 0)) * total,))
    sender.start()
    scene.loop.run(lambda: backlog.taken == total)
    sender.join()
    assert len(when) == 2
    assert max(when) <= 2 * FRAME_BUDGET


def test_flood_is_handled_completely_when_eof_comes_with_it(scene: Scene) -> None:
    total = 5000  # in one record
    flooding = Frame(Opcode.BINARY, b"").serialize(mask=False) * total
    scene.far.sendall(
        flooding + Frame(Opcode.CLOSE, Close(1009, "").serialize()).serialize(mask=False)
    )
    scene.far.close()
    scene.loop.run(lambda: bool(scene.owner.lost))
    assert len(scene.owner.messages) == total
    assert isinstance(scene.owner.lost[0], MessageRefused)


def test_flood_before_a_broken_link_is_handled_completely(scene: Scene) -> None:
    total = 5000
    scene.far.sendall(Frame(Opcode.BINARY, b"").serialize(mask=False) * total)
    scene.far.close()
    scene.link.send_messages([TYPED])  # what we send now is not taken
    scene.loop.run(lambda: bool(scene.owner.lost))
    assert len(scene.owner.messages) == total


def test_flood_waits_while_nothing_is_read(scene: Scene) -> None:
    total = 5000
    scene.far.sendall(Frame(Opcode.BINARY, b"").serialize(mask=False) * total)
    scene.loop.run(lambda: bool(scene.owner.messages))
    scene.link.set_reading(False)
    seen = len(scene.owner.messages)
    for _ in range(2):
        scene.loop.call_soon(lambda: None)
        scene.loop._turn()
    assert len(scene.owner.messages) == seen < total
    scene.link.set_reading(True)
    scene.loop.run(lambda: len(scene.owner.messages) == total)
