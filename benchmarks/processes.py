"""The cost of processes, measured while they run (Linux)."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

MIB_IN_KIB = 1024


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used: all its threads, user and system.

    The clock of clock_getcpuclockid(3) counts nanoseconds; /proc counts hundredths of a second.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident(pid: int, *, peak: bool = False) -> float:
    """Return the MiB of memory now, or the peak so far."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / MIB_IN_KIB
    raise RuntimeError(f"process {pid} has no {name}")


class Machine:
    """The share of the machine that other processes took since this was made."""

    def __init__(self) -> None:
        self._busy, self._all = _processor_time()
        self._own = _own_time()

    def others(self) -> float:
        """Return the share of all CPU time that other processes used.

        Own processes are this one and its descendants that have ended. A process that still runs,
        such as the target between two groups, counts as another's.
        """
        busy, total = _processor_time()
        taken = busy - self._busy - (_own_time() - self._own)
        return max(0.0, taken / (total - self._all))


class Family:
    """Watches processes and all their descendants: ``with``.

    :ivar cpu: seconds used since the start, by the name of the program. A process that ends between
        two looks loses the time since the last one.
    :ivar longest_pause: the longest time, in seconds, in which the programs named ``mover`` wrote
        nothing, between their first and last bytes.
    """

    PERIOD = 0.05  # seconds between two looks

    def __init__(self, roots: list[int], mover: str = "") -> None:
        self.cpu: dict[str, float] = {}
        self.longest_pause = 0.0
        self._roots = roots
        self._mover = mover
        self._before = {pid: cpu_seconds(pid) for pid in descendants(roots)}
        self._latest: dict[int, tuple[str, float]] = {}
        self._written = 0
        self._wrote_at = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Family:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._done.set()
        self._thread.join()
        for pid, (name, cpu) in self._latest.items():
            self.cpu[name] = self.cpu.get(name, 0.0) + cpu - self._before.get(pid, 0.0)

    def add(self, root: int) -> None:
        """Watch this process too, from its start on."""
        self._roots.append(root)

    def _watch(self) -> None:
        while not self._done.wait(self.PERIOD):
            for pid in descendants(self._roots):
                with contextlib.suppress(OSError):  # the process has ended
                    name = _name(pid)
                    if name:  # a zombie has no name
                        self._latest[pid] = (name, cpu_seconds(pid))
                    if name == self._mover:
                        self._look_at_writes(pid)

    def _look_at_writes(self, pid: int) -> None:
        written = int(Path(f"/proc/{pid}/io").read_text().split()[3])
        now = time.monotonic()
        if written > self._written:
            if self._written > MIB_IN_KIB * MIB_IN_KIB:  # the login is not part of the copy
                self.longest_pause = max(self.longest_pause, now - self._wrote_at)
            self._written, self._wrote_at = written, now


def descendants(roots: list[int]) -> list[int]:
    """Return these processes, their children, and so on."""
    found, waiting = [], list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                children = Path(f"/proc/{pid}/task/{task}/children").read_text()
                waiting += map(int, children.split())
        except OSError:
            continue  # the process has ended
    return found


def _processor_time() -> tuple[float, float]:
    """Return the seconds of all CPUs since the boot: busy seconds, and all."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    ticks = os.sysconf("SC_CLK_TCK")
    idle = fields[3] + fields[4]  # waiting for a disk is idle time too
    return (sum(fields) - idle) / ticks, sum(fields) / ticks


def _own_time() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _name(pid: int) -> str:
    """Return the program's name; for Python, the name of the module that it runs."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if b"-m" in words:
        return words[words.index(b"-m") + 1].decode()
    return Path(words[0].decode().split(" ")[0].rstrip(":")).name
