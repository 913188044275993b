"""The machine's processes: their user, terminal, start and end. POSIX only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import pwd
import struct
import termios
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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


# The opcodes of RFC 4254, section 8, and RFC 8160, with their names in <termios.h>. Names that a
# system lacks are skipped.
_CONTROL_CHARACTERS = {
    1: "VINTR",
    2: "VQUIT",
    3: "VERASE",
    4: "VKILL",
    5: "VEOF",
    6: "VEOL",
    7: "VEOL2",
    8: "VSTART",
    9: "VSTOP",
    10: "VSUSP",
    12: "VREPRINT",
    13: "VWERASE",
    14: "VLNEXT",
}
_INPUT, _OUTPUT, _LOCAL = 0, 1, 3  # indices in the result of tcgetattr
_FLAGS = {
    36: (_INPUT, "ICRNL"),
    34: (_INPUT, "INLCR"),
    35: (_INPUT, "IGNCR"),
    38: (_INPUT, "IXON"),
    39: (_INPUT, "IXANY"),
    40: (_INPUT, "IXOFF"),
    41: (_INPUT, "IMAXBEL"),
    42: (_INPUT, "IUTF8"),
    50: (_LOCAL, "ISIG"),
    51: (_LOCAL, "ICANON"),
    53: (_LOCAL, "ECHO"),
    54: (_LOCAL, "ECHOE"),
    55: (_LOCAL, "ECHOK"),
    56: (_LOCAL, "ECHONL"),
    57: (_LOCAL, "NOFLSH"),
    58: (_LOCAL, "TOSTOP"),
    59: (_LOCAL, "IEXTEN"),
    60: (_LOCAL, "ECHOCTL"),
    61: (_LOCAL, "ECHOKE"),
    70: (_OUTPUT, "OPOST"),
    72: (_OUTPUT, "ONLCR"),
    73: (_OUTPUT, "OCRNL"),
    75: (_OUTPUT, "ONLRET"),
}
_LAST_WITH_UINT32 = 159
_DISABLED = 255  # RFC 4254: turns a control character off
_OPCODE_AND_VALUE = struct.Struct("!BI")


class Terminal:
    """A pseudo-terminal. Its owner closes it.

    :param term: the client's ``TERM``.
    :param modes: the client's terminal modes in the encoding of RFC 4254, section 8. Malformed
        and unknown modes are ignored.
    """

    def __init__(self, term: str, modes: bytes) -> None:
        self.term = term
        self.master, self._slave = pty.openpty()
        self.slave_name = os.ttyname(self._slave)
        self._set_modes(modes)

    def resize(self, columns: int, rows: int) -> None:
        """Set a new size; the foreground process gets a signal."""
        size = struct.pack("HHHH", min(rows, 0xFFFF), min(columns, 0xFFFF), 0, 0)
        if self.master >= 0:
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        """Close both ends. Processes with this terminal get SIGHUP."""
        if self.master >= 0:
            os.close(self.master)
            os.close(self._slave)
            self.master = -1

    def _set_modes(self, modes: bytes) -> None:
        attributes = termios.tcgetattr(self._slave)
        for start in range(0, len(modes) - 4, _OPCODE_AND_VALUE.size):
            opcode, value = _OPCODE_AND_VALUE.unpack_from(modes, start)
            if opcode == 0 or opcode > _LAST_WITH_UINT32:
                break
            if opcode in _CONTROL_CHARACTERS:
                index = getattr(termios, _CONTROL_CHARACTERS[opcode], None)
                if index is not None and value <= _DISABLED:
                    attributes[6][index] = b"\0" if value == _DISABLED else bytes([value])
            elif opcode in _FLAGS:
                place, name = _FLAGS[opcode]
                flag = getattr(termios, name, 0)
                attributes[place] = attributes[place] | flag if value else attributes[place] & ~flag
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
