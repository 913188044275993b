"""Where the content of received files goes: files of this machine, or stdout."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from .sftp import words_of

_STDOUT = 1


class Store:
    """Writes the content of received files to this machine.

    A file that cannot be written does not keep others away, which may be smaller: its content is
    dropped.

    :param stdout: whether everything goes to stdout. Then a failure raises OSError.
    :param progress: called with the number of bytes that are written.
    """

    def __init__(self, progress: Callable[[int], None], *, stdout: bool) -> None:
        self._progress = progress
        self._stdout = stdout
        self._file = -1
        self._path = b""
        self._problem = ""

    def begin(self, path: bytes, mode: int) -> None:
        """Go on with another file, which gets its mode by way of the umask.

        One of this name gives way: it may have come twice, and may not be written to.
        """
        self.close()
        self._path, self._problem = path, ""
        if self._stdout:
            return
        try:
            with suppress(FileNotFoundError):
                os.unlink(path)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except OSError as error:
            self._problem = words_of(error)

    def write(self, data: bytes) -> None:
        if self._problem:
            return
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(_STDOUT if self._stdout else self._file, rest) :]
        except OSError as error:
            if self._stdout:
                raise
            self._drop(error)
        else:
            self._progress(len(data))

    def end(self) -> str:
        """Close the last file, and return why it is not whole; nothing if it is."""
        try:
            self.close()
        except OSError as error:  # some file systems tell of a full disk only here
            self._drop(error)
        return self._problem

    def _drop(self, error: OSError) -> None:
        """Make room for the next file."""
        self._problem = words_of(error)
        with suppress(OSError):  # the same one again
            self.close()
        with suppress(FileNotFoundError):
            os.unlink(self._path)

    def close(self) -> None:
        """Close the last file."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
