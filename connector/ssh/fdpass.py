"""Find out whether an ssh takes a descriptor from its ProxyCommand: ``ProxyUseFdpass``.

OpenSSH does so since 6.5 (readconf.c and ssh_proxy_fdpass_connect of sshconnect.c). OpenSSH for
Windows knows the setting and fails; other programs called ``ssh`` may do anything. So the
connector hands one connection over, and sees whether ssh's greeting arrives on it.

This file is also the ProxyCommand of that test. It therefore imports nothing of the connector.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..programs import Ran

#: Seconds for the whole try, on a busy machine. It takes some 0.05 s.
_TIMEOUT = 10.0

#: Seconds for ssh to greet on the connection that it got.
_GREETING_TIMEOUT = 5.0

#: What the ProxyCommand writes to stderr: first that it runs, then that ssh greeted.
_RUNS = "connector: the ProxyCommand runs\n"
_GREETED = "connector: ssh greeted on the descriptor\n"

#: Every SSH program begins with these bytes (RFC 4253 section 4.2).
_GREETING = b"SSH-"


class Memory(Protocol):
    """Remembers one value from one run to the next, for one path of ssh."""

    def recall(self) -> object:
        """Return what was noted last, or None. Other programs may have changed it."""

    def note(self, value: object) -> None:
        """Remember a value of JSON's types."""


def passes_descriptors(
    ssh: str, run: Callable[[Sequence[str], float], Ran], memory: Memory
) -> bool:
    """Return whether ``ProxyUseFdpass yes`` works with this ssh.

    Each program is tried once, until its file changes.

    :param ssh: the path of ssh.
    :param run: runs a program for at most so many seconds; raises TimeoutError or OSError.
    :param memory: remembers the answer for this path. An uncertain answer is not remembered.
    """
    if sys.platform == "win32":
        return False
    try:
        status = os.stat(ssh)
    except OSError:
        return False
    file = [status.st_mtime_ns, status.st_size]
    known = memory.recall()
    for passes in (True, False):
        if known == [*file, passes]:
            return passes
    said = _try(ssh, run)
    passes = _GREETED in said
    if passes or _RUNS in said:
        memory.note([*file, passes])
    return passes


def _try(ssh: str, run: Callable[[Sequence[str], float], Ran]) -> str:
    """Call ssh with this file as its ProxyCommand, and return what both wrote to stderr."""
    proxy = shlex.join([sys.executable, "-I", "-S", os.path.abspath(__file__)])
    options = [
        f"ProxyCommand={proxy.replace('%', '%%')}",
        "ProxyUseFdpass=yes",
        "BatchMode=yes",
        f"ConnectTimeout={_GREETING_TIMEOUT:.0f}",
    ]
    words = [word for option in options for word in ("-o", option)]
    try:
        # Nothing looks this host up. Without configuration, no Match exec runs.
        ran = run([ssh, "-F", "none", "-T", *words, "probe.invalid"], _TIMEOUT)
    except OSError:  # which includes TimeoutError
        return ""
    return ran.stderr_text


def _hand_over() -> None:
    """Hand ssh one end of a connection, and wait at the other end for its greeting."""
    ours, theirs = socket.socketpair()
    os.write(2, _RUNS.encode())
    with socket.socket(fileno=os.dup(1)) as to_ssh:
        socket.send_fds(to_ssh, [b"\n"], [theirs.fileno()])
    if os.fork():  # ssh waits for the end of its ProxyCommand before it greets
        return
    theirs.close()
    ours.settimeout(_GREETING_TIMEOUT)
    if ours.recv(255).startswith(_GREETING):
        os.write(2, _GREETED.encode())


if __name__ == "__main__":
    _hand_over()
