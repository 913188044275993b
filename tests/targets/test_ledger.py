"""The ledger of open sessions, and the sweep that stops what killed processes have left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.errors import ConnectFailed
from connector.sessions import SessionAccess, StartProgress
from connector.targets import ledger as module
from connector.targets.ledger import Ledger
from connector.targets.source import LedgerSource
from connector.targets.sweeping import (
    MAX_AGE,
    MOST_STOPPED,
    sweep,
)

from ..aws.helpers import UNWATCHED
from ..endtoend.waiting import eventually

ENDPOINT = "https://api.example"
KEY = "MySpace/My.Project/1"

#: Enters sessions, and lives until it is killed.
HOLDER = """
import sys
from connector.targets.ledger import Ledger
directory, endpoint, key, *sessions = sys.argv[1:]
entries = [Ledger(directory, endpoint).enter(key, session) for session in sessions]
print(all(entries), flush=True)
sys.stdin.read()
"""


class Holder:
    """A process that has sessions open."""

    def __init__(
        self, directory: Path, *sessions: str, key: str = KEY, endpoint: str = ENDPOINT
    ) -> None:
        words = [sys.executable, "-c", HOLDER, str(directory), endpoint, key, *sessions]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"True\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def leave(directory: Path, *sessions: str, key: str = KEY, endpoint: str = ENDPOINT) -> None:
    """Leave entries of a process that was killed."""
    Holder(directory, *sessions, key=key, endpoint=endpoint).kill()


def swept(
    directory: Path, stop: Callable[[str, float], None] | None = None, age: float = 0.0
) -> list[str]:
    """Sweep once, ``age`` seconds from now; return the ids that were to be stopped."""
    asked: list[str] = []

    def note(session_id: str, timeout: float) -> None:
        asked.append(session_id)
        if stop:
            stop(session_id, timeout)

    sweep(Ledger(str(directory), ENDPOINT), KEY, note, lambda: False, lambda: time.time() + age)
    return sorted(asked)


def entries(directory: Path) -> int:
    return len(list(directory.iterdir()))


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A directory of entries."""
    directory = tmp_path / "sessions"
    directory.mkdir()
    return directory


def test_session_of_a_killed_process_is_stopped_once(ledger: Path) -> None:
    leave(ledger, "s-1", "s-2")
    assert swept(ledger) == ["s-1", "s-2"]
    assert entries(ledger) == 0
    assert swept(ledger) == []


def test_session_of_a_live_process_is_left_alone(ledger: Path) -> None:
    holder = Holder(ledger, "s-1")
    try:
        assert swept(ledger) == []
        assert swept(ledger, age=2 * MAX_AGE) == []
        assert entries(ledger) == 1
    finally:
        holder.kill()
    assert swept(ledger) == ["s-1"]


def test_session_of_the_sweeping_process_keeps_its_lock(ledger: Path) -> None:
    entry = Ledger(str(ledger), ENDPOINT).enter(KEY, "mine")
    assert entry is not None
    assert swept(ledger) == []
    other = "from tests.targets.test_ledger import *; print(swept(Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", other, str(ledger)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    entry.remove()
    assert entries(ledger) == 0


def test_session_that_cannot_be_stopped_stays_for_the_next_sweep(ledger: Path) -> None:
    def fail(session_id: str, timeout: float) -> None:
        assert 0 < timeout < 10
        raise ConnectFailed("no network")

    leave(ledger, "s-1", "s-2")
    assert swept(ledger, fail) == ["s-1", "s-2"]
    assert swept(ledger) == ["s-1", "s-2"]


@pytest.mark.parametrize("other", [{"key": "MySpace/My.Project/2"}, {"endpoint": "https://b"}])
def test_session_of_another_environment_or_endpoint_is_left_alone(
    ledger: Path, other: dict[str, str]
) -> None:
    leave(ledger, "s-1", **other)
    assert swept(ledger) == []
    assert entries(ledger) == 1
    assert swept(ledger, age=MAX_AGE + 60) == []
    assert entries(ledger) == 0


def test_entry_of_another_host_or_boot_is_left_alone(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock may not reach this host."""
    leave(ledger, "s-1")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_BOOT_ID", str(ledger / "none"))
        assert swept(ledger) == []
    assert swept(ledger) == ["s-1"]


@pytest.mark.parametrize("content", [b"", b"[]", b'["a", "b", "c", 4]', b"\xff", b"[" * 3000])
def test_file_that_is_no_entry_goes_after_a_minute(ledger: Path, content: bytes) -> None:
    (ledger / "1.ab").write_bytes(content)
    assert swept(ledger) == []
    assert entries(ledger) == (0 if content else 1)
    assert swept(ledger, age=120) == []
    assert entries(ledger) == 0


def test_what_is_no_regular_file_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("[]")
    directory = tmp_path / "sessions"
    directory.mkdir()
    (directory / "link").symlink_to(target)
    os.mkfifo(directory / "pipe")
    (directory / "directory").mkdir()
    assert swept(directory, age=2 * MAX_AGE) == []
    assert entries(directory) == 3
    assert target.exists()


def test_a_sweep_is_bounded_and_the_next_one_goes_on(ledger: Path) -> None:
    sessions = {f"s-{number}" for number in range(MOST_STOPPED + 5)}
    leave(ledger, *sessions)
    first, second = swept(ledger), swept(ledger)
    assert len(first) == MOST_STOPPED
    assert {*first, *second} == sessions


def test_nothing_is_begun_once_the_stream_has_ended(ledger: Path) -> None:
    leave(ledger, "s-1")

    def stop(session_id: str, timeout: float) -> None:
        raise AssertionError("it is over")

    sweep(Ledger(str(ledger), ENDPOINT), KEY, stop, lambda: True)
    assert entries(ledger) == 1


def test_two_sweeps_at_once_do_not_both_stop_a_session(ledger: Path) -> None:
    leave(ledger, "s-1")
    other = "from tests.targets.test_ledger import *; print(swept(Path(sys.argv[1])))"
    said: list[str] = []

    def sweep_elsewhere(session_id: str, timeout: float) -> None:
        words = [sys.executable, "-c", other, str(ledger)]
        said.append(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    assert swept(ledger, sweep_elsewhere) == ["s-1"]
    assert said == ["[]\n"]


def test_entry_is_private_and_holds_no_secret(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "sessions"
    mask = os.umask(0)
    try:
        entry = Ledger(str(directory), ENDPOINT).enter(KEY, "s-1")
    finally:
        os.umask(mask)
    assert entry is not None
    (path,) = directory.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert json.loads(path.read_bytes())[1:] == [ENDPOINT, KEY, "s-1"]
    entry.remove()


@pytest.mark.parametrize("obstacle", ["a file", "no locks"])
def test_session_goes_on_without_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    directory = tmp_path / "sessions"
    if obstacle == "a file":
        directory.touch()
    else:

        def refuse(*_: object) -> None:
            raise OSError(37, "No locks available")

        monkeypatch.setattr(os, "lockf", refuse)
    assert Ledger(str(directory), ENDPOINT).enter(KEY, "s-1") is None
    assert not module.held
    if directory.is_dir():
        assert entries(directory) == 0
    assert swept(directory) == []


class Starter:
    """A session source whose sessions have the ids s-1, s-2 and so on.

    :ivar stops: the ids of the sessions that were stopped.
    :ivar failure: what stopping a session raises.
    """

    def __init__(self) -> None:
        self.stops: list[str] = []
        self.failure: ConnectFailed | None = None
        self._started = 0

    def start(self, progress: StartProgress) -> SessionAccess:
        self._started += 1
        return SessionAccess("wss://gateway", "token", f"s-{self._started}")

    def resume(self, access: SessionAccess) -> None:
        """There is no such thing."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self.stops.append(access.session_id)
        if self.failure:
            raise self.failure

    def tidy(self) -> None:
        """There is nothing to tidy."""


@pytest.fixture
def source(ledger: Path, starter: Starter) -> LedgerSource:
    return LedgerSource(starter, lambda: KEY, Ledger(str(ledger), ENDPOINT))


@pytest.fixture
def starter() -> Starter:
    return Starter()


def test_source_enters_a_session_and_removes_it_when_it_is_stopped(
    ledger: Path, source: LedgerSource
) -> None:
    access = source.start(UNWATCHED)
    eventually(lambda: entries(ledger) == 1, "the entry")
    source.stop(access, 1)
    eventually(lambda: entries(ledger) == 0, "the end of the entry")
    assert not module.held


def test_source_leaves_the_entry_of_a_session_that_it_could_not_stop(
    ledger: Path, source: LedgerSource, starter: Starter
) -> None:
    starter.failure = ConnectFailed("no network")
    access = source.start(UNWATCHED)
    eventually(lambda: entries(ledger) == 1, "the entry")
    with pytest.raises(ConnectFailed):
        source.stop(access, 1)
    eventually(lambda: not module.held, "the release")
    assert swept(ledger) == ["s-1"]


def test_source_waits_for_no_lock(
    ledger: Path, source: LedgerSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock server of a home may be away for minutes."""
    released = threading.Event()
    lock = os.lockf

    def wait(*arguments: int) -> None:
        assert released.wait(20)
        lock(*arguments)

    monkeypatch.setattr(os, "lockf", wait)
    access = source.start(UNWATCHED)
    source.stop(access, 1)
    released.set()
    eventually(lambda: entries(ledger) == 0 and not module.held, "the end of the entry")


def test_source_sweeps_the_sessions_of_its_own_environment(
    ledger: Path, source: LedgerSource, starter: Starter
) -> None:
    leave(ledger, "left")
    leave(ledger, "other", key="MySpace/My.Project/2")
    access = source.start(UNWATCHED)
    eventually(lambda: entries(ledger) == 3, "the entry")
    source.tidy()
    assert starter.stops == ["left"]
    source.stop(access, 1)
    source.tidy()  # a thread may come to it late
    assert starter.stops == ["left", "s-1"]
