"""Waits for expected events: each has a deadline and ends as soon as the event occurs."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

#: Seconds that any step may take on a busy machine.
PATIENCE = 20.0


def eventually(
    look: Callable[[], Result | None],
    what: str = "it",
    timeout: float = PATIENCE,
    interval: float = 0.01,
) -> Result:
    """Return the first true result of ``look``.

    :param interval: seconds between two looks.
    :raises AssertionError: when there is none within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = look()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout} s"
        time.sleep(interval)


def settle(count: list[int]) -> int:
    """Return a count that has stopped growing."""
    seen = -1

    def still() -> bool:
        nonlocal seen
        before, seen = seen, count[0]
        return before == seen > 0 and not threading.Event().wait(0.3) and count[0] == seen

    eventually(still, "a stop")
    return seen


def free_port() -> int:
    """Return a free TCP port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port


def accepts(port: int) -> bool:
    """Return whether a server listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def alive(pid: int) -> bool:
    """Return whether a process runs. A zombie does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
        answer = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return bool(answer.stdout.strip()) and not answer.stdout.strip().startswith("Z")
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class Reader:
    """Reads a descriptor, with a deadline for each read."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()
        self.ended = False

    def until(self, mark: bytes, timeout: float = PATIENCE) -> bytes:
        """Return everything up to and including ``mark``."""
        deadline = time.monotonic() + timeout
        while mark not in self._buffer:
            assert not self.ended, f"no {mark!r} in {bytes(self._buffer)!r}"
            self._read(deadline)
        return self._take(self._buffer.index(mark) + len(mark))

    def line(self, timeout: float = PATIENCE) -> str:
        return self.until(b"\n", timeout).decode().rstrip("\r\n")

    def exactly(self, size: int, timeout: float = PATIENCE) -> bytes:
        deadline = time.monotonic() + timeout
        while len(self._buffer) < size:
            assert not self.ended, f"{len(self._buffer)} of {size} bytes: {self._buffer[:200]!r}"
            self._read(deadline)
        return self._take(size)

    def rest(self, timeout: float = PATIENCE) -> bytes:
        """Return everything until the other end closes."""
        deadline = time.monotonic() + timeout
        while not self.ended:
            self._read(deadline)
        return self._take(len(self._buffer))

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _read(self, deadline: float) -> None:
        readable, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
        assert readable, f"nothing more came; so far {bytes(self._buffer[-200:])!r}"
        try:
            data = os.read(self._fd, 1 << 18)
        except OSError:  # EIO: no process has the terminal open
            data = b""
        self._buffer += data
        self.ended = not data
