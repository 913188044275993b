"""The user's terminal: raw mode and back, and the size of its window."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Protocol

#: What is told where there is no terminal, as the published client does: wide enough that a
#: shell does not break lines, which nobody would see but whoever reads them by program.
NO_WINDOW = (300, 100)

#: For a terminal that does not know its size.
_USUAL = (80, 24)


class Terminal(Protocol):
    def make_raw(self) -> None:
        """Every key goes through as it is. Again, it renews what another program undid.

        Harmless after the terminal went.
        """

    def restore(self) -> None:
        """As it was before :meth:`make_raw`; harmless without one, and after the terminal went."""


def window_size(*descriptors: int) -> tuple[int, int]:
    """Columns and rows of the first of these that is a terminal."""
    if sys.platform == "win32":
        descriptors = (2,)  # it asks for the standard ones alone, and the others are taken
    for fd in descriptors:
        try:
            columns, rows = os.get_terminal_size(fd)
        except OSError:
            continue
        return columns or _USUAL[0], rows or _USUAL[1]
    return NO_WINDOW


def open_terminal(fd: int) -> Terminal:
    """:param fd: of a terminal, for input."""
    if sys.platform == "win32":
        from .winconsole import WindowsConsole

        return WindowsConsole()
    return PosixTerminal(fd)


class PosixTerminal:
    """A terminal that termios knows."""

    def __init__(self, fd: int) -> None:
        import termios

        self._fd = fd
        self._termios = termios
        self._saved: list[Any] | None = None

    def make_raw(self) -> None:
        import tty

        if not self._is_ours():
            return  # a shell has it; when it gives it back, we are told to continue
        try:
            if self._saved is None:
                self._saved = self._termios.tcgetattr(self._fd)
            # Not TCSAFLUSH, tty's own choice: it would drop what was typed ahead.
            tty.setraw(self._fd, self._termios.TCSANOW)
        except self._termios.error:
            return  # it is gone, as the signal that comes with that will tell

    def restore(self) -> None:
        saved, self._saved = self._saved, None
        if saved is None or not self._is_ours():
            return
        # A shell that takes the terminal from us at this moment would have it stop us.
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            self._termios.tcsetattr(self._fd, self._termios.TCSANOW, saved)
        except self._termios.error:
            return  # it is gone
        finally:
            signal.signal(signal.SIGTTOU, before)

    def _is_ours(self) -> bool:
        """Whether it is for us to set: a job in the background must not."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # not our controlling terminal, so there is nobody else either
