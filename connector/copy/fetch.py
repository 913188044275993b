"""The ProxyCommand of a copy's ssh: fetch a connected socket, and pass it on to ssh.

``connector cp`` opens the tunnels itself, all in one process. It waits at a socket in a private
directory, whose path is this program's only argument. ssh asks for a descriptor with ProxyUseFdpass
and waits until this program ends. So the program imports nothing of the connector: it runs for
some 15 ms, with 8 MiB.
"""

from __future__ import annotations

import socket
import sys

#: Seconds until the copy gives the socket. It waits already, so this takes milliseconds.
_TIMEOUT = 20.0


def main() -> None:
    """Fetch the descriptor, and pass it to ssh over the socket that is our stdout."""
    with socket.socket(socket.AF_UNIX) as copy:
        copy.settimeout(_TIMEOUT)
        copy.connect(sys.argv[1])
        _, descriptors, _, _ = socket.recv_fds(copy, 1, 1)
    if not descriptors:
        sys.exit("connector: the copy has ended")
    with socket.socket(fileno=1) as ssh:
        # ssh ignores the byte, which has to be there (mm_receive_fd of OpenSSH's monitor_fdpass.c).
        socket.send_fds(ssh, [b"\n"], descriptors)


if __name__ == "__main__":
    main()
