"""The hand-over of the stream to ssh, on real sockets and without a session."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from connector.errors import LinkLost
from connector.transport.handover import GREETING_TIMEOUT, Handover
from connector.transport.loop import Loop

GREETING = b"SSH-2.0-OpenSSH_9.2\r\n"
BANNER = b"SSH-2.0-client\r\n"


class Clock(Loop):
    """A loop whose clock a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        super().__init__()

    def time(self) -> float:
        return self.now


class Stand:
    """A program with one socket for both directions, and the hand-over to it.

    :ivar events: what the hand-over has reported so far.
    """

    def __init__(self, loop: Clock, family: int = socket.AF_UNIX) -> None:
        self.loop = loop
        self.events: list[str] = []
        self.received = b""
        self.program, theirs = _pair(family)
        self.program.settimeout(5)
        self.life, living = os.pipe()
        self.dialer = os.fdopen(living, "wb")
        self.handover = Handover(
            loop,
            os.dup(theirs.fileno()),
            os.dup(theirs.fileno()),
            self.life,
            lambda: self.events.append("passed"),
            lambda: self.events.append("gone"),
        )
        theirs.close()
        self.input, self.output = self.handover.input, self.handover.output
        self.input.start(self._on_data, lambda: self.events.append("input ended"))
        self.output.start(lambda: None, lambda _: self.events.append("output broken"))
        self.input.set_wanted(1 << 16)

    def _on_data(self, data: bytes) -> None:
        self.received += data

    def until(self, done: Callable[[], object]) -> None:
        """Run the loop until ``done()``; a timer of the test's own keeps it from waiting."""
        for _ in range(1000):
            if done():
                return
            self.loop.call_soon(lambda: None)
            self.loop.run(iter([False, True]).__next__)
        raise AssertionError(f"it never came; so far {self.events}, {self.received!r}")

    def turn(self) -> None:
        """Let the loop handle what is there."""
        turns = iter(range(5))
        self.until(lambda: next(turns) == 4)

    def take(self) -> socket.socket:
        """Receive a descriptor as ssh does, and return its socket."""
        data, (fd,), _, _ = socket.recv_fds(self.program, 1, 1)
        assert len(data) == 1
        self.program.close()
        connection = socket.socket(fileno=fd)
        connection.settimeout(5)
        return connection

    def close(self) -> None:
        self.input.close()
        self.output.close()
        self.program.close()
        self.dialer.close()
        with suppress(OSError):
            os.close(self.life)


def _pair(family: int) -> tuple[socket.socket, socket.socket]:
    if family == socket.AF_UNIX:
        return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


def has_data(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


@pytest.fixture
def loop() -> Iterator[Clock]:
    with closing(Clock()) as loop:
        yield loop


@pytest.fixture
def stand(loop: Clock) -> Iterator[Stand]:
    with closing(Stand(loop)) as stand:
        yield stand


def test_ssh_gets_its_socket_with_the_first_output(stand: Stand) -> None:
    stand.turn()
    assert not has_data(stand.program)
    stand.output.write(GREETING)
    with stand.take() as connection:
        stand.until(lambda: stand.events)
        assert connection.recv(100) == GREETING
        connection.sendall(BANNER)
        stand.until(lambda: stand.received)
    stand.until(lambda: "gone" in stand.events)
    assert stand.received == BANNER
    assert [event for event in stand.events if event != "output broken"] == [
        *("passed", "input ended", "gone")
    ]


def test_output_is_kept_until_ssh_has_its_socket(stand: Stand) -> None:
    for number in range(3):
        stand.output.write(b"%d" % number)
    assert stand.output.pending_bytes == 3
    with stand.take() as connection:
        stand.until(lambda: stand.events)
        stand.output.write(b"3")
        assert connection.recv(100) == b"0123"
        assert stand.output.pending_bytes == 0


def test_ssh_may_send_before_the_end_of_its_first_socket_is_seen(stand: Stand) -> None:
    stand.output.write(GREETING)
    with stand.take() as connection:
        connection.sendall(BANNER)
        stand.until(lambda: stand.received)
        assert stand.events == ["passed"]


def test_silent_server_gets_its_client_after_a_moment(stand: Stand, loop: Clock) -> None:
    stand.handover.session_opened("Port")
    loop.now += GREETING_TIMEOUT - 0.01
    stand.turn()
    assert not has_data(stand.program)
    loop.now += 0.02
    stand.turn()
    with stand.take() as connection:
        connection.sendall(BANNER)
        stand.until(lambda: stand.received)
    assert stand.received == BANNER


def test_second_opening_offers_nothing_again(stand: Stand, loop: Clock) -> None:
    stand.output.write(GREETING)
    with stand.take() as connection:
        stand.until(lambda: stand.events)
        stand.handover.session_opened("Port")
        loop.now += 2 * GREETING_TIMEOUT
        stand.turn()
        assert connection.recv(100) == GREETING
        assert not has_data(connection)


def test_client_that_speaks_first_keeps_its_socket(stand: Stand) -> None:
    """libssh does so. It reads no line before the greeting."""
    stand.program.sendall(BANNER)
    stand.until(lambda: stand.received == BANNER)
    stand.output.write(GREETING)
    assert stand.program.recv(100) == GREETING
    assert stand.events == []


def test_client_that_speaks_after_the_offer_keeps_its_socket(stand: Stand) -> None:
    stand.output.write(GREETING)
    stand.program.sendall(BANNER)
    stand.until(lambda: stand.received == BANNER)
    stand.turn()
    assert stand.program.recv(1) == b"\n"
    assert stand.program.recv(100) == GREETING
    assert stand.events == []


def test_client_that_waits_for_the_greeting_keeps_its_socket(stand: Stand) -> None:
    """It reads the message without the descriptor, which the system then closes."""
    stand.output.write(GREETING)
    stand.turn()
    assert stand.program.recv(100) == b"\n"
    stand.turn()
    assert stand.program.recv(100) == GREETING
    stand.program.sendall(BANNER)
    stand.until(lambda: stand.received == BANNER)
    assert stand.events == []


def test_client_that_stops_writing_still_gets_its_output(stand: Stand) -> None:
    stand.program.shutdown(socket.SHUT_WR)
    stand.until(lambda: stand.events)
    stand.output.write(GREETING)
    assert stand.program.recv(100) == GREETING
    assert stand.events == ["input ended"]


def test_tcp_socket_of_inetd_carries_the_stream(loop: Clock) -> None:
    with closing(Stand(loop, socket.AF_INET)) as stand:
        stand.output.write(GREETING)
        stand.turn()
        assert stand.program.recv(100) == GREETING
        assert stand.events == []


@pytest.mark.parametrize("offered", [False, True])
def test_end_of_ssh_before_it_has_its_socket_is_noticed(stand: Stand, offered: bool) -> None:
    if offered:
        stand.output.write(GREETING)
    stand.program.close()
    stand.until(lambda: "gone" in stand.events)
    stand.turn()
    assert stand.events.count("gone") == 1


def test_offer_to_an_ssh_that_has_ended_is_no_error(stand: Stand) -> None:
    stand.program.close()
    stand.output.write(GREETING)
    assert stand.events == ["gone"]


def test_offer_that_the_system_refuses_is_an_error(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ETOOMANYREFS, "Too many references")

    monkeypatch.setattr(socket, "send_fds", refuse)
    with pytest.raises(LinkLost, match="Too many references"):
        stand.output.write(GREETING)


@pytest.mark.parametrize("passes", [True, False])
def test_killed_dialer_ends_the_session(stand: Stand, passes: bool) -> None:
    """A program that keeps its socket waits for the dialer to the end."""
    if not passes:
        stand.program.sendall(BANNER)
        stand.until(lambda: stand.received)
    stand.dialer.close()
    stand.until(lambda: stand.events)
    stand.turn()
    assert stand.events == ["gone"]


def test_rest_of_an_unbound_input_is_its_end(stand: Stand) -> None:
    stand.input.take_rest()
    stand.until(lambda: stand.events)
    assert stand.events == ["input ended"]


def test_close_before_the_hand_over_closes_the_socket_of_ssh(stand: Stand) -> None:
    stand.output.write(GREETING)
    stand.input.close()
    stand.output.close()
    data, fds, _, _ = socket.recv_fds(stand.program, 1, 1)
    assert (data, len(fds)) == (b"\n", 1)
    with socket.socket(fileno=fds[0]) as connection:
        assert connection.recv(1) == b""
    assert stand.program.recv(1) == b""
