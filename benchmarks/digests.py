"""Streams whose digests prove that they are whole: a service, and the orders of its clients."""

from __future__ import annotations

import hashlib
import random
import socket

from tests.endtoend.targets import GREETING

_CHUNK = 1 << 18


def serve(connection: socket.socket) -> None:
    """Greet, read one order, carry it out, and wait for the client's end.

    ``up N``: read N bytes and answer with their digest in hexadecimal digits and a newline; ``down
    N SEED``: send the N bytes of this seed.
    """
    connection.sendall(GREETING)
    order = _line(connection).split()
    if order and order[0] == b"up":
        digest, left = hashlib.sha256(), int(order[1])
        while left and (data := connection.recv(min(left, _CHUNK))):
            digest.update(data)
            left -= len(data)
        connection.sendall(digest.hexdigest().encode() + b"\n")
    elif order:
        connection.sendall(content(int(order[1]), int(order[2])))
    while connection.recv(_CHUNK):
        continue


def content(size: int, seed: int) -> bytes:
    """Return the bytes of an order."""
    return random.Random(seed).randbytes(size)


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        line += byte
    return line
