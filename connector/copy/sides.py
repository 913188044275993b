"""The two ends of a copy behind one interface: files of this machine, and files over SFTP.

All methods are jobs or return replies, see :mod:`.sftp`. Those of this machine never wait. So one
piece of code copies in both directions. Every method may raise SftpError or OSError.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from . import packets as wire
from .holds import Holds
from .packets import Attributes, Entry
from .sftp import BLOCK, Job, Reply, Sftp, SftpError

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: Bytes of reads that are in flight. The agent sends 0.7 MB/s, so this is enough for 0.7 s.
_READ_WINDOW = 16 * BLOCK

#: Bytes of writes that are in flight: 10 MB/s at a round trip of 0.2 s.
_WRITE_WINDOW = 64 * BLOCK

_NEW = wire.WRITES | wire.CREATES | wire.ONLY_NEW

#: What stands beside an unfinished file: itself, its journal, and a file that shows the umask.
KINDS = ("part", "journal", "mode")

_O_PLAIN = os.O_CLOEXEC | os.O_NOFOLLOW


def at_once(job: Job[T]) -> T:
    """Return the result of a job that waits for nothing, such as those of this machine."""
    try:
        next(job)
    except StopIteration as end:
        return cast(T, end.value)
    raise RuntimeError("the job waits for a reply")


def run_all(jobs: Iterable[Job[None]]) -> None:
    """Run jobs that wait for nothing."""
    for job in jobs:
        at_once(job)


class Answer(Protocol[T_co]):
    """What a request leads to: a :class:`.sftp.Reply`, or a result that is there at once."""

    def wait(self) -> Job[T_co]:
        """Return the result, in a job."""
        ...


class Now(Generic[T]):
    """A result that is there at once."""

    def __init__(self, result: T) -> None:
        self._result = result

    def wait(self) -> Job[T]:
        yield from ()
        return self._result


class File(Protocol):
    """An open file.

    :ivar window: bytes of reads or writes that should be in flight.
    """

    window: int

    def read(self, offset: int, size: int) -> Answer[bytes]:
        """Read at most so many bytes. The end of the file is an answer without any."""
        ...

    def write(self, offset: int, data: Buffer) -> Answer[None]: ...

    def status(self) -> Answer[Attributes]: ...

    def close(self) -> Answer[None]: ...


class Side(Protocol):
    """One end of a copy."""

    def stat(self, path: bytes) -> Job[Attributes]: ...

    def lstat(self, path: bytes) -> Job[Attributes]: ...

    def list_directory(self, path: bytes) -> Job[list[Entry]]: ...

    def real_path(self, path: bytes) -> Job[bytes]: ...

    def make_directory(self, path: bytes, mode: int) -> Job[None]: ...

    def set_attributes(
        self, path: bytes, mode: int | None, times: tuple[int, int] | None
    ) -> Job[None]: ...

    def replace(self, old: bytes, new: bytes) -> Job[None]: ...

    def remove(self, path: bytes) -> Job[None]: ...

    def open_source(self, path: bytes) -> Job[File]: ...

    def create(self, path: bytes, mode: int) -> Job[File]:
        """Create a file that is ours alone, in place of one of this name."""
        ...

    def reopen(self, path: bytes) -> Job[File]:
        """Open a file that :meth:`create` has made, to read it and to write to it."""
        ...


class FarFile:
    """A file of the target."""

    def __init__(self, sftp: Sftp, handle: bytes, window: int) -> None:
        self.window = window
        self._sftp = sftp
        self._handle = handle

    def read(self, offset: int, size: int) -> Reply[bytes]:
        return self._sftp.read(self._handle, offset, size)

    def write(self, offset: int, data: Buffer) -> Reply[None]:
        return self._sftp.write(self._handle, offset, data)

    def status(self) -> Reply[Attributes]:
        return self._sftp.fstat(self._handle)

    def close(self) -> Reply[None]:
        return self._sftp.close(self._handle)


class Far:
    """The files of the target, over one SFTP session."""

    def __init__(self, sftp: Sftp) -> None:
        self._sftp = sftp
        self.list_directory = sftp.list_directory
        self.replace = sftp.replace

    def stat(self, path: bytes) -> Job[Attributes]:
        return self._sftp.stat(path).wait()

    def lstat(self, path: bytes) -> Job[Attributes]:
        return self._sftp.lstat(path).wait()

    def real_path(self, path: bytes) -> Job[bytes]:
        return self._sftp.real_path(path).wait()

    def make_directory(self, path: bytes, mode: int) -> Job[None]:
        return self._sftp.make_directory(path, mode).wait()

    def set_attributes(
        self, path: bytes, mode: int | None, times: tuple[int, int] | None
    ) -> Job[None]:
        return self._sftp.set_attributes(path, mode, times).wait()

    def remove(self, path: bytes) -> Job[None]:
        return self._sftp.remove(path).wait()

    def open_source(self, path: bytes) -> Job[File]:
        handle = yield from self._sftp.open(path, wire.READS).wait()
        return FarFile(self._sftp, handle, _READ_WINDOW)

    def create(self, path: bytes, mode: int) -> Job[File]:
        # The server answers in order, so the second request need not wait for the first answer.
        removed, opened = self._sftp.remove(path), self._sftp.open(path, _NEW, mode)
        try:
            yield from removed.wait()
        except SftpError as error:
            if not error.is_missing:
                yield from opened.wait()
                raise
        handle = yield from opened.wait()
        return FarFile(self._sftp, handle, _WRITE_WINDOW)

    def reopen(self, path: bytes) -> Job[File]:
        flags = wire.READS | wire.WRITES
        handle = yield from self._sftp.open(path, flags).wait()
        return FarFile(self._sftp, handle, _WRITE_WINDOW)


class HereFile:
    """A file of this machine.

    :ivar descriptor: of the open file; -1 once it is closed.
    """

    window = BLOCK

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read(self, offset: int, size: int) -> Now[bytes]:
        return Now(os.pread(self.descriptor, size, offset))

    def write(self, offset: int, data: Buffer) -> Now[None]:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self.descriptor, rest, offset)
            offset += written
            rest = rest[written:]
        return Now(None)

    def status(self) -> Now[Attributes]:
        return Now(_attributes(os.fstat(self.descriptor)))

    def close(self) -> Now[None]:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        return Now(None)

    def __del__(self) -> None:
        """Close the file of a job whose connection was lost."""
        self.close()


class Here:
    """The files of this machine."""

    def __init__(self) -> None:
        self._holds = Holds()

    def stat(self, path: bytes) -> Job[Attributes]:
        yield from ()
        return _attributes(os.stat(path))

    def lstat(self, path: bytes) -> Job[Attributes]:
        yield from ()
        return _attributes(os.lstat(path))

    def list_directory(self, path: bytes) -> Job[list[Entry]]:
        yield from ()
        with os.scandir(path) as entries:
            return [
                Entry(entry.name, _attributes(entry.stat(follow_symlinks=False)))
                for entry in entries
            ]

    def real_path(self, path: bytes) -> Job[bytes]:
        yield from ()
        return os.path.realpath(path)

    def make_directory(self, path: bytes, mode: int) -> Job[None]:
        yield from ()
        os.mkdir(path, mode)

    def set_attributes(
        self, path: bytes, mode: int | None, times: tuple[int, int] | None
    ) -> Job[None]:
        yield from ()
        if mode is not None:
            os.chmod(path, mode)
        if times is not None:
            os.utime(path, times)

    def replace(self, old: bytes, new: bytes) -> Job[None]:
        yield from ()
        self._holds.check_own(old)
        os.replace(old, new)
        self._holds.drop(old)

    def remove(self, path: bytes) -> Job[None]:
        yield from ()
        self._holds.check_free(path)
        os.unlink(path)
        self._holds.drop(path)

    def open_source(self, path: bytes) -> Job[File]:
        yield from ()
        # A FIFO in the place of a file must not block the copy.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        return HereFile(os.open(path, flags))

    def create(self, path: bytes, mode: int) -> Job[File]:
        yield from ()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _O_PLAIN
        try:
            file = HereFile(os.open(path, flags, mode))
        except FileExistsError:
            yield from self.remove(path)
            file = HereFile(os.open(path, flags, mode))
        self._holds.take(path, file.descriptor)
        return file

    def reopen(self, path: bytes) -> Job[File]:
        yield from ()
        file = HereFile(os.open(path, os.O_RDWR | _O_PLAIN))
        if not stat.S_ISREG(os.fstat(file.descriptor).st_mode):
            file.close()
            raise OSError(errno.EINVAL, "Not a regular file")
        self._holds.take(path, file.descriptor)
        return file


def is_missing(error: SftpError | OSError) -> bool:
    """Return whether an error says that there is no such file."""
    if isinstance(error, SftpError):
        return error.is_missing
    return error.errno in (errno.ENOENT, errno.ENOTDIR)  # servers do not tell these apart


def is_refusal(error: SftpError | OSError) -> bool:
    """Return whether an error says that a directory takes no new file, whatever its name."""
    if isinstance(error, SftpError):
        return error.code in (wire.NO_SUCH_FILE, wire.PERMISSION_DENIED)
    return is_missing(error) or error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)


def is_hidden(path: bytes) -> bool:
    """Return whether a path may be that of an unfinished file, or of what belongs to it."""
    return path.endswith(tuple(f".connector-{kind}".encode() for kind in KINDS))


def part_of(target: bytes, kind: str = "part") -> bytes:
    """Return the path beside a target of its unfinished file, or of its journal."""
    directory, name = os.path.split(target)
    return os.path.join(directory, _short(name) + f".connector-{kind}".encode())


def _short(name: bytes) -> bytes:
    """Return the beginning of a hidden name for a file that is not whole yet.

    Names have at most 255 bytes. The end of a longer one gives way to its digest.
    """
    if len(name) <= 200:
        return b"." + name
    import hashlib

    return b"." + name[:150] + hashlib.sha256(name).hexdigest()[:16].encode()


def _attributes(found: os.stat_result) -> Attributes:
    return Attributes(found.st_size, found.st_mode, int(found.st_mtime), int(found.st_atime))
