"""The parts of a large file that are still to be copied, shared out among the connections.

A connection takes a range, copies it from its beginning, and reports how far it came. Ranges are
large at first and small at the end, so that all connections finish together however fast each is
("guided self-scheduling"). This module does no input or output.
"""

from __future__ import annotations

from typing import NamedTuple

from .sftp import BLOCK

#: Bytes of the smallest and the largest range. All are multiples of the size of a request.
LEAST = 8 * BLOCK
MOST = 256 * BLOCK

#: So many ranges of the present size are left for each connection.
_SHARES = 2


class Range(NamedTuple):
    """Bytes of a file, from ``start`` up to but without ``end``."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


class Ranges:
    """The bytes of one file that no connection has taken yet, and those that are copied.

    :param size: of the file.
    :param done: ranges that an earlier copy has copied already.
    :ivar copied: bytes that are copied.
    """

    def __init__(self, size: int, done: list[Range] | None = None) -> None:
        self.copied = 0
        self._size = size
        self._free = gaps(size, done or [])
        self.copied = size - self.free_bytes

    @property
    def free_bytes(self) -> int:
        """Bytes that no connection has taken."""
        return sum(free.size for free in self._free)

    @property
    def first_free(self) -> int:
        """Where the first byte is that no connection has taken."""
        return self._free[0].start if self._free else self._size

    @property
    def is_whole(self) -> bool:
        """Whether every byte is copied."""
        return self.copied == self._size

    def take(self, connections: int, most: int = MOST) -> Range | None:
        """Return the next range for one of so many connections; None if none is free."""
        if not self._free:
            return None
        first = self._free[0]
        share = self.free_bytes // (_SHARES * max(1, connections))
        size = min(max(LEAST, share - share % LEAST), most)
        # What would be left of this gap must not be smaller than the smallest range.
        end = first.end if first.size - size < LEAST else first.start + size
        if end == first.end:
            del self._free[0]
        else:
            self._free[0] = Range(end, first.end)
        return Range(first.start, end)

    def finish(self, taken: Range, end: int) -> None:
        """Take note that a taken range is copied up to ``end``. The rest becomes free again."""
        self.copied += end - taken.start
        if end < taken.end:
            self._free = merged([*self._free, Range(end, taken.end)])


def merged(ranges: list[Range]) -> list[Range]:
    """Return the ranges in order, with those that touch or overlap made one."""
    result: list[Range] = []
    for each in sorted(ranges):
        if result and each.start <= result[-1].end:
            result[-1] = Range(result[-1].start, max(result[-1].end, each.end))
        elif each.size > 0:
            result.append(each)
    return result


def gaps(size: int, done: list[Range]) -> list[Range]:
    """Return the ranges of a file of this size that are not in ``done``."""
    result = []
    start = 0
    for each in merged(done):
        if each.start > start:
            result.append(Range(start, min(each.start, size)))
        start = max(start, each.end)
    if start < size:
        result.append(Range(start, size))
    return result
