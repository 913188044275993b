"""Many ProxyCommands that start at once, as an IDE or a script over many hosts starts them."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from .client import PATIENCE
from .processes import cpu_seconds
from .report import Row
from .stand import Stand, python
from .target import GREETING

MANY = 100


class Crowd(NamedTuple):
    """The start of many: seconds to the last greeting, and the median CPU milliseconds of each."""

    last: float
    cpu: float


def measure(stand: Stand) -> list[Row]:
    with stand.far_end() as far:
        host = far.access["host"]
        ours = [*python("connector"), "proxy", host]
        skeleton = [*python("benchmarks.skeleton"), host]
        start_together(ours, far.environ, 1)  # compiles its modules
        connectors, skeletons = stand.repeat(
            lambda: start_together(ours, far.environ),
            lambda: start_together(skeleton, far.environ),
        )
    ours_last, anchor_last = (median(each.last for each in run) for run in (connectors, skeletons))
    ours_cpu, anchor_cpu = (median(each.cpu for each in run) for run in (connectors, skeletons))
    figure, anchor = f"{MANY} starts at once", "bare skeleton"
    return [
        Row(f"{figure}, the last greeting", ours_last, "s", anchor_last, anchor),
        Row(f"{figure}, CPU of each", ours_cpu, "ms", anchor_cpu, anchor),
    ]


def start_together(command: Sequence[str], environ: Mapping[str, str], count: int = MANY) -> Crowd:
    """Start this ProxyCommand many times, and end all after the last has greeted.

    :raises RuntimeError: when one ends or does not greet in time.
    """
    pipe = subprocess.PIPE
    started = time.perf_counter()
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environ) for _ in range(count)
    ]
    try:
        _await_greetings(processes)
        last = time.perf_counter() - started
        cpu = median(1000 * cpu_seconds(process.pid) for process in processes)
    finally:
        for process in processes:
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()
        for process in processes:
            process.wait(PATIENCE)
    return Crowd(last, cpu)


def _await_greetings(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        for process in processes:
            selector.register(process.stdout or -1, selectors.EVENT_READ, [b""])
        while selector.get_map():
            for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
                key.data[0] += os.read(key.fd, len(GREETING) - len(key.data[0]))
                if key.data[0] == GREETING:
                    selector.unregister(key.fileobj)
                elif not GREETING.startswith(key.data[0]) or not key.data[0]:
                    raise RuntimeError("a ProxyCommand ended without a greeting")
            if time.monotonic() > deadline:
                raise RuntimeError("a ProxyCommand does not greet in time")
