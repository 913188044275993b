"""A plain TCP relay between the standard streams and a port: the cost of any ProxyCommand.

Run as a script, it is the yardstick: Python, one process, the same reads and writes, and no
protection of the stream.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys

CHUNK = 64 * 1024


def main(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(server, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == 0:
                    data = os.read(0, CHUNK)
                    if not data:
                        return
                    server.sendall(data)
                else:
                    data = server.recv(CHUNK)
                    if not data:
                        return
                    view = memoryview(data)
                    while view:
                        view = view[os.write(1, view) :]


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        main(int(sys.argv[1]))
