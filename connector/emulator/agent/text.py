"""The agent's damage to the output of shells and commands, which it treats as text."""

from __future__ import annotations

#: A character has at most four bytes, so an incomplete one has at most three.
_LONGEST_BEGINNING = 3
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: The agent takes that character for an error and keeps only its first byte.
_ITS_FIRST_BYTE = "\udcef"


class TextStream:
    """One stream of output.

    Bytes at the end of a read that are not UTF-8 may be the beginning of a character. The
    stream holds up to three of them until the next read; without one they are lost. Other bytes
    that are not UTF-8 pass unchanged.
    """

    def __init__(self) -> None:
        self._held = b""

    def passed(self, data: bytes) -> bytes:
        """Return what the client gets of one read."""
        data = self._held + data
        # An invalid byte becomes one surrogate, so each character here is one rune in Go.
        text = data.decode(errors="surrogateescape")
        start, cut = len(data), len(text)
        for index in range(len(text) - 1, -1, -1):
            start -= len(text[index].encode(errors="surrogateescape"))
            if start < len(data) - _LONGEST_BEGINNING:
                break
            if _is_error(text[index]):
                cut = index
        self._held = text[cut:].encode(errors="surrogateescape")
        sent = text[:cut].replace(_REPLACEMENT, _ITS_FIRST_BYTE)
        return sent.encode(errors="surrogateescape")


def _is_error(character: str) -> bool:
    return character == _REPLACEMENT or "\udc80" <= character <= "\udcff"
