"""One command of a target with its streams, run by a child process such as ``connector exec``."""

from __future__ import annotations

import os
import select
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO

from ..errors import ConnectFailed, RemoteProtocolError

#: Seconds in which a command has to read or to write something, once it has begun.
_PATIENCE = 300.0

#: Seconds for the child to end its session, and then after SIGKILL.
_END_TIMEOUT = 8.0

#: Bytes of the longest line, of the longest output after the last line that is read, and characters
#: of stderr that are kept.
_LONGEST_LINE = 64 * 1024
_LONGEST_REST = 1 << 20
_KEPT = 1 << 20

_CHUNK = 64 * 1024

#: What the connector puts before its own lines on stderr.
_OWN = "connector: "

#: How GNU tar ends after its reasons.
_NO_REASON = "Exiting with failure status due to previous errors"


class CommandLost(Exception):
    """The command has ended before its answer was whole. Its words tell why."""


class CommandFailed(Exception):
    """The command failed before it began, and has told the user why.

    :ivar exit_code: of the command, for this program to exit with.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Command:
    """A running command.

    :param words: of the child process.
    :param report: prints a line of the connector that is the child.
    :ivar has_forgotten: whether :meth:`said` lacks the first lines.
    :raises OSError: when the child cannot be started.
    """

    def __init__(self, words: Sequence[str], report: Callable[[str], None]) -> None:
        self._report = report
        self._buffer = b""
        self._begun = False
        self.has_forgotten = False
        self._said: deque[str] = deque()
        self._said_size = 0
        pipe = subprocess.PIPE
        # Ctrl-C must end this process alone, which then ends the child in order.
        self._child = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
        for stream in (self._child.stdin, self._child.stdout):
            os.set_blocking(_open(stream).fileno(), False)
        self._listener = threading.Thread(target=self._listen, daemon=True, name="stderr")
        self._listener.start()

    def read(self, size: int) -> bytes:
        """Read at most so many bytes; none at the end of the output."""
        if not self._buffer:
            self._buffer = self._receive()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def unread(self, data: bytes) -> None:
        """Give back bytes that :meth:`read` has returned last."""
        self._buffer = data + self._buffer

    def read_line(self) -> list[str]:
        """Read a line, and return its words.

        :raises CommandLost: when there is none.
        """
        line = bytearray()
        while b"\n" not in line:
            data = self._receive() if not self._buffer else self._buffer
            self._buffer = b""
            line += data
            if not data or (b"\n" not in line and len(line) > _LONGEST_LINE):
                raise CommandLost
        first, _, self._buffer = bytes(line).partition(b"\n")
        self._begun = True
        return first.decode("utf-8", "replace").split()

    def write(self, data: bytes) -> None:
        """Write to the command's input.

        :raises CommandLost: when the command reads no more.
        """
        rest = memoryview(data)
        stream = _open(self._child.stdin).fileno()
        try:
            while rest:
                self._wait([], [stream])
                rest = rest[os.write(stream, rest[:_CHUNK]) :]
        except BrokenPipeError:
            raise CommandLost from None

    def end_input(self) -> None:
        _open(self._child.stdin).close()

    def status(self) -> int:
        """Wait for the end, and return the exit status: that of the command or of its failure.

        :raises RemoteProtocolError: when the output does not end.
        :raises ConnectFailed: when the command does not end.
        """
        left = _LONGEST_REST
        while data := self._receive():
            left -= len(data)
            if left < 0:
                raise RemoteProtocolError("the command that copies prints without end")
        try:
            return self._child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            raise ConnectFailed("The command that copies has not ended in 5 minutes") from None

    def said(self) -> list[str]:
        """Return the last lines that the command has written to stderr. It has to have ended."""
        self._listener.join(_END_TIMEOUT)
        return [line for line in self._said if not line.endswith(_NO_REASON)]

    def end(self) -> None:
        """End the command if it runs, and its session with it."""
        if self._child.poll() is None:
            # A shell obeys a signal only when the program ends that reads the rest of the input.
            self.end_input()
            self._child.terminate()
            try:
                self._child.wait(_END_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(_END_TIMEOUT)
        # What the child has left running ends once it cannot write.
        for stream in (self._child.stdin, self._child.stdout):
            _open(stream).close()
        self._listener.join(_END_TIMEOUT)

    def _receive(self) -> bytes:
        stream = _open(self._child.stdout).fileno()
        self._wait([stream], [])
        return os.read(stream, _CHUNK)

    def _wait(self, readable: list[int], writable: list[int]) -> None:
        # Until the first line, the child itself limits how long a start may take.
        patience = _PATIENCE if self._begun else None
        if not any(select.select(readable, writable, [], patience)):
            raise ConnectFailed("The target has not gone on with the copy for 5 minutes")

    def _listen(self) -> None:
        with _open(self._child.stderr) as stream:
            rest = b""
            while data := os.read(stream.fileno(), _CHUNK):
                *lines, rest = (rest + data).split(b"\n")
                self._hear(lines)
                rest = rest[-_LONGEST_LINE:]
            self._hear([rest])

    def _hear(self, lines: list[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text.startswith(_OWN):
                self._report(text.removeprefix(_OWN))
            elif text:
                self._said.append(text)
                self._said_size += len(text)
        while self._said_size > _KEPT:
            self._said_size -= len(self._said.popleft())
            self.has_forgotten = True


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # all three are pipes
    return stream
