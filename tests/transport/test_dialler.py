"""Dialling ahead: the likely gateway is dialled before the session is started."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connector.transport.address import StreamAddress, StreamSettings
from connector.transport.dialler import Dialler
from connector.transport.loop import Loop
from connector.transport.trust import Trust
from tests.aws.peers import TlsPeer, listening

PATIENCE = 10.0


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[TlsPeer]:
    with TlsPeer(tmp_path, "localhost") as peer:
        yield peer


@dataclass
class Dialling:
    """A dialler, its loop, and the outcomes that it reported."""

    loop: Loop
    dialler: Dialler
    sockets: list[socket.socket] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def turn(self) -> None:
        """Run the loop until the dialler has reported an outcome."""
        deadline = self.loop.time() + PATIENCE
        self.loop.call_at(deadline, lambda: None)
        told = self.sockets, self.errors
        self.loop.run(lambda: any(told) or self.loop.time() >= deadline)

    def dial(self, port: int) -> None:
        address = StreamSettings(Trust()).check(f"wss://localhost:{port}/path?query")
        self.dialler.dial(address, PATIENCE, self.sockets.append, self.errors.append)
        self.turn()
        for sock in self.sockets:
            sock.close()

    def finish_ahead(self) -> None:
        attempt = self.dialler._attempt
        assert attempt is not None
        deadline = self.loop.time() + PATIENCE
        self.loop.call_at(deadline, lambda: None)
        self.loop.run(lambda: attempt.done or self.loop.time() >= deadline)
        assert attempt.done


def dialling(loop: Loop, likely: str, ca_file: Path | None = None) -> Dialling:
    settings = StreamSettings(Trust(str(ca_file) if ca_file else None), likely_gateway=likely)
    dialler = Dialler(loop, settings)
    dialler.dial_ahead()
    return Dialling(loop, dialler)


@pytest.mark.parametrize("finished", [True, False], ids=["before", "after"])
def test_right_guess_saves_a_connection(loop: Loop, peer: TlsPeer, finished: bool) -> None:
    """It does so whether the dial ahead has finished by then or not."""
    dial = dialling(loop, f"localhost:{peer.port}", peer.ca_file)
    if finished:
        dial.finish_ahead()
    dial.dial(peer.port)
    assert dial.dialler.ahead
    peer.wait_served()
    assert peer.connections == 1


def test_guess_is_used_once(loop: Loop, peer: TlsPeer) -> None:
    dial = dialling(loop, f"localhost:{peer.port}", peer.ca_file)
    dial.dial(peer.port)
    peer.wait_served()
    dial.sockets.clear()
    dial.dial(peer.port)
    peer.wait_served()
    assert not dial.dialler.ahead
    assert peer.connections == 2


def test_wrong_guess_is_closed(loop: Loop, peer: TlsPeer) -> None:
    with listening() as (_, port):
        dial = dialling(loop, f"localhost:{port}", peer.ca_file)
        dial.dial(peer.port)
        assert len(dial.sockets) == 1
        assert not dial.dialler.ahead
    peer.wait_served()
    assert peer.connections == 1


def test_socket_closed_by_the_gateway_is_dialled_again(loop: Loop, peer: TlsPeer) -> None:
    peer.impatient = True
    dial = dialling(loop, f"localhost:{peer.port}", peer.ca_file)
    dial.finish_ahead()
    peer.wait_served()
    peer.impatient = False
    dial.dial(peer.port)
    peer.wait_served()
    assert not dial.dialler.ahead
    assert peer.connections == 2


def test_failed_guess_is_dialled_again(loop: Loop, peer: TlsPeer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    dial = dialling(loop, f"localhost:{port}", peer.ca_file)
    dial.finish_ahead()
    dial.dial(port)
    assert [type(error).__name__ for error in dial.errors] == ["ConnectFailed"]


@pytest.mark.parametrize(
    "guess",
    ["", "evil.example:443", "ssmmessages.us-west-2.amazonaws.com.evil.example", "a b", "@"],
)
def test_guess_that_is_not_a_gateway_is_not_dialled(loop: Loop, guess: str) -> None:
    assert dialling(loop, guess).dialler._attempt is None


def test_unused_guess_is_closed(loop: Loop, peer: TlsPeer) -> None:
    dial = dialling(loop, f"localhost:{peer.port}", peer.ca_file)
    dial.finish_ahead()
    dial.dialler.cancel()
    peer.wait_served()
    assert b"".join(peer.requests) == b""  # and nothing was said


def test_second_guess_closes_the_first(loop: Loop, peer: TlsPeer) -> None:
    dial = dialling(loop, f"localhost:{peer.port}", peer.ca_file)
    dial.finish_ahead()
    first = dial.dialler._attempt  # held, so that only the dialler can close its socket
    dial.dialler.dial_ahead()
    assert first is not None
    assert first.take() == (False, None)
    peer.wait_served()
    dial.dial(peer.port)
    assert dial.dialler.ahead
    peer.wait_served()
    assert peer.connections == 2


def test_hanging_guess_takes_no_longer_than_one_dial(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    begin = Dialler._begin

    def counting(self: Dialler, address: StreamAddress, timeout: float) -> object:
        begun.append(address)
        return begin(self, address, timeout)

    monkeypatch.setattr(Dialler, "_begin", counting)
    with listening(backlog=5) as (_, port):
        dial = dialling(loop, f"localhost:{port}")
        address = StreamSettings(Trust()).check(f"wss://localhost:{port}/path?query")
        dial.dialler.dial(address, 0.2, lambda _: None, dial.errors.append)
        dial.turn()
    assert len(begun) == len(dial.errors) == 1
    assert "in time" in str(dial.errors[0])
