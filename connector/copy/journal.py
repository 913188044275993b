"""The journal beside an unfinished file: which ranges of which source it holds.

The first line names the source by size and time. Each other line has a range and its digest.
All lines have the same length, so that several connections can add lines to a far file at once,
each at a place of its own. A line that was cut off or never written is skipped. This module does
no input or output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .ranges import Range

_HEAD = "connector-copy 1 {:d} {:d}"
_LINE = re.compile(rb"([0-9a-f]{16}) ([0-9a-f]{16}) ([0-9a-f]{64})")

#: Bytes of a line with its newline.
LINE_SIZE = 16 + 1 + 16 + 1 + 64 + 1

#: The largest journal that is read: 80,000 ranges, of 8 MiB each in a large file.
MAX_SIZE = 8 << 20


class Source(NamedTuple):
    """The state of a source file: bytes, and seconds since the epoch. SFTP knows no fractions."""

    size: int
    mtime: int


class Kept(NamedTuple):
    """A range that an unfinished file holds, and its SHA-256 digest in hexadecimal."""

    range: Range
    digest: str


def head(source: Source) -> bytes:
    """Return the first line of the journal of a copy of this source."""
    return _HEAD.format(source.size, source.mtime).encode().ljust(LINE_SIZE - 1) + b"\n"


def line(kept: Kept) -> bytes:
    """Return the line of a range that is copied."""
    return f"{kept.range.start:016x} {kept.range.end:016x} {kept.digest}\n".encode()


def read(content: bytes, source: Source) -> list[Kept]:
    """Return the ranges of a journal; none if it is about another state of the source."""
    if content[:LINE_SIZE] != head(source):
        return []
    return [kept for kept in _lines(content) if kept.range.end <= source.size]


def _lines(content: bytes) -> Iterator[Kept]:
    for start in range(LINE_SIZE, len(content), LINE_SIZE):
        found = _LINE.fullmatch(content[start : start + LINE_SIZE].rstrip(b"\n"))
        if found:
            kept = Range(int(found[1], 16), int(found[2], 16))
            if kept.size > 0:
                yield Kept(kept, found[3].decode())
