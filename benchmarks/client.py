"""One run of a ProxyCommand: started, greeted, used, and its costs read off."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .target import CHUNK, GREETING


@dataclass(frozen=True)
class Costs:
    """Of a whole process: CPU in seconds, user and system; its largest memory in MiB."""

    cpu: float
    memory: float


class Client:
    """A ProxyCommand under measurement.

    :ivar greeted_after: seconds from exec to the server's greeting on its stdout.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, bufsize=0
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a pipe is missing")
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        self.read_exactly(len(GREETING))
        self.greeted_after = time.perf_counter() - started

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_so_far(self) -> float:
        """CPU seconds that the process has used until now (proc(5), in clock ticks)."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._stdin, view) :]

    def read_exactly(self, count: int) -> None:
        while count > 0:
            data = os.read(self._stdout, min(count, CHUNK))
            if not data:
                raise RuntimeError("the ProxyCommand ended too early")
            count -= len(data)

    def end(self) -> Costs:
        """Close its stdin and stdout, as ssh does when it leaves, and reap it."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        _, _, usage = os.wait4(self.pid, 0)
        self._process.returncode = 0
        return Costs(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
