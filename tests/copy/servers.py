"""SFTP servers that break the protocol."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from connector.copy.sftp import Pipeline, Sftp

#: What the server sends after the number of the request: type and content.
Answer = tuple[int, bytes]

STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105


def serve(far: socket.socket, answer: Callable[[int], Answer | None], version: bytes) -> None:
    """Answer each request by its type. None ends the connection."""
    # A client that leaves while answers are on their way resets the connection.
    with far, far.makefile("rb") as stream, suppress(ConnectionResetError, BrokenPipeError):
        while len(size := stream.read(4)) == 4:
            request = stream.read(int.from_bytes(size, "big"))
            kind, content = 2, version
            if request[0] != 1:
                found = answer(request[0])
                if found is None:
                    far.shutdown(socket.SHUT_RDWR)
                    return
                kind, content = found[0], request[1:5] + found[1]
            packet = bytes([kind]) + content
            far.sendall(struct.pack(">I", len(packet)) + packet)


@contextmanager
def server(
    answer: Callable[[int], Answer | None], version: bytes = b"\0\0\0\3"
) -> Iterator[Pipeline]:
    """Return a connection to a server."""
    near, far = socket.socketpair()
    thread = threading.Thread(target=serve, args=(far, answer, version))
    thread.start()
    try:
        with near:
            yield Pipeline(Sftp(near))
    finally:
        near.close()
        thread.join()
