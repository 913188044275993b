"""Input and output on pipes and sockets, which the loop can poll.

OpenSSH and node give a ProxyCommand pipes or sockets.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections import deque
from collections.abc import Callable

from .loop import Loop

#: Bytes to read at once: the capacity of a Linux pipe.
CHUNK = 64 * 1024

OnBroken = Callable[[OSError | None], None]

#: Errors of a write whose reader has left, which is a normal end.
READER_GONE = (errno.EPIPE, errno.ECONNRESET)


class PolledInput:
    """An ``Input`` that the loop polls."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._wanted = 0
        self._ended = False
        self._rest_only = False
        self._was_blocking = os.get_blocking(fd)
        os.set_blocking(fd, False)

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_end = on_end

    def set_wanted(self, wanted: int) -> None:
        resumed = wanted > 0 and not self._wanted
        self._wanted = wanted
        watch = wanted > 0 and not self._ended
        self._loop.watch(self._fd, self._readable if watch else None, None)
        if watch and resumed and self._rest_only:
            self._loop.call_soon(self._readable)

    def take_rest(self) -> None:
        self._rest_only = True
        self._loop.call_soon(self._readable)

    def close(self) -> None:
        self._loop.watch(self._fd, None, None)
        self._ended = True
        # Other processes may share the pipe, and with it the blocking mode.
        with contextlib.suppress(OSError):
            os.set_blocking(self._fd, self._was_blocking)
        os.close(self._fd)

    def _readable(self) -> None:
        if not self._wanted or self._ended:
            return
        try:
            data = os.read(self._fd, min(self._wanted, CHUNK))
        except BlockingIOError:
            if self._rest_only:
                self._end()
            return
        except OSError:  # a socket that was reset has ended, too
            data = b""
        if not data:
            self._end()
            return
        self._on_data(data)
        if self._rest_only:
            self._loop.call_soon(self._readable)

    def _end(self) -> None:
        self._ended = True
        self._loop.watch(self._fd, None, None)
        self._on_end()


class PolledOutput:
    """An ``Output`` that the loop polls."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._chunks: deque[memoryview] = deque()
        self.pending_bytes = 0
        self._broken = False
        self._was_blocking = os.get_blocking(fd)
        os.set_blocking(fd, False)

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None:
        self._on_progress = on_progress
        self._on_broken = on_broken
        self._watch()

    def write(self, data: bytes) -> None:
        if self._broken:
            return
        self._chunks.append(memoryview(data))
        self.pending_bytes += len(data)
        if len(self._chunks) == 1:
            self._flush()

    def close(self) -> None:
        self._loop.watch(self._fd, None, None)
        self._broken = True
        with contextlib.suppress(OSError):
            os.set_blocking(self._fd, self._was_blocking)
        os.close(self._fd)

    def _watch(self) -> None:
        # The writing end of a pipe polls as readable once its reader is gone, and so does a
        # socket whose peer is gone.
        self._loop.watch(self._fd, self._check_reader, self._flush if self._chunks else None)

    def _flush(self) -> None:
        progress = False
        try:
            while self._chunks:
                chunk = self._chunks[0]
                written = os.write(self._fd, chunk)
                self.pending_bytes -= written
                progress = True
                if written < len(chunk):
                    self._chunks[0] = chunk[written:]
                else:
                    self._chunks.popleft()
        except BlockingIOError:
            pass  # the watch below calls back when there is room
        except OSError as error:
            self._break(error)
            return
        self._watch()
        if progress:
            self._on_progress()

    def _check_reader(self) -> None:
        poll = select.poll()
        poll.register(self._fd, 0)
        if poll.poll(0):  # without flags, poll reports hang-up and error only
            self._break(None)
        else:
            # The peer of a socket writes to it, or has only stopped writing.
            self._loop.watch(self._fd, None, self._flush if self._chunks else None)

    def _break(self, error: OSError | None) -> None:
        self._broken = True
        self._chunks.clear()
        self.pending_bytes = 0
        self._loop.watch(self._fd, None, None)
        self._on_broken(None if error is None or error.errno in READER_GONE else error)
