"""The commands of docs/tutorial.md, one after another, on one emulator with its own home.

A command follows a ``$`` on the page. Each command exits with 0 and prints the lines below it.
Numbers and ids may differ, and ``…`` stands for omitted output.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from manual.__main__ import ROOT

from ..account import own_account
from .commands import CONNECTOR
from .sshd import program
from .waiting import PATIENCE, Reader

TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")

#: The reader's directory on the page. The test uses another.
DIRECTORY = "/tmp/connector-tutorial"

#: Programs that the page uses and not every machine has.
PROGRAMS = ("ssh", "scp", "rsync", "bash")

_QUESTION = "[y/N] y"


def steps() -> list[tuple[str, list[str]]]:
    """Return the commands of the page that one emulator answers, with their output lines."""
    found: list[tuple[str, list[str]]] = []
    within = False
    for line in TEXT[TEXT.index("The files go into this directory:") :].splitlines():
        if line.startswith("    $ "):
            found.append((line[6:], []))
            within = True
        elif line.startswith("    ") and within:
            found[-1][1].append(line)
        elif line:
            within = False
    return found


def plain(text: str) -> str:
    """Remove what differs between runs: escapes, ids, times, numbers and their alignment."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\d+(\.\d+)? m?s\b", "0 s", text)  # 900 ms, or 1.1 s on a busy machine
    return " ".join(re.sub(r"\d+", "0", text).split())


class Reading:
    """A reader of the page, with a terminal of 100 columns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        home = directory / "home"
        home.mkdir()
        path = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        self.environ = {
            "PATH": os.pathsep.join(path),
            "TERM": "dumb",
            **own_account(home),
        }

    def evaluate(self, exports: Path) -> None:
        """Set the variables that a file exports, as the reader's shell does."""
        script = f". {exports}; env -0"
        answer = subprocess.run(
            [program("bash"), "-c", script], env=self.environ, capture_output=True, check=True
        )
        variables = (each.partition("=") for each in answer.stdout.decode().split("\0") if each)
        self.environ = {name: value for name, _, value in variables}

    def run(self, command: str, answer: bytes) -> tuple[int, str]:
        """Run a command, and return its exit code and output."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        work = self._directory / "work"
        with os.fdopen(master, "rb", buffering=0) as terminal:
            os.write(master, answer)
            process = subprocess.Popen(
                [program("bash"), "-c", command.replace(DIRECTORY, str(work))],
                cwd=work if work.exists() else self._directory,
                env=self.environ,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
            )
            os.close(slave)
            output = b"".join(iter(lambda: _read(terminal.fileno()), b""))
            exit_code = process.wait(PATIENCE)
        return exit_code, output.decode().replace(str(work), DIRECTORY)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # no process has the terminal open
        return b""


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Reading]:
    for name in PROGRAMS:
        program(name)
    reading = Reading(tmp_path)
    exports = tmp_path / "exports"
    with exports.open("wb") as stdout:
        process = subprocess.Popen(
            [*CONNECTOR, "emulator"],
            env=reading.environ,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
        )
    assert process.stderr is not None
    with process:
        Reader(process.stderr.fileno()).until(b"Ctrl-C ends it.")
        reading.evaluate(exports)
        yield reading
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_commands_of_the_page_print_what_it_shows(reading: Reading) -> None:
    commands = steps()
    assert len(commands) > 15
    for command, shown in commands:
        asked = any(_QUESTION in line for line in shown)
        exit_code, printed = reading.run(command, b"y\n" if asked else b"")
        assert exit_code == 0, f"{command}\n{printed}"
        for piece in "\n".join(shown).replace(_QUESTION, "[y/N]").split("…"):
            for line in piece.splitlines():
                assert plain(line) in plain(printed), f"{command}\n{printed}"
