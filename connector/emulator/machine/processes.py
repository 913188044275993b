"""Processes of the Dev Environment: who they run as, and how they start and end. POSIX only."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .terminal import Terminal

#: Seconds that a process gets to end after SIGHUP; then it is killed.
HANG_UP_TIMEOUT = 1.0

#: Bytes of one read.
CHUNK = 32768

#: Runs its arguments on the terminal that comes first. Opened by the leader of a session,
#: the terminal becomes its controlling one: Ctrl-C and job control work.
_ON_TERMINAL = 'terminal="$1"; shift; exec <"$terminal" >"$terminal" 2>&1 "$@"'


@dataclass(frozen=True)
class Account:
    """The user that this process runs as.

    :ivar environment: of a new login; nothing of this process's own but the ``PATH``.
    """

    shell: str
    environment: dict[str, str]

    @classmethod
    def current(cls, home: Path) -> Account:
        user = pwd.getpwuid(os.getuid())
        shell = user.pw_shell or "/bin/sh"
        environment = {
            "HOME": str(home),
            "USER": user.pw_name,
            "LOGNAME": user.pw_name,
            "SHELL": shell,
            "PATH": os.environ.get("PATH", os.defpath),
        }
        return cls(shell, environment)

    @property
    def login(self) -> list[str]:
        """The arguments of the shell, as at login."""
        return [self.shell, "-l"]


def on_terminal(terminal: Terminal, arguments: list[str]) -> list[str]:
    """What starts ``arguments``, as leader of a session, on a terminal as its own."""
    return ["/bin/sh", "-c", _ON_TERMINAL, "sh", terminal.slave_name, *arguments]


def signal_groups(groups: Iterable[int], number: int) -> None:
    """Send a signal to process groups; those that are gone are no error."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def read_output(number: int, size: int = CHUNK) -> bytes | None:
    """What is there: empty at the end, also at a terminal's end; ``None`` for nothing yet."""
    try:
        return os.read(number, size)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
