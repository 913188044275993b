"""The start of a session: its time limit, and what an abandoned start leaves."""

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
from connector.transport.loop import Loop
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.trust import Trust
from connector.transport.tunnel import Tunnel

PATIENCE = 20.0
STARTING = Waiting("STARTING", 0.0, None)

Start = Callable[[StartProgress], SessionAccess]


class Source:
    """A session source whose start is a function of the test."""

    def __init__(self, start: Start) -> None:
        self._start = start

    def start(self, progress: StartProgress) -> SessionAccess:
        return self._start(progress)

    def resume(self, access: SessionAccess) -> None:
        raise AssertionError("there is no session")

    def tidy(self) -> None:
        """Do nothing: no sessions are left behind."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        raise AssertionError("there is no session")


def live(start: Start, shown: list[Waiting | None] | None = None) -> ConnectorError | None:
    """Run a tunnel to its end, and return the error that ended it."""
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
def test_wait_for_the_target_extends_the_limit() -> None:
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
def test_start_without_progress_times_out(goes_on: bool) -> None:
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
    """A session that its source is starting in a thread."""

    def __init__(self, start: Start) -> None:
        self.loop = Loop()
        self.outcomes: list[BaseException] = []
        self.session = Session(self.loop, Source(start))
        self.session.start(lambda access: None, self.outcomes.append, lambda waiting, pause: None)

    def outcome(self) -> BaseException:
        self.loop.run(lambda: bool(self.outcomes))
        self.loop.close()
        return self.outcomes[0]


def test_abandoned_start_ends_its_pause() -> None:
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
def test_abandoned_start_starts_no_session(waits: bool) -> None:
    """A start that is abandoned in its request may yield a session; in a wait it does not."""
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
def test_harmless_call_is_abandoned_at_once(harmless: bool) -> None:
    """A look-up before the request starts nothing, and is not shown to the user."""
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
def test_look_up_does_not_extend_the_limit() -> None:
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
    """A source whose session may be stopped."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.stopped: list[SessionAccess] = []

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self.stopped.append(access)


@pytest.mark.parametrize("begun", [False, True])
def test_crash_at_the_start_leaves_no_session_and_no_descriptors(
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
        os.write(feed, b"unread")
    os.close(feed)
    os.close(result)


def test_crash_before_the_session_is_requested_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """During a wait there is certainly no session, so the crash is reported at once."""
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
