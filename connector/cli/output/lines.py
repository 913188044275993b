"""Print lines for the user, on stderr and stdout, and ask a question."""

from __future__ import annotations

import _thread
import os
import select
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress

from ...errors import LinkLost
from ...fast.logs import Logger
from ..dialer import get_dialer

#: A write of at most this much to a pipe that polls writable does not block (pipe(7)).
_PIPE_BUF = 4096

#: Logs every printed line for the log file: with ControlPersist, ssh discards stderr.
SAID = Logger("connector.said")

_shown_in_place = False

_writing = _thread.allocate_lock()


def say(*lines: str) -> None:
    """Print lines on stderr without blocking.

    Some IDEs start ssh and never read its stderr. When the pipe is full, the lines are dropped;
    the log file still gets them.
    """
    for line in lines:
        SAID.info("%s", printable(line))
    write_lines(*lines)


def say_to_user(*lines: str) -> None:
    """Print important lines on stderr, and on the user's terminal if ssh discards stderr.

    With ControlPersist, the stderr of a ProxyCommand is the null device. Progress is not
    important enough for the terminal of an ssh session.
    """
    say(*lines)
    show_past_ssh(*lines)


def show_past_ssh(*lines: str) -> None:
    """Print lines on the user's terminal if ssh discards stderr; see :func:`write_past_ssh`."""
    if sys.stderr is None or not is_null(2):
        return
    with suppress(OSError):  # there is no terminal to write to
        write_past_ssh(_encoded(lines))


def _encoded(lines: Sequence[str]) -> bytes:
    text = "\n".join(f"connector: {printable(line)}" for line in lines)
    return text.encode("utf-8", "replace")[: _PIPE_BUF - 1] + b"\n"


def write_lines(*lines: str) -> None:
    if sys.stderr is None:  # the closed descriptor may be a file or a socket by now
        return
    say_in_place("")
    data = _encoded(lines)
    try:
        # Without the lock, two threads could find the same room in the pipe, and one would block.
        with _writing:
            if _would_block():
                return
            if is_raw(2):
                data = b"\r\n" + data.replace(b"\n", b"\r\n")
            os.write(2, data)
    except OSError:
        return  # stderr has no reader any more


def say_in_place(line: str) -> None:
    """Replace the last such line on stderr, if that is a terminal.

    :param line: empty to clear it, as :func:`say` does by itself.
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
    """Print lines on stdout. Only commands whose stdout is not the stream may do this.

    :raises LinkLost: when stdout cannot be written.
    """
    if sys.stdout is None:  # the closed descriptor may be another file by now
        raise LinkLost("stdout cannot be written: it is closed")
    text = "".join(f"{printable(line)}\n" for line in lines)
    rest = memoryview(text.encode("utf-8", "replace"))
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError as error:
        raise LinkLost(f"stdout cannot be written: {error.strerror}") from None


def tell_json(document: object) -> None:
    """Print a JSON document on stdout, in the form that all commands share.

    :raises LinkLost: when stdout cannot be written.
    """
    import json

    tell(*json.dumps(document, indent=2).splitlines())


def _would_block() -> bool:
    mode = os.fstat(2).st_mode
    if sys.platform == "win32" or not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False  # files never block, terminals seldom do, and macOS cannot poll them
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    return not any(events & select.POLLOUT for _, events in poll.poll(0))


def printable(line: str) -> str:
    """Replace the control characters in text from a service, which a terminal would obey."""
    return "".join(char if char.isprintable() or char == "\t" else " " for char in line)


def is_null(file: int | str) -> bool:
    """Return whether a descriptor or a path is the null device."""
    try:
        status, null = os.stat(file), os.stat(os.devnull)
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == null.st_rdev


def is_raw(descriptor: int) -> bool:
    """Return whether the descriptor is a terminal that ssh or we have made raw.

    On such a terminal a newline does not return to the start of the line.
    """
    if sys.platform == "win32" or not os.isatty(descriptor):
        return False
    import termios

    try:
        output_flags = termios.tcgetattr(descriptor)[1]
    except termios.error:
        return False
    return not output_flags & termios.OPOST


def write_past_ssh(data: bytes) -> None:
    """Write lines to the controlling terminal if ssh is in its foreground, without blocking.

    With ControlPersist, ssh (``ssh_proxy_connect`` in sshconnect.c) gives its ProxyCommand the null
    device for stderr, but keeps it in ssh's own session and process group. That group is in the
    foreground while the user waits for ssh, and leaves it when ssh goes into the background. With
    ``ProxyUseFdpass``, this process leaves stderr and the group when it has handed over its stream.

    If ssh's own stderr is the null device too, the user wants no messages: nothing is written.
    Only Linux shows this.

    :raises OSError: when there is no controlling terminal, or when it would block.
    """
    if sys.platform == "win32":
        return
    dialer = get_dialer()
    caller = dialer.caller if dialer else os.getppid()
    group = dialer.group if dialer else os.getpgrp()
    if is_null(f"/proc/{caller}/fd/2"):
        return
    if dialer and os.getpgid(caller) != group:
        return  # the ssh that started this process has ended: another one works in the background
    terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        if os.tcgetpgrp(terminal) != group:
            return
        if is_raw(terminal):
            data = b"\r\n" + data.replace(b"\n", b"\r\n")
        import signal

        # If the shell puts us into the background now, the write would stop this process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            os.write(terminal, data)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        os.close(terminal)


def can_ask() -> bool:
    """Return whether stdin and stdout are both a terminal, so that a user can answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def agreed(question: str) -> bool:
    """Ask a question, and return whether the answer is yes.

    Every other answer, and the end of the input, is a no.

    :param question: the question without the possible answers.
    """
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except UnicodeDecodeError:
        return False
