"""stdin of a command that runs in the wrapper of :mod:`.wrapped`."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from .keyboard import Keyboard

if TYPE_CHECKING:
    from .loop import Loop
    from .roles import Input

#: The line that is the end of the input.
END_LINE = b".\n"

#: Bytes of input in a line, at most. The far end starts a program for each line, so the lines
#: are long however little the channel takes at once; what it does not take waits.
LINE_SIZE = 24 * 1024


class CommandInput(Keyboard):
    """An :class:`Input` whose bytes leave as lines of base64, and its end as a line.

    stdin is not read before the wrapper has announced that it reads input: until then the
    terminal echoes. A far end that takes no input leaves stdin to others.
    """

    def __init__(self, loop: Loop, stdin: Input) -> None:
        super().__init__(loop, stdin, b"", lambda _: None)

    def opened(self, *, far_terminal: bool, escapes: bool, port: bool = False) -> None:
        """Do nothing: the wrapper says when it reads."""

    def ready(self) -> None:
        """The wrapper reads input from now on."""
        super().opened(far_terminal=True, escapes=False)

    # As an Input.

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._send = on_data
        super().start(lambda data: on_data(binascii.b2a_base64(data)), on_end)

    def set_wanted(self, wanted: int) -> None:
        super().set_wanted(LINE_SIZE if wanted else 0)

    def _gave_all(self) -> None:
        self._reads = False
        if self._rest_only:
            self._on_end()
        else:
            self._send(END_LINE)
