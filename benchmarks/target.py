"""The port behind the session, as a process: greets as an SSH server and obeys orders.

Run as a module, it prints its two ports and serves until it is killed. One port greets. The other
waits for the client to speak first, as many servers do, but no SSH server.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
import time
from collections.abc import Callable

GREETING = b"SSH-2.0-benchmark\r\n"
CHUNK = 256 * 1024

#: The bytes in a stream of zeros that are a probe, and the answer to one.
PROBE = b"x"

#: The bytes that a flood may be ahead of its reader. The reader sends a byte whenever it has read
#: so many more; SSH does the same. Otherwise an answer would wait for megabytes in the kernel's
#: buffers between this process and the agent.
FLOOD_WINDOW = 1024 * 1024
CREDIT, CREDIT_BYTES = b"c", 128 * 1024

#: Bytes and seconds of a trickle: slower than the stock agent's pace, so that no answer waits in
#: the kernel's buffers between this process and the agent.
DROP, DROP_SECONDS = 1024, 0.002


def main() -> None:
    greeting, silent = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    for listener, serve in ((greeting, _greet_and_obey), (silent, _time_first_bytes)):
        threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()
    print(greeting.getsockname()[1], silent.getsockname()[1], flush=True)
    sys.stdin.read()  # this process ends with its parent


def _accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    def run(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serve(connection)

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=run, args=(connection,), daemon=True).start()


def _time_first_bytes(connection: socket.socket) -> None:
    """Answer the first bytes with their milliseconds since the connection."""
    accepted = time.perf_counter()
    if connection.recv(CHUNK):
        connection.sendall(b"%f\n" % ((time.perf_counter() - accepted) * 1000))
        connection.recv(CHUNK)


def _greet_and_obey(connection: socket.socket) -> None:
    """Obey one order, in the first line after the greeting.

    ``upload N``: read N bytes, then answer ``.``; ``download N``: send N bytes; ``wait``: answer
    the milliseconds from the connection to this line; ``echo``: send everything back; ``sink``:
    answer probes in the input; ``flood``: send zeros as the credit allows, and answers to probes
    among them; ``trickle``: the same slowly, without credit.
    """
    accepted = time.perf_counter()
    connection.sendall(GREETING)
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return
        line += byte
    order, *numbers = line.split()
    if order == b"upload":
        left = int(numbers[0])
        while left > 0 and (data := connection.recv(CHUNK)):
            left -= len(data)
        connection.sendall(b".")
    elif order == b"download":
        block = bytes(CHUNK)
        for start in range(0, int(numbers[0]), CHUNK):
            connection.sendall(block[: int(numbers[0]) - start])
    elif order == b"wait":
        connection.sendall(b"%f\n" % ((time.perf_counter() - accepted) * 1000))
    elif order == b"flood":
        _flood(connection)
    elif order == b"trickle":
        _trickle(connection)
    while data := connection.recv(CHUNK):
        if order == b"echo":
            connection.sendall(data)
        elif order == b"sink":
            connection.sendall(PROBE * data.count(PROBE))


def _flood(connection: socket.socket) -> None:
    connection.setblocking(False)
    block, answers = bytes(CHUNK), b""
    credit = FLOOD_WINDOW
    while True:
        wants = [connection] if credit or answers else []
        readable, writable, _ = select.select([connection], wants, [])
        if readable:
            data = connection.recv(CHUNK)
            if not data:
                return
            answers += PROBE * data.count(PROBE)
            credit += CREDIT_BYTES * data.count(CREDIT)
        if writable and answers:
            answers = answers[connection.send(answers) :]
        elif writable:
            credit -= connection.send(block[:credit])


def _trickle(connection: socket.socket) -> None:
    drop = bytes(DROP)
    due = time.monotonic()
    while True:
        wait = max(0.0, due - time.monotonic())
        if select.select([connection], [], [], wait)[0]:
            data = connection.recv(CHUNK)
            if not data:
                return
            connection.sendall(PROBE * data.count(PROBE))
        elif time.monotonic() >= due:
            connection.sendall(drop)
            due += DROP_SECONDS


if __name__ == "__main__":
    main()
