"""What is typed for us and not for the far end: ``~`` after a line's end, as ssh has it."""

from __future__ import annotations

import enum
import re

_TILDE = b"~"
_AFTER_LINE_END = re.compile(rb"[\r\n](?=~)")


class Escape(enum.Enum):
    """Value: the key that follows ``~``."""

    END = b"."
    HELP = b"?"
    SUSPEND = b"\x1a"  # Ctrl-Z


_ESCAPES = {escape.value: escape for escape in Escape}


class EscapeParser:
    """Takes what is typed apart, however it is cut.

    ``~`` counts at the start of a line only, the first one included, and ``~~`` is one for the
    far end. Before any other key it is an ordinary character. Until the next key is there,
    nobody can know: so long it is kept.
    """

    def __init__(self) -> None:
        self._at_start = True
        self._tilde = False  # one that is kept

    def feed(self, data: bytes) -> list[bytes | Escape]:
        """Bytes for the far end and escapes, in the order in which they were typed."""
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
                end = self._end_of_ordinary(data, position)
                text += data[position:end]
                self._at_start = data[end - 1] in b"\r\n"
                position = end
        if text:
            parts.append(bytes(text))
        return parts

    def _end_of_ordinary(self, data: bytes, position: int) -> int:
        found = _AFTER_LINE_END.search(data, position)
        return found.end() if found else len(data)
