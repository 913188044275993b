"""The log file of ``--log-file``: private, never blocking, and closed by the first failure.

``logging``'s own handlers print a traceback to stderr when a write fails. That would block the
tunnel if the parent process does not read stderr.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable

from ...errors import ConfigError
from ...files import reason
from .lines import printable

_HINT = "Check --log-file, CONNECTOR_LOG_FILE and LOG_FILE_LOCATION"


class LogFile(logging.Handler):
    """Appends records to a file.

    The first write that fails ends the log; later records are dropped.

    :param name: the path, as the user gave it.
    :param on_failed: called once with the reason of the failure. It must not block.
    :raises ConfigError: when the file cannot be opened.
    """

    def __init__(self, name: str, on_failed: Callable[[str], None]) -> None:
        super().__init__()
        self.setFormatter(_LineFormatter())
        self._on_failed = on_failed
        self._fd: int | None = _open(name)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, without raising or blocking."""
        if self._fd is None:
            return
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - logging must never raise
            line = f"a record of {record.name} cannot be shown ({type(error).__name__})"
        rest = memoryview(f"{line}\n".encode("utf-8", "replace"))
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self.close()
            self._on_failed(reason(error))

    def close(self) -> None:
        """Close the file. Later records are dropped."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
        super().close()


class _LineFormatter(logging.Formatter):
    """Formats a record so that a service's text cannot imitate another record.

    The message stays on one line. The lines of a traceback follow, each indented.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return "\n    ".join(map(printable, super().format(record).splitlines()))


def _open(name: str) -> int:
    """Open the log file, and return its descriptor.

    The log shows who connects to what and when, so the file becomes private to its owner. A pipe
    is refused, because the tunnel would wait for its reader.
    """
    # O_NONBLOCK: opening a pipe would wait for a reader, and a write to a terminal that the user
    # has stopped would block.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)
    try:
        fd = os.open(name, flags, 0o600)
    except OSError as error:
        raise ConfigError(
            f"the log file {name} cannot be opened: {error.strerror}", _HINT
        ) from None
    fd = _above_standard_streams(fd)
    status = os.fstat(fd)
    if stat.S_ISFIFO(status.st_mode):
        os.close(fd)
        raise ConfigError(f"the log file {name} is a pipe", _HINT)
    if os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        os.fchmod(fd, 0o600)
    return fd


def _above_standard_streams(fd: int) -> int:
    """Return a descriptor of the same file that is none of a closed stdin, stdout or stderr.

    Otherwise a command would read its input from the log, or write its output into it.
    """
    taken = []
    while fd <= 2:
        taken.append(fd)
        fd = os.dup(fd)
    for number in taken:
        os.close(number)
    return fd
