"""SFTP with many requests in flight, and replies to wait for.

Each method makes a request and returns a :class:`Reply` at once. A *job* is a generator that
yields the replies that it waits for; :class:`Pipeline` runs many jobs on one connection. So a
tree of small files does not wait a round trip for each request. The requests of all jobs are sent
together, in few packets of ssh.

Paths are bytes, as they are on the wire (draft-ietf-secsh-filexfer-02, section 5).
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import ConfigError, RemoteProtocolError, quoted
from . import packets as wire
from .packets import (
    Attributes,
    ConnectionLost,
    Entry,
    Packet,
    attributes,
    attributes_of,
    binary,
    broken,
    first_name,
    names,
    nothing,
    string,
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

#: Bytes that are received at once, and bytes of requests that do not wait for more of them.
_RECEIVED, _SENT = 4 * BLOCK, BLOCK

#: Files that one session lists at most: so a server that never ends cannot fill the memory.
MOST_FILES = 1_000_000

#: Bytes that are shown of what a far end sends in place of SFTP, and what to do about them.
_SHOWN = 60
_SILENT = "Startup files of the shell there must print nothing without a terminal"

#: What the status codes 2 to 8 of section 7 mean. sshd says 4 for every other error of the system.
_WORDS = {
    2: "there is no such file at the far end",
    3: "permission denied at the far end",
    4: "the far end reports a failure",
    5: "the far end does not understand the request",
    8: "the far end does not offer this",
}


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
        return self.code == wire.NO_SUCH_FILE

    @property
    def is_unsupported(self) -> bool:
        """Whether the server does not know the request."""
        return self.code == wire.UNSUPPORTED


class Reply(Generic[T]):
    """The answer to one request.

    :ivar size: bytes that the request counts for in ``Sftp.outstanding``.
    :ivar answer: the answer; None until it has arrived.
    :ivar job: the job that waits for it.
    """

    __slots__ = ("_decode", "_status", "answer", "job", "size")

    def __init__(self, size: int, decode: Callable[[Packet], T], status: int | None) -> None:
        self.size = size
        self._status = status
        self.answer: Packet | None = None
        self.job: Job[None] | None = None
        self._decode = decode

    def wait(self) -> Job[T]:
        """Wait in a job for the answer, and return what it holds.

        :raises SftpError: when the server refuses the request.
        """
        if self.answer is None:
            yield self
        answer = self.answer
        assert answer is not None
        if answer.kind == wire.STATUS:
            code = answer.integer()
            if code != self._status:
                text = answer.string() if answer.left else b""
                raise SftpError(code, text.decode("utf-8", "replace"))
        return self._decode(answer)


class Sftp:
    """One SFTP session over a socket whose other end is ssh's stdin and stdout.

    :ivar outstanding: bytes of reads and writes that the server has not answered yet.
    :ivar ready: jobs whose answers have arrived.
    :raises ConnectionLost: from every method, when the session ends.
    :raises RemoteProtocolError: from every method, when the far end breaks the protocol.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.outstanding = 0
        self.ready: deque[Job[None]] = deque()
        self._sock = sock
        self._outgoing = bytearray(wire.hello())
        self._incoming = b""
        self._next_number = self._listed = 0
        self._awaited: dict[int, Reply[Any]] = {}  # by the number of the request
        try:
            while not (received := self._exchange()):
                continue
            greeting, *more = received
            if greeting.kind != wire.VERSION or more:
                raise broken("a version is not told first")
            greeting.integer()  # all versions answer the requests of the one that is spoken
        except RemoteProtocolError:
            text = self._incoming.partition(b"\n")[0][:_SHOWN].decode("utf-8", "replace").strip()
            raise RemoteProtocolError(
                f"The far end does not speak SFTP: it has sent {quoted(text)}", _SILENT
            ) from None

    def receive(self) -> None:
        """Send the requests, wait for bytes, and note the answers that are complete."""
        for answer in self._exchange():
            reply = self._awaited.pop(answer.integer(), None)
            if reply is None:
                raise broken("the far end answers a request that was not made")
            reply.answer = answer
            self.outstanding -= reply.size
            if reply.job is not None:
                self.ready.append(reply.job)

    def flush(self) -> None:
        """Send the requests that have not been sent."""
        if self._outgoing:
            outgoing, self._outgoing = self._outgoing, bytearray()
            try:
                self._sock.sendall(outgoing)
            except OSError as error:
                raise ConnectionLost from error

    def _exchange(self) -> list[Packet]:
        """Send the requests, wait for bytes, and return the packets that are complete."""
        self.flush()
        try:
            received = self._sock.recv(_RECEIVED)
        except OSError as error:
            raise ConnectionLost from error
        if not received:
            raise ConnectionLost
        data = self._incoming = self._incoming + received
        found, at = [], 0
        while (start := at + 4) <= len(data):
            size = int.from_bytes(data[at:start], "big")
            if size > _MOST_PACKET:
                raise broken(f"a packet has {size} bytes")
            if start + size > len(data):
                break
            at = start + size
            found.append(Packet(data[start:at]))
        self._incoming = data[at:]
        return found

    def stat(self, path: bytes) -> Reply[Attributes]:
        return self._ask(attributes, wire.STAT, string(path))

    def lstat(self, path: bytes) -> Reply[Attributes]:
        return self._ask(attributes, wire.LSTAT, string(path))

    def fstat(self, handle: bytes) -> Reply[Attributes]:
        return self._ask(attributes, wire.FSTAT, string(handle))

    def open(self, path: bytes, flags: int, mode: int | None = None) -> Reply[bytes]:
        """Open a file and return its handle.

        :param flags: of :mod:`.packets`; ``mode`` is that of a file that is created.
        """
        how = wire.integer(flags) + attributes_of(mode)
        return self._ask(binary, wire.OPEN, string(path), how)

    def close(self, handle: bytes) -> Reply[None]:
        return self._tell(wire.CLOSE, string(handle))

    def read(self, handle: bytes, offset: int, size: int) -> Reply[bytes]:
        """Read at most so many bytes. The end of the file is an answer without any."""

        def data(answer: Packet) -> bytes:
            found = binary(answer)
            if len(found) > size:
                raise SftpError(wire.FAILURE, "it sent more than was asked for")
            return found

        place = string(handle) + wire.long(offset) + wire.integer(size)
        return self._ask(data, wire.READ, place, size=size, status=wire.END_OF_FILE)

    def write(self, handle: bytes, offset: int, data: Buffer) -> Reply[None]:
        content = bytes(data)
        place = string(handle) + wire.long(offset)
        return self._tell(wire.WRITE, place, string(content), size=len(content))

    def set_attributes(
        self, path: bytes, mode: int | None = None, times: tuple[int, int] | None = None
    ) -> Reply[None]:
        return self._tell(wire.SETSTAT, string(path), attributes_of(mode, times))

    def make_directory(self, path: bytes, mode: int) -> Reply[None]:
        return self._tell(wire.MKDIR, string(path), attributes_of(mode))

    def remove(self, path: bytes) -> Reply[None]:
        return self._tell(wire.REMOVE, string(path))

    def real_path(self, path: bytes) -> Reply[bytes]:
        """Return the absolute path without symbolic links."""
        return self._ask(first_name, wire.REALPATH, string(path))

    def replace(self, old: bytes, new: bytes) -> Job[None]:
        """Rename a file. The new name may exist."""
        try:
            # OpenSSH's extension. SFTP's own rename fails if the new name exists.
            words = map(string, (b"posix-rename@openssh.com", old, new))
            yield from self._tell(wire.EXTENDED, *words).wait()
        except SftpError as error:
            if not error.is_unsupported:
                raise
            yield from self._replace_in_two_steps(old, new)

    def list_directory(self, path: bytes) -> Job[list[Entry]]:
        """Return the files of a directory, without the directory itself and its parent.

        :raises ConfigError: when this session has listed too many files.
        """
        handle = yield from self._ask(binary, wire.OPENDIR, string(path)).wait()
        entries: list[Entry] = []
        try:
            while batch := (yield from self._next_names(handle).wait()):
                entries += (entry for entry in batch if entry.name not in (b".", b".."))
                self._listed += len(batch)
                if self._listed > MOST_FILES:
                    raise ConfigError(
                        f"The source has more than {MOST_FILES:,} files",
                        "Copy its parts one by one",
                    )
        except SftpError:
            self.close(handle)
            raise
        yield from self.close(handle).wait()
        return entries

    def _next_names(self, handle: bytes) -> Reply[list[Entry]]:
        return self._ask(names, wire.READDIR, string(handle), status=wire.END_OF_FILE)

    def _replace_in_two_steps(self, old: bytes, new: bytes) -> Job[None]:
        try:
            yield from self.remove(new).wait()
        except SftpError as error:
            if not error.is_missing:
                raise
        yield from self._tell(wire.RENAME, string(old), string(new)).wait()

    def _tell(self, kind: int, *members: bytes, size: int = 0) -> Reply[None]:
        """Make a request whose only good answer is the status "OK"."""
        return self._ask(nothing, kind, *members, size=size, status=wire.OK)

    def _ask(
        self,
        decode: Callable[[Packet], T],
        kind: int,
        *members: bytes,
        size: int = 0,
        status: int | None = None,
    ) -> Reply[T]:
        """Make a request.

        :param status: the code that is a good answer; with None, every status is a refusal.
        """
        number = self._next_number
        self._next_number += 1
        reply = self._awaited[number] = Reply(size, decode, status)
        self.outstanding += size
        self._outgoing += wire.request(kind, number, b"".join(members))
        if len(self._outgoing) >= _SENT:
            self.flush()
        return reply


class Pipeline:
    """Runs jobs on one SFTP session, many at once."""

    def __init__(self, sftp: Sftp) -> None:
        self.sftp = sftp
        self._jobs: set[Job[None]] = set()

    @property
    def running(self) -> int:
        """The number of jobs that have not ended."""
        return len(self._jobs)

    def start(self, job: Job[None]) -> None:
        """Start a job. It runs up to the first reply that has not arrived."""
        self._jobs.add(job)
        self._advance(job)

    def turn(self) -> None:
        """Wait for bytes, and go on with the jobs whose answers they complete."""
        self.sftp.receive()
        while self.sftp.ready:
            self._advance(self.sftp.ready.popleft())
        if not self._jobs:
            self.sftp.flush()  # the next turn may be far

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

    def _advance(self, job: Job[None]) -> None:
        if job not in self._jobs:
            return  # it was cancelled
        try:
            reply = next(job)
        except StopIteration:
            self._jobs.discard(job)
        else:
            reply.job = job


def words_of(error: SftpError | OSError) -> str:
    """Return why a file cannot be copied; ends a sentence that begins with the file's name."""
    if isinstance(error, SftpError):
        return str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return (error.strerror or type(error).__name__).lower()
