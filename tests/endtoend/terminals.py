"""A pseudo terminal that a test holds, for programs that need a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Mapping
from types import TracebackType

from ..forks import is_forked
from .commands import Commands, Process
from .waiting import Reader

#: A program that makes its stdin the controlling terminal, then becomes the given program.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """The master side of a pseudo terminal."""

    def __init__(self, rows: int, columns: int) -> None:
        self._master, self._slave = pty.openpty()
        self.reader = Reader(self._master)
        self.resize(rows, columns)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_slave()
        if self._master >= 0:
            os.close(self._master)

    def start(
        self, commands: Commands, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> Process:
        """Start a program on this terminal, as a shell does."""
        if not is_forked(arguments, environ or commands.environ):
            arguments = (sys.executable, "-c", _TAKE_TERMINAL, *arguments)
        process = commands.start(
            *arguments,
            stdin=self._slave,
            stdout=self._slave,
            environ=environ,
            start_new_session=True,
        )
        self._close_slave()
        return process

    def resize(self, rows: int, columns: int) -> None:
        """Change the size as dragging a window's corner does. The program gets SIGWINCH."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self) -> list[object]:
        """Return termios' settings of the terminal."""
        return termios.tcgetattr(self._master)

    @property
    def is_raw(self) -> bool:
        """Return whether the terminal passes every key through."""
        return not termios.tcgetattr(self._master)[3] & (termios.ICANON | termios.ISIG)

    def type(self, keys: bytes) -> None:
        rest = memoryview(keys)
        while rest:
            rest = rest[os.write(self._master, rest) :]

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        os.close(self._master)
        self._master = -1

    def _close_slave(self) -> None:
        if self._slave >= 0:
            with contextlib.suppress(OSError):
                os.close(self._slave)
            self._slave = -1
