"""The least that an echo takes: a blocking socket, websockets, and one message at a time.

``HOST PROBES``: prints the milliseconds of each as JSON. What it takes is the far end's, and
TLS's: no client can be faster over this way.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time

from websockets.client import ClientProtocol

from .skeleton import DATA, INPUT, answer, join, message, start_by_http
from .target import PROBE


def main() -> None:
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
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
    """One read: the output in it, acknowledged with the next message."""
    protocol.receive_data(sock.recv(65536))
    return b"".join(answer(protocol, event) for event in protocol.events_received())


if __name__ == "__main__":
    main()
