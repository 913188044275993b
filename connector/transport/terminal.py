"""The user's terminal: raw mode, the way back, and the size of its window."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Protocol

#: The columns and rows that are reported where there is no terminal, as the published client
#: does: wide enough that a shell does not break lines, since a program reads them.
NO_WINDOW = (300, 100)

#: The size of a terminal that does not know its own.
_USUAL = (80, 24)


class Terminal(Protocol):
    """A terminal that is read key by key while a session is open."""

    def make_raw(self) -> None:
        """Pass every key through. Call it again to restore what another program changed.

        It is harmless after the terminal is gone.
        """

    def restore(self) -> None:
        """Undo :meth:`make_raw`. It is harmless without one, and after the terminal is gone."""


def window_size(*descriptors: int) -> tuple[int, int]:
    """Return the columns and rows of the first of these descriptors that is a terminal."""
    if sys.platform == "win32":
        descriptors = (2,)  # Windows knows the standard ones only, and 0 and 1 are taken
    for fd in descriptors:
        try:
            columns, rows = os.get_terminal_size(fd)
        except OSError:
            continue
        return columns or _USUAL[0], rows or _USUAL[1]
    return NO_WINDOW


def open_terminal(fd: int) -> Terminal:
    """Return the terminal that this descriptor reads."""
    if sys.platform == "win32":
        return WindowsConsole()
    return PosixTerminal(fd)


class PosixTerminal:
    """A terminal by termios."""

    def __init__(self, fd: int) -> None:
        import termios

        self._fd = fd
        self._termios = termios
        self._saved: list[Any] | None = None

    def make_raw(self) -> None:
        import tty

        if not self._in_foreground():
            return  # a shell has the terminal; SIGCONT comes when it gives it back
        try:
            if self._saved is None:
                self._saved = self._termios.tcgetattr(self._fd)
            # TCSAFLUSH, the default of tty, would drop what was typed ahead.
            tty.setraw(self._fd, self._termios.TCSANOW)
        except self._termios.error:
            return  # it is gone, and SIGHUP follows

    def restore(self) -> None:
        saved, self._saved = self._saved, None
        if saved is None or not self._in_foreground():
            return
        # A shell that takes the terminal at this moment would make this call stop the process.
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            self._termios.tcsetattr(self._fd, self._termios.TCSANOW, saved)
        except self._termios.error:
            return  # it is gone
        finally:
            signal.signal(signal.SIGTTOU, before)

    def _in_foreground(self) -> bool:
        """Return whether this process may set the terminal. A background job must not."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # it is not the controlling terminal, so no other job uses it


if sys.platform == "win32":
    import ctypes
    import msvcrt

    # Input modes: ENABLE_PROCESSED_INPUT, ENABLE_LINE_INPUT, ENABLE_ECHO_INPUT; and
    # ENABLE_VIRTUAL_TERMINAL_INPUT. See SetConsoleMode in the console's documentation.
    _COOKED, _SEQUENCES = 0x1 | 0x2 | 0x4, 0x200
    # Output modes: ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING, and
    # DISABLE_NEWLINE_AUTO_RETURN.
    _RAW_OUTPUT = 0x1 | 0x4 | 0x8
    _UTF_8 = 65001

    class WindowsConsole:
        """The console of this process, whatever its standard streams are. It is untested.

        The console itself turns keys into a terminal's sequences, and obeys those it is sent.
        """

        def __init__(self) -> None:
            self._kernel = ctypes.windll.kernel32
            self._keys = msvcrt.get_osfhandle(os.open("CONIN$", os.O_RDWR))
            self._screen = msvcrt.get_osfhandle(os.open("CONOUT$", os.O_RDWR))
            self._saved: tuple[int, int, int, int] | None = None

        def make_raw(self) -> None:
            if self._saved is None:
                self._saved = (
                    self._mode(self._keys),
                    self._mode(self._screen),
                    self._kernel.GetConsoleCP(),
                    self._kernel.GetConsoleOutputCP(),
                )
            keys, screen, _, _ = self._saved
            self._set(keys & ~_COOKED | _SEQUENCES, screen | _RAW_OUTPUT, _UTF_8, _UTF_8)

        def restore(self) -> None:
            saved, self._saved = self._saved, None
            if saved is not None:
                self._set(*saved)

        def _mode(self, handle: int) -> int:
            mode = ctypes.c_uint32()
            if not self._kernel.GetConsoleMode(ctypes.c_void_p(handle), ctypes.byref(mode)):
                raise ctypes.WinError()
            return mode.value

        def _set(self, keys: int, screen: int, code_page: int, output_code_page: int) -> None:
            self._kernel.SetConsoleMode(ctypes.c_void_p(self._keys), keys)
            self._kernel.SetConsoleMode(ctypes.c_void_p(self._screen), screen)
            self._kernel.SetConsoleCP(code_page)
            self._kernel.SetConsoleOutputCP(output_code_page)
