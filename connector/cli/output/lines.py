"""Lines for the user, on stderr and stdout."""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from ...errors import LinkLost
from .terminal import is_null, is_raw, write_past_ssh

#: A write of at most this much to a pipe that polls writable does not block (pipe(7)).
_PIPE_BUF = 4096

#: The logger of what was said, for the log file. With ControlPersist, ssh throws stderr away.
SAID = logging.getLogger("connector.said")

_shown_in_place = False

_writing = threading.Lock()


def say(*lines: str) -> None:
    """Print a line, or some, on stderr, if somebody reads it there.

    ssh's owner may have left our stderr unread (some IDEs do): a line that does not fit
    in the pipe any more is dropped rather than waited for. The log file, if there is one,
    has it in any case.
    """
    for line in lines:
        SAID.info("%s", printable(line))
    write_lines(*lines)


def say_to_user(*lines: str) -> None:
    """Print lines as :func:`say` does, also where ssh throws stderr away.

    With ControlPersist, ssh gives its ProxyCommand the null device for stderr; the lines go to the
    user's terminal then. This is for what a user has to know, and not for progress.
    """
    say(*lines)
    if sys.stderr is None or not is_null(2):
        return
    with suppress(OSError):  # there is no terminal to write to
        write_past_ssh(_encoded(lines))


def _encoded(lines: Sequence[str]) -> bytes:
    text = "\n".join(f"connector: {printable(line)}" for line in lines)
    return text.encode("utf-8", "replace")[: _PIPE_BUF - 1] + b"\n"


def write_lines(*lines: str) -> None:
    if sys.stderr is None:  # its descriptor was closed, and is a file or a socket by now
        return
    say_in_place("")
    data = _encoded(lines)
    try:
        # Two threads that find the same room in a pipe would fill it, and one of them wait.
        with _writing:
            if _would_block():
                return
            if is_raw(2):
                data = b"\r\n" + data.replace(b"\n", b"\r\n")
            os.write(2, data)
    except OSError:
        return  # nobody is there to be told


def say_in_place(line: str) -> None:
    """Show a line on the terminal that stderr is, in place of the last such line.

    :param line: empty to show none any more, which :func:`say` does by itself.
    """
    global _shown_in_place
    if sys.stderr is None or (not line and not _shown_in_place):
        return
    try:
        width = os.get_terminal_size(2).columns - 1  # a line that wraps could not be replaced
        shown = f"connector: {printable(line)}"[: max(width, 0)] if line else ""
        os.write(2, f"\r\x1b[K{shown}".encode("utf-8", "replace"))
    except OSError:
        return  # no terminal, or it is gone
    _shown_in_place = bool(line)


def tell(*lines: str) -> None:
    """Print a line on stdout, or some, which is only for commands that carry no stream.

    :raises LinkLost: when it cannot be written.
    """
    if sys.stdout is None:  # its descriptor was closed, and is something else's by now
        raise LinkLost("stdout cannot be written: it is closed")
    text = "".join(f"{printable(line)}\n" for line in lines)
    rest = memoryview(text.encode("utf-8", "replace"))
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError as error:
        raise LinkLost(f"stdout cannot be written: {error.strerror}") from None


def tell_json(document: object) -> None:
    """Print a document on stdout, in the one form that all commands have for JSON.

    :raises LinkLost: when it cannot be written.
    """
    import json

    tell(*json.dumps(document, indent=2).splitlines())


def _would_block() -> bool:
    mode = os.fstat(2).st_mode
    if sys.platform == "win32" or not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False  # files never do; terminals seldom, and macOS cannot poll them
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    return not any(events & select.POLLOUT for _, events in poll.poll(0))


def printable(line: str) -> str:
    """What the service says may hold anything; a terminal obeys some of it."""
    return "".join(char if char.isprintable() or char == "\t" else " " for char in line)
