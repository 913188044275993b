"""The ProxyCommand of a copy's ssh: fetch a connected socket, and pass it on to ssh.

``connector cp`` opens the tunnels itself, all in one process. It waits at a socket in a private
directory, whose path is this program's only argument. ssh asks for a descriptor with ProxyUseFdpass
and waits until this program ends. So the program imports nothing of the connector. It takes the
bare ``_socket``: the module around it takes longer to import than all the rest here.
"""

from __future__ import annotations

import _socket
import sys

#: Seconds until the copy gives the socket. It waits already, so this takes milliseconds.
_TIMEOUT = 20.0

#: Bytes of one descriptor in a message: a C int.
_INT = 4


def main() -> None:
    """Fetch the descriptor, and pass it to ssh over the socket that is our stdout."""
    copy = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    copy.settimeout(_TIMEOUT)
    copy.connect(sys.argv[1])
    _, messages, _, _ = copy.recvmsg(1, _socket.CMSG_SPACE(_INT))
    if not messages:
        sys.exit("connector: the copy has ended")
    ssh = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, 1)
    # ssh ignores the byte, which has to be there (mm_receive_fd of OpenSSH's monitor_fdpass.c).
    ssh.sendmsg([b"\n"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, messages[0][2])])


if __name__ == "__main__":
    main()
