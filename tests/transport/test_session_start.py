"""The clock of a start that has to wait, and what is left of a start that nobody wants."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from connector.errors import ConnectFailed, ConnectorError, QuotaExceeded, StartAbandoned
from connector.sessions import SessionAccess, StartProgress, Waiting
from connector.transport import lifecycle as lifecycle_module
from connector.transport import tunnel as tunnel_module
from connector.transport.address import StreamSettings
from connector.transport.connection import Connection
from connector.transport.dial import Trust
from connector.transport.loop import Loop
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.tunnel import Tunnel

PATIENCE = 20.0
STARTING = Waiting("STARTING", 0.0, None)

Start = Callable[[StartProgress], SessionAccess]


class Source:
    """A session source that does what a test says."""

    def __init__(self, start: Start) -> None:
        self._start = start

    def start(self, progress: StartProgress) -> SessionAccess:
        return self._start(progress)

    def resume(self, access: SessionAccess) -> None:
        raise AssertionError("there is no session")

    def tidy(self) -> None:
        """There is nothing to tidy."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        raise AssertionError("there is no session")


def live(start: Start, shown: list[Waiting | None] | None = None) -> ConnectorError | None:
    """A tunnel's whole life; what ended it."""
    stdin, feed = os.pipe()
    result, stdout = os.pipe()
    loop = Loop()
    tunnel = Tunnel(
        loop,
        Session(loop, Source(start)),
        open_input(loop, stdin),
        open_output(loop, stdout),
        StreamSettings(Trust()),
        lambda line: None,
        ([] if shown is None else shown).append,
    )
    try:
        tunnel.run()
    finally:
        loop.close()
        os.close(feed)
        os.close(result)
    return tunnel.error


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle_module, "OPEN_TIMEOUT", 0.5)
    monkeypatch.setattr(lifecycle_module, "PROGRESS_TIMEOUT", 0.5)


@pytest.mark.usefixtures("short_limits")
def test_waiting_that_goes_on_takes_nothing_from_the_limit() -> None:
    shown: list[Waiting | None] = []

    def start(progress: StartProgress) -> SessionAccess:
        for _ in range(10):
            progress.wait(STARTING, 0.1)
        progress.go_on()
        raise QuotaExceeded("the words")

    assert type(live(start, shown)) is QuotaExceeded
    assert shown == [STARTING] * 10 + [None]


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("goes_on", [False, True])
def test_without_progress_the_limit_holds(goes_on: bool) -> None:
    over = threading.Event()

    def start(progress: StartProgress) -> SessionAccess:
        progress.wait(STARTING, 0.0)
        if goes_on:
            progress.go_on()
        over.wait(PATIENCE)
        raise QuotaExceeded("too late")

    began = time.monotonic()
    error = live(start)
    over.set()
    assert type(error) is ConnectFailed
    assert "API cannot be reached in time" in str(error)
    assert time.monotonic() - began < PATIENCE / 2


class Starting:
    """A session whose source is in the middle of a start, in a thread of its own."""

    def __init__(self, start: Start) -> None:
        self.loop = Loop()
        self.outcomes: list[BaseException] = []
        self.session = Session(self.loop, Source(start))
        self.session.start(lambda access: None, self.outcomes.append, lambda waiting, pause: None)

    def outcome(self) -> BaseException:
        self.loop.run(lambda: bool(self.outcomes))
        self.loop.close()
        return self.outcomes[0]


def test_a_pause_ends_when_nobody_waits_any_more() -> None:
    paused = threading.Event()

    def start(progress: StartProgress) -> SessionAccess:
        progress.wait(STARTING, 0.0)
        paused.set()
        progress.wait(STARTING, 600.0)
        raise AssertionError("it goes on")

    starting = Starting(start)
    assert paused.wait(PATIENCE)
    assert starting.session.abandon_start()
    assert type(starting.outcome()) is StartAbandoned


@pytest.mark.parametrize("waits", [False, True])
def test_a_session_is_started_only_for_somebody(waits: bool) -> None:
    """Abandoned while it asks for a session, one may come of it; while it waits, none."""
    reached, abandoned = threading.Event(), threading.Event()

    def start(progress: StartProgress) -> SessionAccess:
        progress.wait(STARTING, 0.0)
        if not waits:
            progress.go_on()
        reached.set()
        abandoned.wait(PATIENCE)
        if waits:
            progress.go_on()
        raise QuotaExceeded("it was asked for")

    starting = Starting(start)
    assert reached.wait(PATIENCE)
    assert starting.session.abandon_start() is waits
    abandoned.set()
    assert type(starting.outcome()) is (StartAbandoned if waits else QuotaExceeded)


@pytest.mark.parametrize("harmless", [True, False])
def test_what_starts_nothing_is_left_at_once(harmless: bool) -> None:
    """A look-up before the session is asked for, of which nobody is told."""
    reached, abandoned = threading.Event(), threading.Event()

    def start(progress: StartProgress) -> SessionAccess:
        progress.may_leave(True)
        if not harmless:
            progress.may_leave(False)
        reached.set()
        abandoned.wait(PATIENCE)
        if harmless:
            progress.may_leave(False)
        raise QuotaExceeded("it was asked for")

    starting = Starting(start)
    assert reached.wait(PATIENCE)
    assert starting.session.abandon_start() is harmless
    abandoned.set()
    assert type(starting.outcome()) is (StartAbandoned if harmless else QuotaExceeded)


@pytest.mark.usefixtures("short_limits")
def test_a_look_up_takes_its_time_from_the_limit() -> None:
    shown: list[Waiting | None] = []
    over = threading.Event()

    def start(progress: StartProgress) -> SessionAccess:
        progress.may_leave(True)
        over.wait(0.3)
        progress.may_leave(False)
        over.wait(PATIENCE)
        raise QuotaExceeded("too late")

    began = time.monotonic()
    error = live(start, shown)
    over.set()
    assert type(error) is ConnectFailed
    assert time.monotonic() - began < PATIENCE / 2
    assert shown == []


class Stoppable(Source):
    """One whose session may be stopped."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.stopped: list[SessionAccess] = []

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self.stopped.append(access)


@pytest.mark.parametrize("begun", [False, True])
def test_a_crash_before_the_first_turn_leaves_neither_session_nor_descriptors(
    monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    crashed = threading.Event()

    def start(progress: StartProgress) -> SessionAccess:
        crashed.wait(PATIENCE)
        return SessionAccess("wss://localhost/", "token")

    def prepare(self: Connection) -> None:
        crashed.set()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Connection, "prepare", prepare)
    monkeypatch.setattr(tunnel_module, "DRAIN_TIMEOUT", PATIENCE)
    stdin, feed = os.pipe()
    result, stdout = os.pipe()
    loop, source = Loop(), Stoppable(start)
    session = Session(loop, source)
    if begun:
        session.begin()
    tunnel = Tunnel(
        loop,
        session,
        open_input(loop, stdin),
        open_output(loop, stdout),
        StreamSettings(Trust()),
        lambda line: None,
        lambda waiting: None,
    )
    with pytest.raises(RuntimeError, match="new thread"):
        tunnel.run()
    loop.close()

    assert source.stopped == [SessionAccess("wss://localhost/", "token")]
    assert os.read(result, 1) == b""
    with pytest.raises(BrokenPipeError):
        os.write(feed, b"to nobody")
    os.close(feed)
    os.close(result)


def test_a_crash_while_nothing_was_asked_for_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it waits, it is certain that there is no session: the crash is told at once."""
    waiting = threading.Event()

    def start(progress: StartProgress) -> SessionAccess:
        progress.may_leave(True)
        waiting.set()
        progress.wait(STARTING, PATIENCE)
        raise AssertionError("it goes on")

    def prepare(self: Connection) -> None:
        assert waiting.wait(PATIENCE)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Connection, "prepare", prepare)
    monkeypatch.setattr(tunnel_module, "DRAIN_TIMEOUT", PATIENCE)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="new thread"):
        live(start)
    assert time.monotonic() - began < PATIENCE / 2
