"""What the agent does to the output of shells and commands, for it takes all of it for text."""

from __future__ import annotations

#: A character is four bytes at most; what may be the beginning of one is shorter.
_LONGEST_BEGINNING = 3
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: All that the agent leaves of that character: it looks like an error to it.
_ITS_FIRST_BYTE = "\udcef"


class TextStream:
    """One stream of output, from read to read.

    Whatever is no UTF-8 in the last three bytes of a read might be the beginning of a
    character: it is held back until more comes, and lost when nothing does. Other bytes that
    are no UTF-8 pass as they are.
    """

    def __init__(self) -> None:
        self._held = b""

    def passed(self, data: bytes) -> bytes:
        """What the client is sent of one read."""
        data = self._held + data
        # An invalid byte becomes one surrogate, so every character is a rune of the agent's.
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
