"""A user's ssh_config as text: adding and removing Include lines without changing anything else.

The text is bytes, not characters. OpenSSH knows no encoding, so newlines, a byte order mark and
comments in Latin-1 stay as they are. Lines are parsed by ssh_config(5) and, where it is silent, by
OpenSSH's readconf.c: keywords in any case, an optional ``=``, quoted arguments, trailing comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
# A keyword ends at a blank, or at one "=" with or without blanks, or has a quoted part
# (strdelim of OpenSSH's misc.c).
_KEYWORD = re.compile(
    rb"""([A-Za-z0-9]*)"([A-Za-z0-9]*)"[ \t\r]*
        |([A-Za-z0-9]+)(?:=[ \t\r]*|[ \t\r]+(?:=[ \t\r]*)?|$)""",
    re.VERBOSE,
)
# A word that is quoted, has quoted parts, or has no quotes.
_WORD = re.compile(rb"""[ \t]*((?:"[^"]*"|'[^']*'|\\["' \\]|[^ \t"'])+)""")
_QUOTED = re.compile(rb"""\\(["' \\])|["']""")


@dataclass(frozen=True)
class Line:
    """A line with a keyword.

    :ivar number: counted from 1.
    :ivar keyword: in lower case.
    :ivar words: the arguments without quotes, decoded with surrogateescape.
    :ivar block: whether a Host or Match line stands above the line.
    """

    number: int
    keyword: str
    words: tuple[str, ...]
    block: bool


def parse(text: bytes, keywords: Container[str] = ()) -> Iterator[Line]:
    """Yield all lines except blank lines and comments.

    :param keywords: in lower case. Lines with other keywords are left out, which saves time. Empty:
        all lines are yielded.
    """
    block = False
    for number, raw in enumerate(_split(text)[1], 1):
        stripped = raw.rstrip(b" \t\r\n\f").lstrip(b" \t\r")
        matched = _KEYWORD.match(stripped)
        if matched is None:
            continue
        keyword = b"".join(filter(None, matched.groups())).decode().lower()
        if not keywords or keyword in keywords:
            words = _words(stripped[matched.end() :])
            yield Line(number, keyword, tuple(words), block)
        block = block or keyword in ("host", "match")


def is_literal(pattern: str) -> bool:
    """Return whether a word of a Host line names one host that ssh can be asked about."""
    return bool(pattern) and not pattern.startswith(("!", "-")) and not set(pattern) & set("*?")


def includes(text: bytes, is_ours: Callable[[str], bool]) -> list[Line]:
    """Return the Include lines that name the connector's file, alone or among other files.

    :param is_ours: whether an argument of Include names the connector's file.
    """
    return [line for line in parse(text, ("include",)) if any(is_ours(word) for word in line.words)]


def add(text: bytes, include: str) -> bytes:
    """Return the text with an Include line above everything else.

    The line stands at the very top, not just above the first Host line. For each setting ssh uses
    the first value that it finds, and a line outside all blocks applies to every host.

    :param include: the line, without its newline.
    """
    mark, lines = _split(text)
    newline = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    return b"".join([mark, include.encode("utf-8", "surrogateescape"), newline, *lines])


def without(text: bytes, lines: list[Line]) -> bytes:
    """Return the text without the given lines."""
    mark, raw_lines = _split(text)
    gone = {line.number for line in lines}
    kept = (raw for number, raw in enumerate(raw_lines, 1) if number not in gone)
    return mark + b"".join(kept)


def redirected(text: bytes, is_ours: Callable[[str], bool], word: str) -> bytes:
    """Return the text with another file in place of the connector's, for a check before a change.

    :param word: the other file as a word of an Include line.
    """
    mark, lines = _split(text)
    for line in includes(text, is_ours):
        words = (word if is_ours(other) else f'"{other}"' for other in line.words)
        raw = f"Include {' '.join(words)}\n"
        lines[line.number - 1] = raw.encode("utf-8", "surrogateescape")
    return mark + b"".join(lines)


def _split(text: bytes) -> tuple[bytes, list[bytes]]:
    """Return the byte order mark, if there is one, and the lines with their newlines.

    Only ``\\n`` ends a line, as for OpenSSH.
    """
    mark = _BOM if text.startswith(_BOM) else b""
    *ended, last = text[len(mark) :].split(b"\n")
    lines = [line + b"\n" for line in ended]
    return mark, [*lines, last] if last else lines


def _words(rest: bytes) -> Iterator[str]:
    position = 0
    while matched := _WORD.match(rest, position):
        word = matched[1]
        if word.startswith(b"#"):
            return
        position = matched.end()
        plain = _QUOTED.sub(lambda found: found[1] or b"", word)
        yield plain.decode("utf-8", "surrogateescape")
