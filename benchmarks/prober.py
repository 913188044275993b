"""The minimum for an echo: a blocking socket, websockets, and one message at a time.

``HOST PROBES``: print the milliseconds of each as JSON. The far end and TLS take this time, so no
client can be faster over this link.
"""

from __future__ import annotations

import json
import ssl
import sys
import time

from websockets.client import ClientProtocol

from .skeleton import DATA, INPUT, answer, join, message, start_by_http
from .target import PROBE


def main() -> None:
    context = ssl.create_default_context()
    url, token = start_by_http(sys.argv[1].split("=")[1:], context)
    sock, protocol, _ = join(url, token, context)
    _send(sock, protocol, message(INPUT, 1, 0, DATA, b"echo\n"))
    times = []
    for number in range(2, 2 + int(sys.argv[2])):
        sent = time.perf_counter()
        _send(sock, protocol, message(INPUT, number, 0, DATA, PROBE))
        while not _receive(sock, protocol):
            continue
        times.append((time.perf_counter() - sent) * 1000)
    print(json.dumps(times))


def _send(sock: ssl.SSLSocket, protocol: ClientProtocol, frame: bytes) -> None:
    protocol.send_binary(frame)
    sock.sendall(b"".join(protocol.data_to_send()))


def _receive(sock: ssl.SSLSocket, protocol: ClientProtocol) -> bytes:
    """Read once, return the output in it, and send its ack with the next message."""
    protocol.receive_data(sock.recv(65536))
    return b"".join(answer(protocol, event) for event in protocol.events_received())


if __name__ == "__main__":
    main()
