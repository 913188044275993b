"""The machine's processes: their user, their start and their end. POSIX only."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .terminal import Terminal

#: Seconds between SIGHUP and SIGKILL.
HANG_UP_TIMEOUT = 1.0

#: The maximum of a read in bytes.
CHUNK = 32768

#: A shell script that runs its arguments on the terminal of its first argument. The leader of a
#: session opens it, so it becomes the controlling terminal: Ctrl-C and job control work.
_ON_TERMINAL = 'terminal="$1"; shift; exec <"$terminal" >"$terminal" 2>&1 "$@"'


@dataclass(frozen=True)
class Account:
    """The user of this process.

    :ivar environment: the variables of a new login, with the ``PATH`` of this process.
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
        """The arguments of the login shell."""
        return [self.shell, "-l"]


def on_terminal(terminal: Terminal, arguments: list[str]) -> list[str]:
    """Return the command that runs ``arguments`` with this controlling terminal."""
    return ["/bin/sh", "-c", _ON_TERMINAL, "sh", terminal.slave_name, *arguments]


def signal_groups(groups: Iterable[int], number: int) -> None:
    """Send a signal to process groups. Groups that have ended are ignored."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def read_output(number: int, size: int = CHUNK) -> bytes | None:
    """Return the output that is ready: ``None`` for none yet, empty at the end.

    A terminal that no process has open is at its end too.
    """
    try:
        return os.read(number, size)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
