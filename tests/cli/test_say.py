"""Lines for the user appear correctly, also on a raw terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty
from pathlib import Path

import pytest

SAY = "from connector.cli.output.lines import say; say('one', 'two\\n\\x1b[31m')"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (False, b"connector: one\r\nconnector: two  [31m\r\n"),
        (True, b"\r\nconnector: one\r\nconnector: two  [31m\r\n"),
    ],
)
def test_lines_begin_at_the_left(raw: bool, expected: bytes) -> None:
    master, slave = pty.openpty()
    try:
        if raw:
            tty.setraw(slave)
        subprocess.run([sys.executable, "-c", SAY], stderr=slave, check=True)
        assert os.read(master, 1000) == expected
    finally:
        os.close(master)
        os.close(slave)


SAY_TO_NOBODY = """
import os, sys
from connector.cli.output.lines import say, say_in_place
assert os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT) == 2
say("one")
say_in_place("two")
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a shell of POSIX")
def test_nothing_is_written_to_what_has_the_number_of_a_closed_stderr(tmp_path: Path) -> None:
    path = tmp_path / "a file, or a socket"
    command = (sys.executable, "-c", SAY_TO_NOBODY, str(path))
    subprocess.run(["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *command], check=True)
    assert path.read_bytes() == b""


SAY_AT_ONCE = """
import os, threading
from connector.cli.output.lines import say
os.set_blocking(2, False)
try:
    while True:
        os.write(2, b"x" * 4096)
except BlockingIOError:
    pass
os.set_blocking(2, True)
barrier = threading.Barrier(8)
def speak():
    barrier.wait()
    say("y" * 4000)
for _ in range(60):
    os.read(0, 4096)
    threads = [threading.Thread(target=speak) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_threads_that_speak_at_once_do_not_wait_for_a_reader() -> None:
    """The process frees the room for one line at a time, and nothing else reads the pipe."""
    reader, writer = os.pipe()
    try:
        subprocess.run(
            [sys.executable, "-c", SAY_AT_ONCE], stdin=reader, stderr=writer, check=True, timeout=20
        )
    finally:
        os.close(reader)
        os.close(writer)
