"""``connector cp`` beside scp, at the agent's real pace: one large file, and many small ones.

scp copies a smaller file, since it takes so long. Both are compared by their speed.

scp waits most of the time; ``connector cp`` of small files keeps all CPUs busy. So other load of
the machine slows down one of them alone. It only adds time: of several runs in turns, the fastest
ones are compared.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.endtoend.sshd import USER, Sshd, program

from .processes import descendants
from .report import Of, Row, at_least, at_most
from .stand import MEGABYTE, FarEnd, Stand, python

#: Megabytes of the large file, for connector and for scp, and files of the tree.
LARGE, LARGE_OF_SCP = 64, 8
SMALL = 2000

#: Bytes of a small file.
SMALL_SIZE = 1000

#: Seconds between two messages of a session: what the emulator's 1 ms become with one session on
#: an idle machine. The real agent has sent 0.7 to 0.9 MB/s.
INTERVAL = 0.00122

#: Seconds between two looks at the memory, each of which takes some 2 ms of CPU time.
_LOOK = 0.2


@dataclass(frozen=True)
class Copied:
    """A copy.

    :ivar wall: seconds; ``cpu``: CPU seconds of its processes on this side.
    :ivar memory: the most MiB of memory of all its processes but ssh.
    """

    wall: float
    cpu: float
    memory: float


def measure(stand: Stand) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as name:
        directory = Path(name)
        sshd = Sshd(directory)
        try:
            pace: dict[str, Any] = {"message_interval": INTERVAL, "makes_up": 5 * INTERVAL}
            with stand.far_end(sshd.port, paced=True, **pace) as far:
                return _rows(stand, _Copies(directory, sshd, far))
        finally:
            sshd.close()


def _rows(stand: Stand, copies: _Copies) -> list[Row]:
    copies.make_large("large", LARGE)
    copies.make_large("large of scp", LARGE_OF_SCP)
    copies.make_small("small", SMALL)
    scp, ours = copies.by_scp("large of scp"), copies.by_connector("large")
    small_scp, small_ours = stand.repeat(
        lambda: copies.by_scp("small"), lambda: copies.by_connector("small")
    )
    times = sorted(each.wall for each in small_ours)
    return [
        Row(
            f"cp of {LARGE} MB down over 8 connections",
            *(LARGE / ours.wall, "MB/s", LARGE_OF_SCP / scp.wall, f"scp of {LARGE_OF_SCP} MB"),
            (at_least(6, Of.RATIO),),
            f"{ours.wall:.1f} s",
        ),
        Row(
            f"cp -r of {SMALL:,} files of {SMALL_SIZE:,} bytes",
            *(SMALL / times[0], "files/s"),
            *(SMALL / min(each.wall for each in small_scp), "scp -r of the same"),
            (at_least(4, Of.RATIO),),
            f"the fastest of {len(times)} runs: {times[0]:.1f} to {times[-1]:.1f} s, "
            f"{min(each.cpu for each in small_ours):.1f} s of CPU",
        ),
        Row(
            "memory of cp, all processes but ssh",
            *(max(each.memory for each in (ours, *small_ours)), "MiB"),
            limits=(at_most(64),),
            note="proportional set size at the most",
        ),
    ]


class _Copies:
    """Copies from one far end."""

    def __init__(self, directory: Path, sshd: Sshd, far: FarEnd) -> None:
        self._directory = directory
        self._numbers = itertools.count()
        self._environ = far.environ
        self._host = far.access["host"]
        options = {
            "User": USER,
            "IdentityFile": sshd.user_key,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": sshd.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": sshd.alias,
            "BatchMode": "yes",
            "Compression": "no",
        }
        self._options = [
            word for name, value in options.items() for word in ("-o", f"{name}={value}")
        ]

    def make_large(self, name: str, megabytes: int) -> None:
        (self._directory / name).write_bytes(os.urandom(megabytes * MEGABYTE))

    def make_small(self, name: str, count: int) -> None:
        for index in range(count):
            path = self._directory / name / str(index % 20) / str(index)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(SMALL_SIZE))

    def by_connector(self, name: str) -> Copied:
        return self._copy([*python("connector"), "cp", "-r", *self._options], name)

    def by_scp(self, name: str) -> Copied:
        proxy = " ".join([*python("connector"), "proxy", "%n"])
        options = ["-q", "-r", "-F", "none", "-o", f"ProxyCommand={proxy}", *self._options]
        return self._copy([program("scp"), *options], name)

    def _copy(self, command: Sequence[str], name: str) -> Copied:
        # A file system takes longer to make files where others were removed just before (ext4).
        source, target = self._directory / name, self._directory / f"target {next(self._numbers)}"
        words = [*command, f"{self._host}:{source}", str(target)]
        started, cpu_before = time.perf_counter(), _cpu_of_children()
        process = subprocess.Popen(words, env=self._environ)
        with _memory_of(process.pid) as memory:
            code = process.wait()
        wall, cpu = time.perf_counter() - started, _cpu_of_children() - cpu_before
        if code or subprocess.call(["diff", "-rq", str(source), str(target)]):
            raise RuntimeError(f"{command[0]} of {name} failed with {code}")
        return Copied(wall, cpu, memory())


def _cpu_of_children() -> float:
    """Return the CPU seconds of all children that have ended, and of theirs."""
    used = os.times()
    return used.children_user + used.children_system


@contextmanager
def _memory_of(root: int) -> Iterator[Callable[[], float]]:
    """Watch a process and its descendants; yield a function that returns the most MiB so far."""
    most = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(_LOOK):
            # A child that has not become another program yet uses its parent's memory (vfork).
            own = {_command(pid): pid for pid in reversed(descendants([root]))}
            most = max(most, sum(map(_proportional, own.values())))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: most
    finally:
        done.set()
        thread.join()


def _command(pid: int) -> bytes:
    """Return the command line of a process; empty if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _proportional(pid: int) -> float:
    """Return a process's MiB, a shared page counted in parts; 0 for ssh, and for one that ended.

    The resident size would count a page twice while a process forks.
    """
    with suppress(OSError, IndexError, ValueError):
        name = Path(os.readlink(f"/proc/{pid}/exe")).name
        if name not in ("ssh", "scp"):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) / 1024
    return 0.0
