"""The client's side of SOCKS5, as far as ``ssh -D`` needs it (RFC 1928)."""

from __future__ import annotations

import socket

from .targets import receive_exactly
from .waiting import PATIENCE


def connect_through(proxy_port: int, port: int, host: str = "localhost") -> socket.socket:
    """Connect to ``host:port`` through the proxy, which resolves the name."""
    connection = socket.create_connection(("127.0.0.1", proxy_port), PATIENCE)
    try:
        connection.sendall(b"\x05\x01\x00")  # version 5, one method: no authentication
        assert receive_exactly(connection, 2) == b"\x05\x00"
        name = host.encode("ascii")
        request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big")
        connection.sendall(request)
        answer = receive_exactly(connection, 10)  # ssh answers with an IPv4 address
        assert answer[:4] == b"\x05\x00\x00\x01", answer
    except BaseException:
        connection.close()
        raise
    return connection
