"""SFTP with many requests in flight: paramiko's packets, and replies to wait for.

Each method sends a request and returns a :class:`Reply` at once. A *job* is a generator that
yields the replies that it waits for; :class:`Pipeline` runs many jobs on one connection. So a
tree of small files does not wait a round trip for each request.

Paths are bytes, as they are on the wire (draft-ietf-secsh-filexfer-02, section 5).
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import paramiko
from paramiko import sftp as wire

from ..errors import ConfigError
from .packets import (
    Attributes,
    ConnectionLost,
    Entry,
    attributes,
    attributes_of,
    binary,
    first_name,
    names,
    nothing,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

#: A sequence of requests. It yields each reply that it waits for.
Job = Generator["Reply[Any]", None, T]

#: Bytes of one read or write. Every server takes 32 KiB (draft-ietf-secsh-filexfer-02, section 3).
BLOCK = 32 * 1024

#: Jobs that run at the same time without a limit of bytes. More requests could fill all buffers.
_MOST_JOBS = 128

#: Bytes of the largest packet that is taken, as by OpenSSH (SFTP_MAX_MSG_LENGTH).
_MOST_PACKET = 256 * 1024

#: Files that one session lists at most: so a server that never ends cannot fill the memory.
MOST_FILES = 1_000_000

#: SSH_FX_OP_UNSUPPORTED of section 7.
_UNSUPPORTED = 8

#: What the status codes 2 to 8 of section 7 mean. sshd says 4 for every other error of the system.
_WORDS = {
    2: "there is no such file at the far end",
    3: "permission denied at the far end",
    4: "the far end reports a failure",
    5: "the far end does not understand the request",
    8: "the far end does not offer this",
}

# paramiko logs each packet that it does not await.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class SftpError(Exception):
    """The server refused a request. The text ends a sentence that begins with the file's name."""

    def __init__(self, code: int, text: str) -> None:
        known = _WORDS.get(code, f"the far end reports error {code}")
        more = text if code not in (2, 3) and text.lower() not in ("", "failure") else ""
        super().__init__(f"{known} ({more})" if more else known)
        self.code = code

    @property
    def is_missing(self) -> bool:
        """Whether there is no such file."""
        return self.code == wire.SFTP_NO_SUCH_FILE

    @property
    def is_unsupported(self) -> bool:
        """Whether the server does not know the request."""
        return self.code == _UNSUPPORTED


class Reply(Generic[T]):
    """The answer to one request, once it has arrived."""

    def __init__(self, sftp: Sftp, size: int, decode: Callable[[int, paramiko.Message], T]) -> None:
        self.arrived = False
        self.waiter: Callable[[], None] | None = None
        self._sftp = sftp
        self._size = size
        self._decode = decode
        self._answer: tuple[int, paramiko.Message]

    def wait(self) -> Job[T]:
        """Wait in a job for the answer, and return what it holds.

        :raises SftpError: when the server refuses the request.
        """
        if not self.arrived:
            yield self
        kind, message = self._answer
        if kind == wire.CMD_STATUS:
            code = message.get_int()
            if code not in (wire.SFTP_OK, wire.SFTP_EOF):
                raise SftpError(code, message.get_binary().decode("utf-8", "replace"))
        return self._decode(kind, message)

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        """Take the answer. paramiko calls this."""
        self.arrived = True
        self._answer = kind, message
        self._sftp.answered(self, self._size)
        if self.waiter is not None:
            self.waiter()


class _Stream:
    """The socket to ssh, as the channel that paramiko expects."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def get_name(self) -> str:
        return "cp"

    def send(self, data: bytes) -> int:
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise ConnectionLost from error
        return len(data)

    def recv(self, size: int) -> bytes:
        if size > _MOST_PACKET:
            raise ConnectionLost(f"a packet has {size} bytes")
        try:
            data = self._sock.recv(size)
        except OSError as error:
            raise ConnectionLost from error
        if not data:
            raise ConnectionLost
        return data

    def close(self) -> None:
        self._sock.close()


class _Client(paramiko.SFTPClient):
    """paramiko's client. Its files use the same two methods to pipeline their requests."""

    if TYPE_CHECKING:

        def _async_request(self, fileobj: object, t: int, *args: object) -> int: ...
        def _read_response(self) -> object: ...

    def ask(self, reply: Reply[Any], kind: int, *values: object) -> None:
        self._async_request(reply, kind, *values)

    def receive(self) -> None:
        self._read_response()


class Sftp:
    """One SFTP session over a socket whose other end is ssh's stdin and stdout.

    :ivar outstanding: bytes of reads and writes that the server has not answered yet.
    :raises ConnectionLost: from every method, when the session ends.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.outstanding = 0
        self._listed = 0
        self._awaited: set[Reply[Any]] = set()  # paramiko keeps weak references only
        try:
            self._client = _Client(cast("paramiko.Channel", _Stream(sock)))
        except (paramiko.SSHException, wire.SFTPError, struct.error) as error:
            raise ConnectionLost from error

    def receive(self) -> None:
        """Wait for one packet, and give it to the reply that awaits it."""
        try:
            self._client.receive()
        except (paramiko.SSHException, wire.SFTPError) as error:
            raise ConnectionLost from error

    def answered(self, reply: Reply[Any], size: int) -> None:
        """Take note of an answer. The reply calls this."""
        self._awaited.discard(reply)
        self.outstanding -= size

    def stat(self, path: bytes) -> Reply[Attributes]:
        return self._ask(attributes, wire.CMD_STAT, path)

    def lstat(self, path: bytes) -> Reply[Attributes]:
        return self._ask(attributes, wire.CMD_LSTAT, path)

    def fstat(self, handle: bytes) -> Reply[Attributes]:
        return self._ask(attributes, wire.CMD_FSTAT, handle)

    def open(self, path: bytes, flags: int, mode: int = 0) -> Reply[bytes]:
        """Open a file and return its handle.

        :param flags: ``wire.SFTP_FLAG_*``; ``mode`` is that of a file that is created.
        """
        return self._ask(binary, wire.CMD_OPEN, path, flags, attributes_of(mode=mode or None))

    def close(self, handle: bytes) -> Reply[None]:
        return self._ask(nothing, wire.CMD_CLOSE, handle)

    def read(self, handle: bytes, offset: int, size: int) -> Reply[bytes]:
        """Read at most so many bytes. The end of the file is an answer without any."""

        def data(kind: int, message: paramiko.Message) -> bytes:
            found = binary(kind, message)
            if len(found) > size:
                raise SftpError(wire.SFTP_FAILURE, "it sent more than was asked for")
            return found

        return self._ask(data, wire.CMD_READ, handle, wire.int64(offset), size, size=size)

    def write(self, handle: bytes, offset: int, data: Buffer) -> Reply[None]:
        size = len(memoryview(data))
        content = bytes(data)
        return self._ask(nothing, wire.CMD_WRITE, handle, wire.int64(offset), content, size=size)

    def set_attributes(
        self, path: bytes, mode: int | None = None, times: tuple[int, int] | None = None
    ) -> Reply[None]:
        return self._ask(nothing, wire.CMD_SETSTAT, path, attributes_of(mode, times))

    def make_directory(self, path: bytes, mode: int) -> Reply[None]:
        return self._ask(nothing, wire.CMD_MKDIR, path, attributes_of(mode))

    def remove(self, path: bytes) -> Reply[None]:
        return self._ask(nothing, wire.CMD_REMOVE, path)

    def real_path(self, path: bytes) -> Reply[bytes]:
        """Return the absolute path without symbolic links."""
        return self._ask(first_name, wire.CMD_REALPATH, path)

    def replace(self, old: bytes, new: bytes) -> Job[None]:
        """Rename a file. The new name may exist."""
        try:
            # OpenSSH's extension. SFTP's own rename fails if the new name exists.
            request = self._ask(nothing, wire.CMD_EXTENDED, b"posix-rename@openssh.com", old, new)
            yield from request.wait()
        except SftpError as error:
            if not error.is_unsupported:
                raise
            yield from self._replace_in_two_steps(old, new)

    def list_directory(self, path: bytes) -> Job[list[Entry]]:
        """Return the files of a directory, without the directory itself and its parent.

        :raises ConfigError: when this session has listed too many files.
        """
        handle = yield from self._ask(binary, wire.CMD_OPENDIR, path).wait()
        entries: list[Entry] = []
        while batch := (yield from self._ask(names, wire.CMD_READDIR, handle).wait()):
            entries += (entry for entry in batch if entry.name not in (b".", b".."))
            self._listed += len(batch)
            if self._listed > MOST_FILES:
                raise ConfigError(
                    f"The source has more than {MOST_FILES:,} files", "Copy its parts one by one"
                )
        yield from self.close(handle).wait()
        return entries

    def _replace_in_two_steps(self, old: bytes, new: bytes) -> Job[None]:
        try:
            yield from self.remove(new).wait()
        except SftpError as error:
            if not error.is_missing:
                raise
        yield from self._ask(nothing, wire.CMD_RENAME, old, new).wait()

    def _ask(
        self,
        decode: Callable[[int, paramiko.Message], T],
        kind: int,
        *values: object,
        size: int = 0,
    ) -> Reply[T]:
        reply = Reply(self, size, decode)
        self._awaited.add(reply)
        self.outstanding += size
        self._client.ask(reply, kind, *values)
        return reply


class Pipeline:
    """Runs jobs on one SFTP session, many at once."""

    def __init__(self, sftp: Sftp) -> None:
        self.sftp = sftp
        self._jobs: set[Job[None]] = set()
        self._ready: deque[Job[None]] = deque()

    @property
    def running(self) -> int:
        """The number of jobs that have not ended."""
        return len(self._jobs)

    def start(self, job: Job[None]) -> None:
        """Start a job. It runs up to the first reply that has not arrived."""
        self._jobs.add(job)
        self._advance(job)

    def turn(self) -> None:
        """Wait for one answer, and go on with the jobs that awaited it."""
        self.sftp.receive()
        while self._ready:
            self._advance(self._ready.popleft())

    def finish(self) -> None:
        """Run all jobs to their ends."""
        while self._jobs:
            self.turn()

    def run_all(self, jobs: Iterable[Job[None]]) -> None:
        """Run jobs to their ends, so many at a time that neither end waits for the other."""
        for job in jobs:
            while self.running >= _MOST_JOBS:
                self.turn()
            self.start(job)
        self.finish()

    def run(self, job: Job[T]) -> T:
        """Run one job to its end, and return what it returns. Other jobs go on meanwhile."""
        results: list[T] = []
        errors: list[Exception] = []

        def wrapped() -> Job[None]:
            try:
                results.append((yield from job))
            except (SftpError, OSError) as error:
                errors.append(error)

        self.start(wrapped())
        while not (results or errors):
            self.turn()
        if errors:
            raise errors[0]
        return results[0]

    def cancel(self) -> None:
        """End all jobs where they are. Their answers are dropped."""
        for job in self._jobs:
            job.close()
        self._jobs.clear()
        self._ready.clear()

    def _advance(self, job: Job[None]) -> None:
        if job not in self._jobs:
            return  # it was cancelled
        try:
            reply = next(job)
            while reply.arrived:
                reply = next(job)
        except StopIteration:
            self._jobs.discard(job)
            return
        reply.waiter = lambda: self._ready.append(job)


def words_of(error: SftpError | OSError) -> str:
    """Return why a file cannot be copied; ends a sentence that begins with the file's name."""
    if isinstance(error, SftpError):
        return str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return (error.strerror or type(error).__name__).lower()
