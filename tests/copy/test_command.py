"""The streams of one command, whose child process is a program of the test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connector.copy.command import Command, CommandLost

#: Bytes of the longest line.
LONGEST = 64 * 1024


@contextmanager
def running(program: str) -> Iterator[Command]:
    """Run a program in Python."""
    command = Command([sys.executable, "-c", f"import os\n{program}"], lambda _: None)
    try:
        yield command
    finally:
        command.end()


def read_all(command: Command) -> bytes:
    data = b""
    while more := command.read(LONGEST):
        data += more
    return data


def test_line_in_two_parts_may_come_with_much_after_it() -> None:
    rest = f"os.write(1, b'gin\\n' + bytes({LONGEST}))"
    with running(f"os.write(1, b'to be'); os.read(0, 1); {rest}") as command:
        command.unread(command.read(LONGEST))
        command.write(b"x")
        assert command.read_line() == ["to", "begin"]
        assert read_all(command) == bytes(LONGEST)


@pytest.mark.parametrize("size", [0, 9, LONGEST + 1])
def test_output_without_a_line_is_refused(size: int) -> None:
    with running(f"os.write(1, b'x' * {size})") as command, pytest.raises(CommandLost):
        command.read_line()


def test_endless_line_is_refused() -> None:
    with running("while True: os.write(1, b'x' * 9999)") as command, pytest.raises(CommandLost):
        command.read_line()
