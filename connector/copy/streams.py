"""stdin and stdout as an end of a copy: read and written in order, while ranges come in any order.

A thread of its own reads or writes the stream, so that a slow reader stops nothing else. It is a
daemon: an interrupted copy does not wait for it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import LinkLost
from .packets import Attributes
from .ranges import Range
from .sftp import BLOCK, Job
from .sides import File, Here, Now

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Bytes of a range of a stream, and of all that are held at a time.
PIECE = 16 * BLOCK
_HELD = 24 * PIECE

_STDIN, _STDOUT = 0, 1

#: The mode of a file that is copied from stdin, before the umask.
_STATUS = Attributes(0, stat.S_IFREG | 0o666, 0, 0)


class Stdin(Here):
    """stdin as the source of a copy, and the ranges that are read of it.

    It stands in for :class:`.ranges.Ranges`: a range exists once it is read.

    :param changed: the lock of the work, notified when there is another range.
    :ivar copied: bytes that are copied; ``size``: those that are read.
    """

    window = BLOCK

    def __init__(self, changed: threading.Condition) -> None:
        super().__init__()
        self.copied = self.size = 0
        self.hash = hashlib.sha256()
        self._changed = changed
        self._pieces: dict[int, bytes] = {}  # by their start
        self._ready: deque[Range] = deque()
        self._ended = False

    def start(self, ended: Callable[[OSError | None], None]) -> None:
        """Begin to read. ``ended`` is called at the end, with the error if there was one."""
        threading.Thread(target=self._run, args=(ended,), daemon=True, name="stdin").start()

    def _run(self, ended: Callable[[OSError | None], None]) -> None:
        error = None
        try:
            while piece := _read_piece():
                self.hash.update(piece)
                with self._changed:
                    self._changed.wait_for(lambda: len(self._pieces) * PIECE < _HELD)
                    self._pieces[self.size] = piece
                    self._ready.append(Range(self.size, self.size + len(piece)))
                    self.size += len(piece)
                    self._changed.notify_all()
        except OSError as problem:
            error = problem
        with self._changed:
            self._ended = True
        ended(error)

    # As the ranges of a file. The work holds the lock.

    @property
    def free_bytes(self) -> int:
        return sum(each.size for each in self._ready)

    @property
    def first_free(self) -> int:
        return self._ready[0].start if self._ready else 0

    @property
    def is_whole(self) -> bool:
        return self._ended and not self._pieces

    def take(self, connections: int, most: int) -> Range | None:
        return self._ready.popleft() if self._ready else None

    def finish(self, taken: Range, end: int) -> None:
        self.copied += end - taken.start
        if end < taken.end:
            self._ready.appendleft(Range(end, taken.end))
        else:
            del self._pieces[_piece_of(taken.start)]
            self._changed.notify_all()

    # As a file.

    def stat(self, path: bytes) -> Job[Attributes]:
        yield from ()
        return _STATUS

    def open_source(self, path: bytes) -> Job[File]:
        yield from ()
        return self

    def read(self, offset: int, size: int) -> Now[bytes]:
        start = _piece_of(offset)
        return Now(self._pieces[start][offset - start : offset - start + size])

    def write(self, offset: int, data: Buffer) -> Now[None]:
        raise OSError("stdin is only read")

    def status(self) -> Now[Attributes]:
        return Now(_STATUS)

    def close(self) -> Now[None]:
        """Do nothing: others read on."""
        return Now(None)


class Stdout(Here):
    """stdout as the destination of a copy.

    :param changed: the lock of the work, notified when more may be copied.
    :ivar error: why it cannot be written. Its jobs raise it, and the copy ends.
    """

    window = BLOCK

    def __init__(self, changed: threading.Condition) -> None:
        super().__init__()
        self.error: LinkLost | None = None
        self.hash = hashlib.sha256()
        self.written = 0
        self._changed = changed
        self._blocks: dict[int, bytes] = {}
        threading.Thread(target=self._run, daemon=True, name="stdout").start()

    def limit(self) -> int:
        """Return up to where the file may be copied now."""
        return self.written + _HELD

    def _run(self) -> None:
        while self.error is None:
            with self._changed:
                self._changed.wait_for(lambda: self.written in self._blocks)
                block = memoryview(self._blocks.pop(self.written))
            self.hash.update(block)
            size = len(block)
            try:
                while block:
                    block = block[os.write(_STDOUT, block) :]
            except OSError as error:
                self.error = stdout_lost(error)
            with self._changed:
                self.written += size
                self._changed.notify_all()

    def stat(self, path: bytes) -> Job[Attributes]:
        yield from ()
        return _STATUS

    def reopen(self, path: bytes) -> Job[File]:
        yield from ()
        return self

    def read(self, offset: int, size: int) -> Now[bytes]:
        raise OSError("stdout is only written")

    def write(self, offset: int, data: Buffer) -> Now[None]:
        if self.error is not None:
            raise self.error
        with self._changed:
            self._blocks[offset] = bytes(data)
            self._changed.notify_all()
        return Now(None)

    def status(self) -> Now[Attributes]:
        return Now(_STATUS)

    def close(self) -> Now[None]:
        """Do nothing: others write on."""
        return Now(None)


def stdout_lost(error: OSError) -> LinkLost:
    """Return the error of a stdout that cannot be written."""
    return LinkLost(f"stdout cannot be written: {error.strerror}")


def _piece_of(offset: int) -> int:
    return offset - offset % PIECE


def _read_piece() -> bytes:
    """Read a whole piece of stdin, or what is left of it."""
    piece = b""
    while len(piece) < PIECE and (more := os.read(_STDIN, PIECE - len(piece))):
        piece += more
    return piece
