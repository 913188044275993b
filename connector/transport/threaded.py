"""Input and output that cannot be polled: files, terminals, and everything on Windows.

Each has a thread that reads or writes.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue

from .loop import Loop
from .pumps import CHUNK, READER_GONE, OnBroken


class ThreadedInput:
    """An ``Input`` that a thread reads."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._requests: SimpleQueue[int] = SimpleQueue()
        self._asked = False
        self._ended = False
        # Keys that come after the end are for the next reader of a terminal, so the thread must
        # not wait in a read that nothing can end.
        self._end, self._end_writer = -1, -1
        if sys.platform != "win32" and os.isatty(fd):
            self._end, self._end_writer = os.pipe()

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_end = on_end
        threading.Thread(target=self._read, daemon=True).start()

    def set_wanted(self, wanted: int) -> None:
        if wanted > 0 and not self._asked and not self._ended:
            self._asked = True
            self._requests.put(min(wanted, CHUNK))

    def take_rest(self) -> None:
        # No call tells whether more is there. Bytes that were read are queued in the loop already.
        self._loop.call_soon(self._took, b"")

    def close(self) -> None:
        # Nothing can end a read of a file, so the thread stays until the process exits.
        writer, self._end_writer = self._end_writer, -1
        if writer >= 0:
            os.close(writer)
        self._ended = True
        self._requests.put(0)

    def _read(self) -> None:
        while size := self._requests.get():
            data = self._read_some(size)
            self._loop.call_soon(self._took, data)
            if not data:
                break
        if self._end >= 0:
            os.close(self._end)

    def _read_some(self, size: int) -> bytes:
        try:
            if self._end >= 0 and self._end in select.select([self._fd, self._end], [], [])[0]:
                return b""
            return os.read(self._fd, size)
        except BlockingIOError:  # another process that shares it made it non-blocking
            select.select([self._fd], [], [])
            return self._read_some(size)
        except OSError:
            return b""

    def _took(self, data: bytes) -> None:
        self._asked = False
        if self._ended:
            return
        if data:
            self._on_data(data)
        else:
            self._ended = True
            self._on_end()


class ThreadedOutput:
    """An ``Output`` that a thread writes."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self.pending_bytes = 0
        self._broken = False

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None:
        self._on_progress = on_progress
        self._on_broken = on_broken
        threading.Thread(target=self._write, daemon=True).start()

    def write(self, data: bytes) -> None:
        if not self._broken:
            self.pending_bytes += len(data)
            self._queue.put(data)

    def close(self) -> None:
        self._queue.put(None)

    def _write(self) -> None:
        while (data := self._queue.get()) is not None:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self._write_some(rest) :]
            except OSError as error:
                self._loop.call_soon(self._break, error)
                return
            self._loop.call_soon(self._wrote, len(data))

    def _write_some(self, data: memoryview) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:  # as above
            select.select([], [self._fd], [])
            return 0

    def _wrote(self, count: int) -> None:
        self.pending_bytes -= count
        self._on_progress()

    def _break(self, error: OSError) -> None:
        self._broken = True
        self.pending_bytes = 0
        self._on_broken(None if error.errno in READER_GONE else error)
