"""The input of a session that runs a shell or a command, and the escapes in it."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .loop import Alarm, Loop

if TYPE_CHECKING:
    from .roles import Input

#: Ctrl-D. At the start of a line a terminal takes it as the end of input. Within a line it
#: passes on what was typed so far, and only a second one is the end.
_END = b"\x04"

#: Seconds from the last input to the first Ctrl-D. The program that is to read the end should
#: be reading by then: a shell that edits its line takes Ctrl-D as a key of its own.
END_PAUSE = 0.25

#: Seconds until Ctrl-D is sent again. They double up to the longest. The end of a file is the
#: end for every reader; Ctrl-D is the end for one reader only, and lost on a program that does
#: not read.
FIRST_REPEAT, LONGEST_REPEAT = 1.0, 16.0

_TILDE = b"~"
_AFTER_LINE_END = re.compile(rb"[\r\n](?=~)")


class Escape(enum.Enum):
    """An escape, by the key that follows ``~``."""

    END = b"."
    HELP = b"?"
    SUSPEND = b"\x1a"  # Ctrl-Z


_ESCAPES = {escape.value: escape for escape in Escape}


class EscapeParser:
    """Finds escapes in what a user types, however the bytes are cut into pieces.

    As in ssh, ``~`` counts at the start of a line only, the first line included. ``~~`` sends
    one ``~``, and before any other key it is an ordinary character. The parser keeps a ``~``
    back until the next key comes.
    """

    def __init__(self) -> None:
        self._at_start = True
        self._tilde = False  # whether one is kept back

    def feed(self, data: bytes) -> list[bytes | Escape]:
        """Return the bytes to send and the escapes, in the order in which they were typed."""
        parts: list[bytes | Escape] = []
        text = bytearray()
        position = 0
        while position < len(data):
            key = data[position : position + 1]
            if self._tilde:
                self._tilde = False
                if key in _ESCAPES:
                    if text:
                        parts.append(bytes(text))
                        text.clear()
                    parts.append(_ESCAPES[key])
                    position += 1
                    continue
                text += _TILDE
                self._at_start = False
                position += key == _TILDE
            elif self._at_start and key == _TILDE:
                self._tilde = True
                position += 1
            else:
                found = _AFTER_LINE_END.search(data, position)
                end = found.end() if found else len(data)
                text += data[position:end]
                self._at_start = data[end - 1] in b"\r\n"
                position = end
        if text:
            parts.append(bytes(text))
        return parts


class Keyboard:
    """An :class:`Input` that is read once the session is open, and whose end is typed.

    The protocol has no end of input. A shell runs on a terminal, where the end of input is a
    key. So the keyboard types that key when stdin ends, and repeats it until the session ends.
    The session then ends when the shell does, however long its last program works. (The
    published client leaves at once, and leaves the session behind.)

    A session without a terminal takes no input: the published agent treats the bytes 3 and 28
    as signals there and drops all others. So stdin is not read, and stays for other programs.

    A port takes bytes, and no key has a meaning for it. The end of stdin is passed on.

    :param finish_line: the bytes to send first if stdin does not end at the end of a line.
    :param on_escape: called with each escape that a user types at a terminal.
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
        """Start reading if the session takes input. Call it when the session is open.

        :param far_terminal: whether the session runs on a terminal.
        :param escapes: whether stdin is a terminal in raw mode.
        :param port: whether the session leads to a port.
        """
        self._reads = far_terminal or port
        self._types_end = not port
        if escapes:
            self._escapes = EscapeParser()
        self.set_wanted(self._wanted)

    # The methods of an Input.

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_end = on_end
        self._stdin.start(self._receive, self._stdin_ended)

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

    # What stdin calls.

    def _receive(self, data: bytes) -> None:
        for part in self._escapes.feed(data) if self._escapes else [data]:
            if isinstance(part, Escape):
                self._on_escape(part)
                if part is Escape.END:
                    return  # drop what was typed after it
            else:
                self._in_line = part[-1] not in b"\r\n"
                self._on_data(part)
        # If nothing was passed on, such as an escape alone, the tunnel does not ask for more.
        self.set_wanted(self._wanted)

    def _stdin_ended(self) -> None:
        self._reads = False
        if self._rest_only or not self._types_end:
            self._on_end()
        else:
            if self._in_line:
                self._on_data(self._finish_line)
            self._type_end_in(END_PAUSE, FIRST_REPEAT)

    def _type_end_in(self, pause: float, repeat: float) -> None:
        """Type the end in ``pause`` seconds, and again ``repeat`` seconds later."""

        def type_end() -> None:
            self._type_end_in(repeat, min(2 * repeat, LONGEST_REPEAT))
            self._on_data(_END)

        self._alarm.set(self._loop.time() + pause, type_end)
