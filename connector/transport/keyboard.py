"""stdin of a session that has a shell or a command at its far end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .escapes import Escape, EscapeParser
from .loop import Alarm, Loop

if TYPE_CHECKING:
    from .roles import Input

#: What a terminal takes as the end of its input at the start of a line (Ctrl-D); within
#: one, it gives what is there to who reads, and only a second one is the end.
_END = b"\x04"

#: Seconds from the last input to the end. Who is to read the end should have begun by then:
#: to a shell that edits its line it is a key like any other, which it leaves to its program.
END_PAUSE = 0.25

#: Seconds until the end is typed again, which double up to the longest. The end of a file
#: is the end for each that reads it; the key is for one alone, and lost if it is typed while
#: a program runs that does not read.
FIRST_REPEAT, LONGEST_REPEAT = 1.0, 16.0


class Keyboard:
    """An :class:`Input` that is read once the session is open, and whose end is typed.

    The protocol has no end of input. At the far end of a shell is a terminal, and there it is
    a key, so that is what the end of stdin becomes, typed again as long as somebody is there;
    the session then ends when the shell does, however long it still works. The published
    client leaves at once, and its session behind.

    A far end without a terminal takes no input: to the published agent, bytes are nothing but
    signals there, if they happen to be 3 or 28. So stdin is not read, and left to others.

    A port takes bytes, and no key means anything to it: the end of stdin stays one.

    :param finish_line: is sent first if the end of stdin is not at a line's end.
    :param on_escape: is told of the escapes of a terminal.
    """

    def __init__(
        self,
        loop: Loop,
        stdin: Input,
        finish_line: bytes,
        on_escape: Callable[[Escape], None],
    ) -> None:
        self._loop = loop
        self._alarm = Alarm(loop)
        self._stdin = stdin
        self._finish_line = finish_line
        self._on_escape = on_escape
        self._escapes: EscapeParser | None = None
        self._wanted = 0
        self._reads = False
        self._types_end = True
        self._rest_only = False
        self._in_line = False

    def opened(self, *, far_terminal: bool, escapes: bool, port: bool = False) -> None:
        """The session is open; before, nobody knows what the far end is.

        :param escapes: whether stdin is a terminal that is read key by key.
        :param port: whether the far end is a port.
        """
        self._reads = far_terminal or port
        self._types_end = not port
        if escapes:
            self._escapes = EscapeParser()
        self.set_wanted(self._wanted)

    # As an Input.

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_end = on_end
        self._stdin.start(self._gave, self._gave_all)

    def set_wanted(self, wanted: int) -> None:
        self._wanted = wanted
        self._stdin.set_wanted(wanted if self._reads else 0)

    def take_rest(self) -> None:
        self._rest_only = True
        self._alarm.cancel()
        if self._reads:
            self._stdin.take_rest()
        else:
            self._on_end()

    def close(self) -> None:
        self._alarm.cancel()
        self._stdin.close()

    # What comes.

    def _gave(self, data: bytes) -> None:
        for part in self._escapes.feed(data) if self._escapes else [data]:
            if isinstance(part, Escape):
                self._on_escape(part)
                if part is Escape.END:
                    return  # what was typed after it is for nobody
            else:
                self._in_line = part[-1] not in b"\r\n"
                self._on_data(part)
        # An escape alone, or half of one, reaches nobody who would ask for more.
        self.set_wanted(self._wanted)

    def _gave_all(self) -> None:
        self._reads = False
        if self._rest_only or not self._types_end:
            self._on_end()
        else:
            if self._in_line:
                self._on_data(self._finish_line)
            self._type_end_in(END_PAUSE, FIRST_REPEAT)

    def _type_end_in(self, pause: float, repeat: float) -> None:
        """:param repeat: seconds from then to the next time."""

        def type_end() -> None:
            self._type_end_in(repeat, min(2 * repeat, LONGEST_REPEAT))
            self._on_data(_END)

        self._alarm.set(self._loop.time() + pause, type_end)
