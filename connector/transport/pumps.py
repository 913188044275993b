"""Streams of bytes that are polled; they neither block the loop nor run ahead of it.

Pipes and sockets can be, which is what OpenSSH and node give a ProxyCommand.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections import deque
from collections.abc import Callable

from .loop import Loop

#: Bytes to read at once: what a Linux pipe holds.
CHUNK = 64 * 1024

OnBroken = Callable[[OSError | None], None]

#: What a write says when the reader is gone, which is an end and no failure.
READER_GONE = (errno.EPIPE, errno.ECONNRESET)


class PolledInput:
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
        # The description is shared with whoever else holds the pipe.
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
        except OSError:  # a socket that was reset ends here too
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
        # A pipe without a reader polls readable at its writing end; a socket whose
        # peer is gone reads as ended.
        self._loop.watch(self._fd, self._peer_spoke, self._flush if self._chunks else None)

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
            pass  # the watch below calls again when there is room
        except OSError as error:
            self._break(error)
            return
        self._watch()
        if progress:
            self._on_progress()

    def _peer_spoke(self) -> None:
        poll = select.poll()
        poll.register(self._fd, 0)
        if poll.poll(0):  # unasked for, it reports hang-up and error alone
            self._break(None)
        else:
            # A socket whose peer writes to us, or has only stopped writing.
            self._loop.watch(self._fd, None, self._flush if self._chunks else None)

    def _break(self, error: OSError | None) -> None:
        self._broken = True
        self._chunks.clear()
        self.pending_bytes = 0
        self._loop.watch(self._fd, None, None)
        self._on_broken(None if error is None or error.errno in READER_GONE else error)
