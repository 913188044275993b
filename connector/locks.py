"""A lock between processes that rewrite the same file."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .files import AnyPath

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

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
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process holds it for more than {timeout:.1f} s")
            time.sleep(_POLL_INTERVAL)
        yield
    finally:
        os.close(descriptor)  # this releases the lock


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # PermissionError: EACCES, Windows's answer
        return False
    except OSError as error:
        # Some network file systems have no locks. The file is still replaced atomically.
        if error.errno not in _NO_LOCKS:
            raise
    return True
