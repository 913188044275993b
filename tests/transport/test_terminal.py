"""Raw mode and back, on a pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import Iterator

import pytest

from connector.transport.terminal import (
    NO_WINDOW,
    PosixTerminal,
    Terminal,
    open_terminal,
    window_size,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    yield master, slave
    for fd in (master, slave):
        with contextlib.suppress(OSError):  # a test has closed it
            os.close(fd)


def set_size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_restore_undoes_raw_mode(pair: tuple[int, int]) -> None:
    _, slave = pair
    before = termios.tcgetattr(slave)
    terminal: Terminal = open_terminal(slave)
    terminal.make_raw()
    _, output, _, local, *_ = termios.tcgetattr(slave)
    assert not output & termios.OPOST
    assert not local & (termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    terminal.restore()
    assert termios.tcgetattr(slave) == before


def test_raw_mode_keeps_what_was_typed_ahead(pair: tuple[int, int]) -> None:
    master, slave = pair
    os.write(master, b"ls\n")
    terminal = PosixTerminal(slave)
    terminal.make_raw()
    assert os.read(slave, 100) == b"ls\n"
    terminal.restore()


def test_restore_after_two_raw_modes_restores_the_first_state(pair: tuple[int, int]) -> None:
    """Another program may have set it meanwhile, such as a shell after Ctrl-Z."""
    _, slave = pair
    before = termios.tcgetattr(slave)
    terminal = PosixTerminal(slave)
    terminal.make_raw()
    termios.tcsetattr(slave, termios.TCSANOW, before)
    terminal.make_raw()
    assert not termios.tcgetattr(slave)[3] & termios.ECHO
    terminal.restore()
    assert termios.tcgetattr(slave) == before


def test_restore_without_raw_mode_is_harmless(pair: tuple[int, int]) -> None:
    _, slave = pair
    before = termios.tcgetattr(slave)
    terminal = PosixTerminal(slave)
    terminal.restore()
    assert termios.tcgetattr(slave) == before


def test_terminal_that_is_gone_is_harmless(pair: tuple[int, int]) -> None:
    master, slave = pair
    terminal = PosixTerminal(slave)
    terminal.make_raw()
    os.close(master)
    ttou = signal.getsignal(signal.SIGTTOU)
    terminal.make_raw()  # a hang-up continues who is stopped
    terminal.restore()
    assert signal.getsignal(signal.SIGTTOU) == ttou


def test_window_size_is_that_of_the_first_terminal(pair: tuple[int, int]) -> None:
    _, slave = pair
    set_size(slave, 97, 31)
    with open(os.devnull) as null:
        assert window_size(null.fileno(), slave) == (97, 31)
        assert window_size(null.fileno()) == NO_WINDOW == (300, 100)


def test_terminal_without_a_size_has_the_usual_one(pair: tuple[int, int]) -> None:
    _, slave = pair
    set_size(slave, 0, 0)
    assert window_size(slave) == (80, 24)
