"""The console of Windows in raw mode. Untested: no machine of ours has one.

Modes: SetConsoleMode in the console's documentation. The console itself turns keys into the
sequences of a terminal, and obeys those that come.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Of the input: ENABLE_PROCESSED_INPUT, ENABLE_LINE_INPUT, ENABLE_ECHO_INPUT, and
# ENABLE_VIRTUAL_TERMINAL_INPUT.
_COOKED, _SEQUENCES = 0x1 | 0x2 | 0x4, 0x200
# Of the output: ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING, and
# DISABLE_NEWLINE_AUTO_RETURN.
_RAW_OUTPUT = 0x1 | 0x4 | 0x8
_UTF_8 = 65001

if sys.platform == "win32":
    import msvcrt

    class WindowsConsole:
        """The console that belongs to this process, whatever its standard streams are."""

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
