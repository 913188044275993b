"""The minimum that sends the frames of an upload: our loop, websockets, and no more.

``HOST MEGABYTES PAYLOAD_SIZE``: make all messages first, then send them as fast as the socket
accepts them. Count the answers without reading them, and print the seconds and CPU seconds. This
sender keeps, retransmits and holds back nothing.
"""

from __future__ import annotations

import json
import ssl
import sys
import time

from websockets.client import ClientProtocol

from connector.transport.loop import Loop

from .skeleton import DATA, INPUT, join, message, start_by_http
from .stand import MEGABYTE

BATCH = 256 * 1024  # bytes of frames in one write
_READ_SIZE = 256 * 1024


class Sender:
    """Sends frames and counts answers until there are ``answers`` of them."""

    def __init__(
        self, sock: ssl.SSLSocket, protocol: ClientProtocol, frames: list[bytes], answers: int
    ) -> None:
        self._sock = sock
        self._protocol = protocol
        self._frames = iter(frames)
        self._per_batch = max(1, BATCH // len(frames[-1]))
        self._answers_left = answers
        self._rest = memoryview(b"")
        self._loop = Loop()

    def run(self) -> None:
        self._sock.setblocking(False)
        self._loop.watch(self._sock.fileno(), self._readable, self._writable)
        self._loop.run(lambda: self._answers_left <= 0)

    def _readable(self) -> None:
        try:
            while True:
                self._protocol.receive_data(self._sock.recv(_READ_SIZE))
        except ssl.SSLWantReadError:
            self._answers_left -= len(self._protocol.events_received())

    def _writable(self) -> None:
        try:
            while self._rest or self._next_batch():
                self._rest = self._rest[self._sock.send(self._rest) :]
        except ssl.SSLWantWriteError:
            return  # the watch calls this again
        self._loop.watch(self._sock.fileno(), self._readable, None)

    def _next_batch(self) -> bool:
        for _, frame in zip(range(self._per_batch), self._frames, strict=False):
            self._protocol.send_binary(frame)
        self._rest = memoryview(b"".join(self._protocol.data_to_send()))
        return bool(self._rest)


def main() -> None:
    host, megabytes, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = ssl.create_default_context()
    url, token = start_by_http(host.split("=")[1:], context)
    sock, protocol, _ = join(url, token, context)
    total = megabytes * MEGABYTE
    payload = bytes(size)
    frames = [message(INPUT, 1, 0, DATA, b"upload %d\n" % total)]
    for start in range(0, total, size):
        frames.append(message(INPUT, len(frames) + 1, 0, DATA, payload[: total - start]))
    sender = Sender(sock, protocol, frames, answers=len(frames) + 1)
    started, cpu_before = time.perf_counter(), time.process_time()
    sender.run()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_before
    print(json.dumps({"seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    main()
