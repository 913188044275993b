"""A program that gives keys may wait for its user. A start, and other threads, wait with it."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connector import programs
from connector.aws.keys import programwait
from connector.aws.keys.source import AwsKeys, KeySource
from connector.aws.profile import load_profile, with_credentials
from connector.errors import StartAbandoned
from connector.sessions import Waiting
from connector.transport.trust import Trust

from .sources import ROLE, serving

KEYS = AwsKeys("AKIDP", "hidden-p")

#: It writes its keys once the user has answered, by writing into a fifo.
PROGRAM = """\
import os
open({pid!r}, "w").write(str(os.getpid()))
open({fifo!r}).read()
print('{{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden-p"}}')
"""


@dataclass
class Progress:
    """A ``StartProgress`` that records its calls, and calls a function in each wait."""

    happens: Callable[[], None]
    waits: list[Waiting] = field(default_factory=list)
    went_on: int = 0

    def wait(self, waiting: Waiting, seconds: float) -> None:
        self.waits.append(waiting)
        self.happens()

    def go_on(self) -> None:
        self.went_on += 1

    def may_leave(self, harmless: bool) -> None:
        raise AssertionError("the caller does that")


class SlowProgram:
    """A program of the profile ``base`` that waits for its user."""

    def __init__(self, home: Path) -> None:
        self._fifo, self._pid = home / "fifo", home / "pid"
        os.mkfifo(self._fifo)
        file = home / "program.py"
        file.write_text(PROGRAM.format(pid=str(self._pid), fifo=str(self._fifo)))
        command = shlex.join([sys.executable, str(file)])
        (home / ".aws").mkdir()
        (home / ".aws/config").write_text(
            f"[profile base]\ncredential_process = {command}\n"
            f"[profile work]\nrole_arn = {ROLE}\nsource_profile = base\nregion = eu-west-1\n"
        )

    def answer(self) -> None:
        """Let the program end."""
        self._fifo.write_text("yes")

    def await_start(self) -> None:
        """Wait until the program runs."""
        while not (self._pid.exists() and self._pid.read_text()):
            time.sleep(0.02)

    def await_end(self) -> None:
        """Wait until the program has been killed. Its end of the fifo is then closed."""
        while True:
            try:
                os.kill(int(self._pid.read_text()), 0)
            except ProcessLookupError:
                return
            time.sleep(0.02)


@pytest.fixture
def slow(home: Path, monkeypatch: pytest.MonkeyPatch) -> SlowProgram:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(programwait, "PATIENCE", 0.0)
    monkeypatch.setattr(programs, "PULSE", 0.1)
    return SlowProgram(home)


def source_of(name: str) -> KeySource:
    profile = with_credentials(load_profile(name, os.environ), os.environ)
    return KeySource(profile, os.environ, Trust().connect, named=True)


@pytest.mark.parametrize("profile", ["base", "work"])
def test_start_reports_that_a_program_is_waited_for(
    slow: SlowProgram, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(lambda: slow.answer() if len(progress.waits) == 1 else None)
    with serving() as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        keys = source_of(profile).load(20, progress=progress)
    assert keys.access_key_id == {"base": "AKIDP", "work": "ASIA1"}[profile]
    assert progress.waits[0].program == programwait.PROGRAM
    assert progress.waits[0].elapsed < 30
    assert progress.went_on == 1


def test_quick_program_is_not_reported(slow: SlowProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programwait, "PATIENCE", 3.0)
    progress = Progress(lambda: None)
    threading.Thread(target=slow.answer).start()
    assert source_of("base").load(20, progress=progress) == KEYS
    assert (progress.waits, progress.went_on) == ([], 0)


def test_program_is_ended_with_a_start_that_is_abandoned(slow: SlowProgram) -> None:
    def leave() -> None:
        raise StartAbandoned

    source = source_of("base")
    with pytest.raises(StartAbandoned):
        source.load(20, progress=Progress(leave))
    slow.await_end()
    progress = Progress(lambda: slow.answer() if len(progress.waits) == 1 else None)
    assert source.load(20, progress=progress) == KEYS


class CountingLock:
    """A lock that counts how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, timeout: float) -> bool:
        self.asked += 1
        return self._lock.acquire(timeout=timeout)


@pytest.mark.parametrize("profile", ["base", "work"])
def test_other_threads_wait_as_long_as_the_program_runs(
    slow: SlowProgram, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several kinds of targets share one source of keys. One waits from the program's start on."""
    with serving() as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        source = source_of(profile)
        lock: Any = CountingLock()
        source._lock = lock
        found: list[AwsKeys] = []
        threads = [
            threading.Thread(target=lambda: found.append(source.load(20))),
            threading.Thread(target=lambda: found.append(source.load(0.1))),
        ]
        threads[0].start()
        slow.await_start()
        threads[1].start()
        while lock.asked < 3:  # the second thread has lost its patience, and goes on to wait
            time.sleep(0.02)
        slow.answer()
        for thread in threads:
            thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
