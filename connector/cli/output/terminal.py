"""The user's terminal, for a line that no standard stream takes there.

With ControlPersist, ssh (``ssh_proxy_connect`` of sshconnect.c) gives its ProxyCommand the null
device for stderr. It leaves it in its own session and process group: that group is in the
foreground while the user waits for ssh, and no longer once ssh has gone into the background.
"""

from __future__ import annotations

import os
import signal
import sys

from ..boundary import is_null, is_raw


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
