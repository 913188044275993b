"""What a tunnel makes of the reports of its parts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from connector.cli.attach import GivenSession
from connector.sessions import SessionAccess
from connector.transport.address import StreamSettings
from connector.transport.lifecycle import Phase
from connector.transport.loop import Loop
from connector.transport.roles import Input, Output
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.trust import Trust
from connector.transport.tunnel import Tunnel


@dataclass
class Scene:
    """A tunnel between two pipes whose session never starts."""

    tunnel: Tunnel
    source: Input
    sink: Output


@pytest.fixture
def scene() -> Iterator[Scene]:
    stdin, feed = os.pipe()
    reader, stdout = os.pipe()
    loop = Loop()
    source, sink = open_input(loop, stdin), open_output(loop, stdout)
    tunnel = Tunnel(
        loop,
        Session(loop, GivenSession(SessionAccess("wss://localhost/", "token"))),
        source,
        sink,
        StreamSettings(Trust()),
        lambda line: None,
        lambda waiting: None,
    )
    source.start(lambda data: None, lambda: None)
    sink.start(lambda: None, lambda error: None)
    yield Scene(tunnel, source, sink)
    source.close()
    sink.close()
    loop.close()
    os.close(feed)
    os.close(reader)


def test_input_that_comes_while_closing_is_dropped(scene: Scene) -> None:
    """The agent has not acked anything: the window is full, and the time is over."""
    tunnel = scene.tunnel
    tunnel._channel.terminate()
    tunnel._lifecycle.phase = Phase.CLOSING

    tunnel._stdin_gave(b"too late")


def test_acks_are_read_before_one_counts_as_overdue(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may wait in a link that rests from reading."""
    tunnel = scene.tunnel
    steps: list[str] = []
    monkeypatch.setattr(tunnel._connection, "end_rest", lambda: steps.append("read"))
    monkeypatch.setattr(tunnel._channel, "handle_timer", lambda now: steps.append("judge"))

    tunnel._channel_due()

    assert steps == ["read", "judge"]
