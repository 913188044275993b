"""One run of a ProxyCommand: start, greeting, use and end."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from .processes import cpu_seconds, resident
from .target import CHUNK, GREETING

#: Seconds after which a step counts as hung. No step takes so long.
PATIENCE = 120.0


class Client:
    """A ProxyCommand under measurement.

    :param greeting: the far end's first output, which the constructor waits for.
    :param directory: the current directory, where ``python -m`` looks for modules first.
    :ivar greeted_after: seconds from exec to the greeting on its stdout.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        greeting: bytes = GREETING,
        directory: str | None = None,
    ) -> None:
        pipe = subprocess.PIPE
        started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, env=environ, cwd=directory, bufsize=0
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a pipe is missing")
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        self.read_exactly(len(greeting))
        self.greeted_after = time.perf_counter() - started

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Return the CPU seconds that the process has used until now."""
        return cpu_seconds(self.pid)

    def memory(self) -> float:
        """Return the most memory that the process has had, in MiB."""
        return resident(self.pid, peak=True)

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._stdin, view) :]

    def read_some(self, limit: int = CHUNK) -> bytes:
        data = os.read(self._stdout, limit)
        if not data:
            raise RuntimeError("the ProxyCommand ended too early")
        return data

    def read_exactly(self, count: int) -> None:
        while count > 0:
            count -= len(self.read_some(min(count, CHUNK)))

    def read_line(self) -> bytes:
        """Return the output up to the end of a line, or more than one line."""
        line = b""
        while not line.endswith(b"\n"):
            line += self.read_some()
        return line

    def exchange(self, give: Callable[[], bytes], take: Callable[[bytes], bool]) -> None:
        """Write and read as fast as either goes, until ``take`` has seen enough.

        :param give: returns the next bytes whenever stdin accepts some. None: only read.
        """
        os.set_blocking(self._stdin, False)
        deadline = time.monotonic() + PATIENCE
        rest = memoryview(give())
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if rest:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            while time.monotonic() < deadline:
                for key, _ in selector.select():
                    if key.fd == self._stdout:
                        if take(self.read_some()):
                            return
                    else:
                        rest = rest[os.write(self._stdin, rest) :] or memoryview(give())
        raise RuntimeError("the far end does not answer")

    def end(self) -> None:
        """Close stdin and stdout, as ssh does at its end, and reap the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.wait(PATIENCE)


class SocketClient(Client):
    """A ProxyCommand that hands its stream over as a socket, as to ``ProxyUseFdpass``.

    It greets after its first process has ended, because ssh waits for that, too.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        started = time.perf_counter()
        with theirs:
            dialer = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=theirs.fileno(), env=environ
            )
        with ours:
            _, (self._stdin,), _, _ = socket.recv_fds(ours, 1, 1)
        self._stdout = os.dup(self._stdin)
        _, status, usage = os.wait4(dialer.pid, 0)
        dialer.returncode = os.waitstatus_to_exitcode(status)
        self._dialer_cpu = usage.ru_utime + usage.ru_stime
        self.read_exactly(len(GREETING))
        self.greeted_after = time.perf_counter() - started

    @property
    def pid(self) -> int:
        """The process that carries the stream: it has made the pair of sockets."""
        with socket.socket(fileno=os.dup(self._stdin)) as stream:
            pid, _, _ = struct.unpack(
                "3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            )
        return int(pid)

    def cpu(self) -> float:
        return super().cpu() + self._dialer_cpu

    def end(self) -> None:
        pid = self.pid
        os.close(self._stdin)
        os.close(self._stdout)
        deadline = time.monotonic() + PATIENCE
        # It is not our child, so it cannot be waited for.
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline and cpu_seconds(pid) >= 0:
                time.sleep(0.01)
