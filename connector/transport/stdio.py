"""stdin and stdout as byte pumps that neither block the loop nor run ahead of it.

Pipes and sockets, which is what OpenSSH and node give a ProxyCommand, are polled. What
cannot be polled (files, terminals, everything on Windows) is read and written by a
thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from ..errors import ConfigError
from .loop import Loop

#: Bytes to read at once: what a Linux pipe holds.
CHUNK = 64 * 1024

OnBroken = Callable[[OSError | None], None]

#: What a write says when the reader is gone, which is an end and no failure.
_READER_GONE = (errno.EPIPE, errno.ECONNRESET)


class Input(Protocol):
    """A stream of bytes to read. ``on_data(bytes)`` and once ``on_end()`` are called."""

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None: ...

    def set_wanted(self, wanted: int) -> None:
        """Read at most this many bytes before asking again; 0 stops."""

    def take_rest(self) -> None:
        """Read what is there now, then regard the input as ended."""

    def close(self) -> None: ...


class Output(Protocol):
    """A place to write bytes to. ``on_progress()`` follows each write that went through;
    ``on_broken(error)`` tells once that none will any more, with ``None`` when the reader
    went away."""

    pending_bytes: int

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def take_standard_streams() -> tuple[int, int]:
    """Take stdin and stdout away from the rest of the program.

    Afterwards file descriptor 0 reads nothing and 1 is stderr, so that no ``print``, no
    library and no child can put a byte into the stream.

    :returns: the descriptors of the stream: input, output.
    :raises ConfigError: when one of them is closed.
    """
    # Looked at before anything is opened: a free number would be given out again.
    if not _is_open(0) or not _is_open(1):
        raise ConfigError("stdin or stdout is closed", "Start it with both open, as ssh does")
    null = os.open(os.devnull, os.O_RDWR)
    if null == 2:  # stderr was closed: it is nowhere from now on
        null = os.dup(null)
        os.set_inheritable(2, True)
    stream_in, stream_out = os.dup(0), os.dup(1)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(stream_in, os.O_BINARY)
        msvcrt.setmode(stream_out, os.O_BINARY)
    return stream_in, stream_out


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def open_input(loop: Loop, fd: int) -> Input:
    return PolledInput(loop, fd) if _pollable(fd) else ThreadedInput(loop, fd)


def open_output(loop: Loop, fd: int) -> Output:
    return PolledOutput(loop, fd) if _pollable(fd) else ThreadedOutput(loop, fd)


def _pollable(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


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
        self._on_broken(None if error is None or error.errno in _READER_GONE else error)


class ThreadedInput:
    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._requests: SimpleQueue[int] = SimpleQueue()
        self._asked = False
        self._ended = False

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_end = on_end
        threading.Thread(target=self._read, daemon=True).start()

    def set_wanted(self, wanted: int) -> None:
        if wanted > 0 and not self._asked and not self._ended:
            self._asked = True
            self._requests.put(min(wanted, CHUNK))

    def take_rest(self) -> None:
        # Whether more is there cannot be asked; what was read is on its way already.
        self._loop.call_soon(self._took, b"")

    def close(self) -> None:
        # The thread may sit in a read that nothing ends: it is left to the exit.
        self._ended = True
        self._requests.put(0)

    def _read(self) -> None:
        while size := self._requests.get():
            data = self._read_some(size)
            self._loop.call_soon(self._took, data)
            if not data:
                return

    def _read_some(self, size: int) -> bytes:
        try:
            return os.read(self._fd, size)
        except BlockingIOError:  # somebody else who has it open wants it so
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
        self._on_broken(None if error.errno in _READER_GONE else error)
