"""Unfinished files of this machine that one copy has for itself.

Two copies to one name would write to one unfinished file, and one of them would give it its name
while it is half written. So a copy locks the files that it makes. The system lifts the lock when
the process ends, however it ends.
"""

from __future__ import annotations

import errno
import os
import threading

from ..files import try_lock


class Holds:
    """The unfinished files of one copy. Any thread may call the methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[bytes, int] = {}  # descriptors, by paths

    def take(self, path: bytes, descriptor: int) -> None:
        """Hold a file that is open, unless it is held already.

        :raises OSError: when another copy holds it.
        """
        with self._lock:
            if path in self._held and self._is_same(path):
                return
            if not try_lock(descriptor):
                raise OSError(errno.EBUSY, "Another copy writes to the same file")
            self._drop(path)
            self._held[path] = os.dup(descriptor)

    def check_free(self, path: bytes) -> None:
        """Let a file be removed that no copy, or this one, holds.

        :raises OSError: when another copy holds it.
        """
        with self._lock:
            if path in self._held and self._is_same(path):
                return
            try:
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                descriptor = os.open(path, flags)
            except OSError:
                return  # it is missing, or no file that a copy makes
            try:
                if not try_lock(descriptor):
                    raise OSError(errno.EBUSY, "Another copy writes to the same file")
            finally:
                os.close(descriptor)

    def check_own(self, path: bytes) -> None:
        """Let a file get another name that this copy holds.

        :raises OSError: when another file is in its place.
        """
        with self._lock:
            if path in self._held and not self._is_same(path):
                os.lstat(path)  # that it is missing is another error
                raise OSError(errno.EBUSY, "Another copy writes to the same file")

    def drop(self, path: bytes) -> None:
        """Hold a file no longer."""
        with self._lock:
            self._drop(path)

    def _drop(self, path: bytes) -> None:
        descriptor = self._held.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def _is_same(self, path: bytes) -> bool:
        """Return whether the path still leads to the file that is held."""
        try:
            return os.path.samestat(os.lstat(path), os.fstat(self._held[path]))
        except FileNotFoundError:
            return False
