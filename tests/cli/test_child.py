"""A program that a command runs as a child has the terminal, its signals and its job control."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PATIENCE = 60.0

CALL = "import sys; from connector.cli.child import Child; sys.exit(Child().run(sys.argv[1:]))"


def call(*command: str) -> list[str]:
    return [sys.executable, "-c", CALL, *command]


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 255", 255), ("kill -TERM $$", 143)]
)
def test_exit_status_is_that_of_the_child(script: str, status: int) -> None:
    done = subprocess.run(call("/bin/sh", "-c", script), timeout=PATIENCE, check=False)
    assert done.returncode == status


def test_program_that_cannot_be_run_is_an_error() -> None:
    done = subprocess.run(
        call("/nowhere/ssh"), timeout=PATIENCE, check=False, stderr=subprocess.PIPE
    )
    assert b"FileNotFoundError" in done.stderr


def test_child_does_not_inherit_what_python_ignores() -> None:
    script = "grep SigIgn /proc/self/status"
    done = subprocess.run(
        call("/bin/sh", "-c", script), timeout=PATIENCE, check=True, stdout=subprocess.PIPE
    )
    ignored = int(done.stdout.split()[1], 16)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
        assert not ignored >> (number - 1) & 1, number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_to_the_command_reaches_the_child(number: signal.Signals) -> None:
    script = f"trap 'exit 9' {number.name[3:]}; echo up; while :; do sleep 0.05; done"
    with subprocess.Popen(call("/bin/sh", "-c", script), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            process.send_signal(number)
            assert process.wait(PATIENCE) == 9
        finally:
            process.kill()


class Shell:
    """An interactive shell with job control on a terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = b""

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\n")

    def until(self, mark: bytes) -> None:
        deadline = time.monotonic() + PATIENCE
        while mark not in self._seen:
            left = deadline - time.monotonic()
            assert left > 0, self._seen
            if select.select([self._master], [], [], left)[0]:
                self._seen += os.read(self._master, 4096)
        self._seen = self._seen.partition(mark)[2]


@contextmanager
def interactive_shell() -> Iterator[Shell]:
    import pty

    pid, master = pty.fork()
    if pid == 0:
        environ = {**os.environ, "PS1": "ready> ", "HISTFILE": "/dev/null"}
        os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environ)
    try:
        yield Shell(master)
    finally:
        os.close(master)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="bash is not installed")
def test_child_that_suspends_itself_suspends_the_job() -> None:
    script = "kill -TSTP $$; echo went-$((40+2)); exit 7"
    command = " ".join([sys.executable, "-c", f"'{CALL}'", "/bin/sh", "-c", f"'{script}'"])
    with interactive_shell() as shell:
        shell.until(b"ready> ")
        shell.type(command)
        shell.until(b"Stopped")
        shell.until(b"ready> ")
        shell.type("fg")
        shell.until(b"went-42")
        shell.until(b"ready> ")
        shell.type("echo status-$?-")
        shell.until(b"status-7-")


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="bash is not installed")
def test_interrupt_key_is_for_the_child_alone() -> None:
    script = 'trap "echo caught; exit 5" INT; echo wait-$((40+2)); while :; do sleep 0.05; done'
    command = " ".join([sys.executable, "-c", f"'{CALL}'", "/bin/sh", "-c", f"'{script}'"])
    with interactive_shell() as shell:
        shell.until(b"ready> ")
        shell.type(command)
        shell.until(b"wait-42")
        shell.type("\x03")
        shell.until(b"caught")
        shell.until(b"ready> ")
        shell.type("echo status-$?-")
        shell.until(b"status-5-")
