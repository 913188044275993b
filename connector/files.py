"""Small files that other programs write too: bounded reads, whole writes.

Paths are plain here and wherever one connection looks: pathlib takes a millisecond to import.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import select
import stat
import time
from collections.abc import MutableMapping

#: What names a file.
AnyPath = str | os.PathLike[str]

#: Far above any configuration or token file: the largest are those of ours that name thousands
#: of Dev Environments, some 250 bytes each.
MAX_BYTES = 8 << 20

#: What some editors put in front of UTF-8.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: Seconds that a pipe, of the shell's ``<(...)`` for one, may take to give all it has.
PIPE_TIMEOUT = 3.0

#: Seconds after which a temporary file of ours belongs to a writer that was killed: a write
#: takes milliseconds, and a second or two where the disk is slow.
LEFTOVER_AGE = 60.0


def settle_home(environ: MutableMapping[str, str]) -> None:
    """Have HOME name a directory by its whole path, for this process and those that it starts.

    An empty or relative HOME, or none at all, would lead to files in ``/`` or in the current
    directory. The account's own home stands in for it, and ``/`` for an account without one.
    """
    if os.name != "posix" or os.path.isabs(environ.get("HOME", "")):
        return
    import pwd

    try:
        environ["HOME"] = pwd.getpwuid(os.getuid()).pw_dir or "/"
    except KeyError:
        environ["HOME"] = "/"


class FileProblem(Exception):
    """Why a file is of no use, as the end of a sentence that began with its name."""


def read_own_text(path: AnyPath) -> str:
    """Return the whole text of a file that only programs write, which is no pipe or device.

    :raises FileNotFoundError: when there is none.
    :raises FileProblem: see :func:`read_text`; also when it is no regular file.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise FileProblem(f"cannot be read ({reason(error)})") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise FileProblem("is a pipe or a device, and no file")
    return read_text(path)


def read_text(path: AnyPath) -> str:
    """The whole text of a file of at most :data:`MAX_BYTES`, encoded in UTF-8.

    :raises FileNotFoundError: when there is none.
    :raises FileProblem: when it cannot be read, is too large, or is no text.
    """
    try:
        # Windows' editors put a mark in front. Its codec would be one more import.
        return read_bytes(path).removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError:
        raise FileProblem("is not UTF-8 text") from None


def read_bytes(path: AnyPath) -> bytes:
    """All of a file of at most :data:`MAX_BYTES`.

    :raises FileNotFoundError: when there is none.
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
    """At most one byte more than is allowed.

    Nothing is waited for without end: opening a pipe that nobody writes to would, and
    reading it too.
    """
    deadline = time.monotonic() + PIPE_TIMEOUT
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    content = b""
    with open(os.open(path, os.O_RDONLY | flags), "rb", buffering=0) as file:
        waits = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
        while len(content) <= MAX_BYTES:
            if waits:
                _wait_readable(file.fileno(), deadline)
            piece = file.read(MAX_BYTES + 1 - len(content))
            if not piece:
                break
            content += piece
    return content


def _wait_readable(descriptor: int, deadline: float) -> None:
    """:raises TimeoutError: when the deadline is over before anything can be read."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


def write_private(path: AnyPath, text: str) -> None:
    """Replace a file as a whole by one with mode 0600; see :func:`replace_file`."""
    replace_file(path, text.encode())


def replace_file(path: AnyPath, content: bytes, like: os.stat_result | None = None) -> None:
    """Replace a file as a whole, so that no reader ever sees half of it.

    :param like: whose mode and owner it gets; without, it is the caller's with mode 0600.
    Temporary files that killed writers of the same file have left beside it are removed.

    :raises OSError: when it cannot be written; the old file is then still there.
    """
    # In place of tempfile, whose import takes as long as reading a token does.
    temporary = f"{os.fspath(path)}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if like is not None:
            if hasattr(os, "chown"):  # Windows has none; elsewhere root may write for another
                os.chown(temporary, like.st_uid, like.st_gid)
            os.chmod(temporary, stat.S_IMODE(like.st_mode))
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C, too, leaves nothing behind
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _remove_leftovers(os.fspath(path))


def _remove_leftovers(path: str) -> None:
    """Remove the temporary files of a file whose writers were killed."""
    directory, name = os.path.split(path)
    oldest = time.time() - LEFTOVER_AGE
    with contextlib.suppress(OSError), os.scandir(directory or ".") as entries:
        for entry in entries:
            if not _is_temporary(entry.name, name):
                continue
            with contextlib.suppress(OSError):  # another writer has removed it
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    os.unlink(entry.path)


def _is_temporary(candidate: str, name: str) -> bool:
    """Whether a name is one that :func:`replace_file` makes for a file."""
    if not candidate.startswith(f"{name}."):
        return False
    pid, _, rest = candidate[len(name) + 1 :].partition(".")
    token = rest.removesuffix(".tmp")
    return pid.isdigit() and token != rest and len(token) == 8 and token.isalnum()


def make_directory_of(path: AnyPath) -> None:
    """Make the directory of a file and its parents, those that are missing, with mode 0700.

    ``os.makedirs`` leaves the mode of the parents to the umask.

    :raises OSError: when one cannot be made.
    """
    missing = []
    directory = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(directory) and directory != os.path.dirname(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    for name in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was quicker, or it is a file
            os.mkdir(name, 0o700)


def check_writable(path: AnyPath) -> None:
    """Try whether a file can be replaced, and leave it as it is.

    :raises OSError: when it cannot.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    probe = f"{os.fspath(path)}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(probe)


def reason(error: Exception) -> str:
    """What the operating system says of an error, without the path, which may be long."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
