"""How programs run: bounded in time and output, and ended with what they started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.aws.keys.program import keys_of_program
from connector.aws.keys.programwait import ProgramWait
from connector.programs import Program, Ran, run_program

from .endtoend.sshd import program
from .endtoend.waiting import PATIENCE, alive, eventually


def test_program_has_no_terminal() -> None:
    """With a terminal, the program could ask a question and wait for the user's answer."""
    ran = run_program(["/bin/sh", "-c", "(: </dev/tty) || echo none"], PATIENCE)
    assert ran.stdout == b"none\n"


def test_output_is_kept_whole_by_default() -> None:
    ran = run_program(["/bin/sh", "-c", "head -c 3000000 /dev/zero; exit 3"], PATIENCE)
    assert (ran.status, ran.stdout, ran.stderr) == (3, bytes(3_000_000), b"")


def test_output_is_cut_at_the_limit() -> None:
    command = ["/bin/sh", "-c", "head -c 3000000 /dev/zero; echo more >&2"]
    assert run_program(command, PATIENCE, limit=1000) == Ran(0, bytes(1000), b"more\n")


@pytest.fixture
def daemon_command() -> Iterator[list[str]]:
    """A command that ends at once and leaves a daemon_command, which keeps the output open."""
    with tempfile.TemporaryDirectory() as directory:
        pid = Path(directory, "pid")
        script = f"echo $$ > {pid}.new; mv {pid}.new {pid}; echo out; exec sleep 600"
        yield [program("setsid"), "-f", "/bin/sh", "-c", script]
        eventually(pid.exists, "the daemon_command")
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_output_that_a_daemon_keeps_open_times_out(daemon_command: list[str]) -> None:
    with pytest.raises(TimeoutError):
        run_program(daemon_command, 1.0)


def test_drain_time_bounds_the_wait_for_a_daemon(daemon_command: list[str]) -> None:
    assert run_program(daemon_command, PATIENCE, drain=0.1).status == 0


def test_timeout_ends_all_processes_of_the_program(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 600 & echo $! >child.new; mv child.new child; wait; sleep 600"
    hanging = Program(["/bin/sh", "-c", script], directory=str(tmp_path), grace=0.1)
    eventually((tmp_path / "child").exists, "the child")
    with pytest.raises(TimeoutError):
        hanging.wait(0.0)

    pid = int((tmp_path / "child").read_text())
    eventually(lambda: not alive(pid), "the end of the child")


def test_program_may_end_itself_after_sigterm(tmp_path: Path) -> None:
    script = "trap 'echo bye >said; exit' TERM; : >ready; while :; do sleep 0.05; done"
    obeying = Program(["/bin/sh", "-c", script], directory=str(tmp_path), grace=PATIENCE)
    eventually((tmp_path / "ready").exists, "the program")
    obeying.end()

    assert (tmp_path / "said").read_text() == "bye\n"


@pytest.fixture
def slow_init() -> Iterator[None]:
    """Make this process the parent of orphans, and reap none of them."""
    subreaper = 36  # PR_SET_CHILD_SUBREAPER
    libc = ctypes.CDLL(None)
    assert libc.prctl(subreaper, 1, 0, 0, 0) == 0
    yield
    assert libc.prctl(subreaper, 0, 0, 0, 0) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and subreapers exist on Linux only")
@pytest.mark.usefixtures("slow_init")
def test_end_does_not_wait_until_an_orphan_is_reaped(tmp_path: Path) -> None:
    file = tmp_path / "orphan"
    command = ["/bin/sh", "-c", f"sleep 600 & echo $! > {file}.new; mv {file}.new {file}"]
    parent = Program(command, grace=30.0)
    assert parent.wait(PATIENCE, drain=0.1).status == 0
    eventually(file.exists, "the orphan")
    began = time.monotonic()
    parent.end()

    assert time.monotonic() - began < 15.0
    assert os.waitpid(int(file.read_text()), os.WNOHANG)[0]


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedStart(subprocess.Popen[bytes]):
    """Starts a program, then raises signals before the caller has the result of Popen."""

    numbers: tuple[signal.Signals, ...] = ()
    started: list[subprocess.Popen[bytes]]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.started.append(self)
        for number in self.numbers:
            signal.raise_signal(number)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[InterruptedStart]]:
    """Interrupt all starts of programs, with the signal handlers of `connector config-ssh`."""
    monkeypatch.setattr(InterruptedStart, "started", [], raising=False)
    monkeypatch.setattr("connector.programs.subprocess.Popen", InterruptedStart)
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    yield InterruptedStart
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    "numbers", [*((number,) for number in ENDING), ENDING, (signal.SIGINT, signal.SIGINT)]
)
def test_signal_while_a_program_starts_ends_the_program(
    interrupted: type[InterruptedStart],
    monkeypatch: pytest.MonkeyPatch,
    numbers: tuple[signal.Signals, ...],
) -> None:
    monkeypatch.setattr(interrupted, "numbers", numbers)
    with pytest.raises(KeyboardInterrupt):
        run_program(["/bin/sleep", "600"], PATIENCE)

    assert [each.wait(PATIENCE) for each in interrupted.started] == [-signal.SIGKILL]
    assert {signal.getsignal(number) for number in ENDING} == {signal.default_int_handler}


def test_signal_while_a_credential_process_starts_ends_it(
    interrupted: type[InterruptedStart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupted, "numbers", (signal.SIGINT,))
    with pytest.raises(KeyboardInterrupt):
        keys_of_program("/bin/sleep 600", "work", 0.0, ProgramWait())

    assert [each.wait(PATIENCE) for each in interrupted.started] == [-signal.SIGKILL]


def test_handlers_are_restored_after_the_start(interrupted: type[InterruptedStart]) -> None:
    run_program(["/bin/true"], PATIENCE)
    assert {signal.getsignal(number) for number in ENDING} == {signal.default_int_handler}

    with pytest.raises(FileNotFoundError):
        run_program(["/missing"], PATIENCE)
    assert {signal.getsignal(number) for number in ENDING} == {signal.default_int_handler}


def test_ignored_signals_stay_ignored_while_a_program_starts(
    interrupted: type[InterruptedStart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupted, "numbers", (signal.SIGHUP,))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    assert run_program(["/bin/true"], PATIENCE).status == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_other_threads_run_programs_without_touching_signals() -> None:
    """Python allows only the main thread to set handlers."""
    statuses: list[int] = []
    command = ["/bin/sh", "-c", "exit 5"]
    thread = threading.Thread(target=lambda: statuses.append(run_program(command, PATIENCE).status))
    thread.start()
    thread.join()

    assert statuses == [5]
