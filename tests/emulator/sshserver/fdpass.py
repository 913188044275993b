"""A ProxyCommand for ``ProxyUseFdpass``: fetches a connected socket from a test's listener."""

import socket
import sys

with socket.socket(socket.AF_UNIX) as listener:
    listener.connect(sys.argv[1])
    connections = socket.recv_fds(listener, 1, 1)[1]
    with socket.socket(fileno=1) as stdout:
        socket.send_fds(stdout, [b"\0"], connections)
