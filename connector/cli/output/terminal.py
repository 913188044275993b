"""Write to the user's terminal when no standard stream leads there.

With ControlPersist, ssh (``ssh_proxy_connect`` in sshconnect.c) gives its ProxyCommand the null
device for stderr, but keeps it in ssh's own session and process group. That group is in the
foreground while the user waits for ssh, and leaves it when ssh goes into the background.
"""

from __future__ import annotations

import os
import signal
import stat
import sys


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
    """Write lines to the controlling terminal if we are in its foreground, without blocking.

    If ssh's own stderr is the null device too, the user wants no messages: nothing is written.
    Only Linux shows this.

    :raises OSError: when there is no controlling terminal, or when it would block.
    """
    if sys.platform == "win32" or is_null(f"/proc/{os.getppid()}/fd/2"):
        return
    terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return
        if is_raw(terminal):
            data = b"\r\n" + data.replace(b"\n", b"\r\n")
        # If the shell puts us into the background now, the write would stop this process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            os.write(terminal, data)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        os.close(terminal)
