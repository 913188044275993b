"""The user's terminal, for a line that no standard stream takes there.

With ControlPersist, ssh (``ssh_proxy_connect`` of sshconnect.c) gives its ProxyCommand the null
device for stderr. It leaves it in its own session and process group: that group is in the
foreground while the user waits for ssh, and no longer once ssh has gone into the background.
"""

from __future__ import annotations

import os
import signal
import stat
import sys


def is_null(file: int | str) -> bool:
    """Return whether a descriptor, or what a path leads to, is the null device."""
    try:
        status, null = os.stat(file), os.stat(os.devnull)
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == null.st_rdev


def is_raw(descriptor: int) -> bool:
    """Return whether it is a terminal on which a newline does not lead to the start of a line.

    ssh or we have made it so.
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
    """Write lines to the controlling terminal if we are in its foreground; never block.

    Nothing is written where ssh's own stderr is the null device: the user wants no messages. Only
    Linux says so.

    :raises OSError: when there is no controlling terminal, or it takes nothing now.
    """
    if sys.platform == "win32" or is_null(f"/proc/{os.getppid()}/fd/2"):
        return
    terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return
        if is_raw(terminal):
            data = b"\r\n" + data.replace(b"\n", b"\r\n")
        # We may be put into the background just now, and then a write could stop us.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            os.write(terminal, data)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        os.close(terminal)
