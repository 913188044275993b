"""Small files that other programs write too: bounded reads, atomic writes, locks.

Paths are strings here and in every module that a connection uses: importing pathlib takes a
millisecond.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

#: The path of a file.
AnyPath = str | os.PathLike[str]

#: The largest file that is read. Our largest are caches with thousands of targets, some 250
#: bytes each.
MAX_BYTES = 8 << 20

#: Bytes of one read, at least.
_STEP = 64 << 10

#: Some editors write this before UTF-8 text.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: Seconds to read a whole pipe, such as the shell's ``<(...)``.
PIPE_TIMEOUT = 3.0

#: Seconds after which a temporary file of ours is an orphan of a killed writer. A write takes
#: milliseconds, or two seconds on a slow disk.
LEFTOVER_AGE = 60.0


def settle_home(environ: MutableMapping[str, str]) -> None:
    """Set HOME to the account's home directory unless it is an absolute path.

    Without this, files would go to ``/`` or to the current directory. Child processes see the
    new value. An account without a home gets ``/``.
    """
    if os.name != "posix" or os.path.isabs(environ.get("HOME", "")):
        return
    import pwd

    try:
        environ["HOME"] = pwd.getpwuid(os.getuid()).pw_dir or "/"
    except KeyError:
        environ["HOME"] = "/"


class FileProblem(Exception):
    """A file cannot be used. The text ends a sentence that begins with the file's name."""


def read_own_text(path: AnyPath) -> str:
    """Return the text of a file that only programs write. Pipes and devices are refused.

    :raises FileNotFoundError: when there is no such file.
    :raises FileProblem: see :func:`read_text`; also when it is not a regular file.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise FileProblem(f"cannot be read ({reason(error)})") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise FileProblem("is a pipe or a device, not a file")
    return read_text(path)


def read_text(path: AnyPath) -> str:
    """Return the text of a UTF-8 file of at most :data:`MAX_BYTES`.

    :raises FileNotFoundError: when there is no such file.
    :raises FileProblem: when it cannot be read, is too large, or is not UTF-8.
    """
    try:
        # Editors on Windows write a byte-order mark. The codec for it would be another import.
        return read_bytes(path).removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError:
        raise FileProblem("is not UTF-8 text") from None


def read_bytes(path: AnyPath) -> bytes:
    """Return the content of a file of at most :data:`MAX_BYTES`.

    :raises FileNotFoundError: when there is no such file.
    :raises FileProblem: when it cannot be read or is too large.
    """
    try:
        content = _read(path)
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise FileProblem("is a directory") from None
    except TimeoutError:
        raise FileProblem(f"is a pipe that does not end within {PIPE_TIMEOUT:.0f} s") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise FileProblem(f"cannot be read ({reason(error)})") from None
    if len(content) > MAX_BYTES:
        raise FileProblem(f"is larger than {MAX_BYTES >> 20} MiB")
    return content


def _read(path: AnyPath) -> bytes:
    """Read up to one byte more than :data:`MAX_BYTES`.

    A pipe without a writer would block in ``open`` and in ``read``, so both have a deadline.
    """
    deadline = time.monotonic() + PIPE_TIMEOUT
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    pieces = []
    left = MAX_BYTES + 1
    with open(os.open(path, os.O_RDONLY | flags), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        waits = stat.S_ISFIFO(status.st_mode)
        # A read takes memory for all that it asks for.
        step = max(status.st_size + 1, _STEP)
        while left:
            if waits:
                _wait_readable(file.fileno(), deadline)
            piece = file.read(min(step, left))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)


def _wait_readable(descriptor: int, deadline: float) -> None:
    """:raises TimeoutError: when the deadline passes before there are bytes to read."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


def write_private(path: AnyPath, text: str) -> None:
    """Replace a file atomically, with mode 0600; see :func:`replace_file`."""
    replace_file(path, text.encode())


def replace_file(path: AnyPath, content: bytes, like: os.stat_result | None = None) -> None:
    """Replace a file atomically: no reader sees half of it.

    Temporary files that killed writers of the same file left beside it are removed.

    :param like: the status of a file whose mode and owner to copy; None: mode 0600, ours.
    :raises OSError: when it cannot be written. The old file is then unchanged.
    """
    # Importing tempfile takes as long as reading a token.
    temporary = f"{os.fspath(path)}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if like is not None:
            if hasattr(os, "chown"):  # not on Windows; root may write for another user
                os.chown(temporary, like.st_uid, like.st_gid)
            os.chmod(temporary, stat.S_IMODE(like.st_mode))
        os.replace(temporary, path)
    except BaseException:  # also after Ctrl-C
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _remove_leftovers(os.fspath(path))


def _remove_leftovers(path: str) -> None:
    """Remove the temporary files that killed writers of a file left behind."""
    directory, name = os.path.split(path)
    oldest = time.time() - LEFTOVER_AGE
    with contextlib.suppress(OSError), os.scandir(directory or ".") as entries:
        for entry in entries:
            if not _is_temporary(entry.name, name):
                continue
            with contextlib.suppress(OSError):  # another writer was faster
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    os.unlink(entry.path)


def _is_temporary(candidate: str, name: str) -> bool:
    """Return whether a name is one of :func:`replace_file`'s temporary files for a file."""
    if not candidate.startswith(f"{name}."):
        return False
    pid, _, rest = candidate[len(name) + 1 :].partition(".")
    token = rest.removesuffix(".tmp")
    return pid.isdigit() and token != rest and len(token) == 8 and token.isalnum()


def make_directory_of(path: AnyPath) -> None:
    """Create the missing directories above a file with mode 0700.

    ``os.makedirs`` would apply the mode to the last one only.

    :raises OSError: when one cannot be created.
    """
    missing = []
    directory = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(directory) and directory != os.path.dirname(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    for name in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster, or it is a file
            os.mkdir(name, 0o700)


def check_writable(path: AnyPath, size: int = 0) -> None:
    """Check that a file can be replaced, without changing it.

    :param size: bytes that the disk must have room for.
    :raises OSError: when it cannot.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    probe = f"{os.fspath(path)}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(bytes(size))
    finally:
        os.unlink(probe)


def reason(error: Exception) -> str:
    """Return the operating system's words for an error, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)

_POLL_INTERVAL = 0.05  # seconds; neither system call can wait for a bounded time


@contextmanager
def file_lock(path: AnyPath, timeout: float) -> Iterator[None]:
    """Hold the lock on ``path``. The system releases it when the process dies.

    The empty lock file is never removed: otherwise two processes could lock two files of the
    same name. On a file system without locks, nothing is held.

    :param timeout: seconds to wait for another process to release the lock.
    :raises TimeoutError: when another process still holds it.
    :raises OSError: when the file cannot be created or locked.
    """
    deadline = time.monotonic() + timeout
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process holds it for more than {timeout:.1f} s")
            time.sleep(_POLL_INTERVAL)
        yield
    finally:
        os.close(descriptor)  # this releases the lock


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process; return whether no other has locked it.

    The lock lasts until all copies of the descriptor are closed.
    """
    # The modules are imported here, because most connections lock nothing.
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # PermissionError: EACCES, Windows's answer
        return False
    except OSError as error:
        # Some network file systems have no locks. The file is still replaced atomically.
        if error.errno not in _NO_LOCKS:
            raise
    return True
