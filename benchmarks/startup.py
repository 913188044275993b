"""A user's wait: from exec to the greeting, and from there to the first input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from statistics import median

from .report import Of, Row, at_most
from .stand import FarEnd, Stand, Start, python
from .target import GREETING

RUNS = 15
IMPORT_RUNS = 5

#: Seconds that an agent takes to connect to its port: usually, when it is busy, and so long that
#: the input does not wait for it.
DIALS = {"2-8": (0.002, 0.008), "80": (0.08, 0.08), "400": (0.4, 0.4)}

_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +([\w.]+)")


def measure(stand: Stand) -> list[Row]:
    with stand.far_end() as far:
        host = far.access["host"]
        starts: list[Start] = [
            far.connector(),
            far.connector(XDG_CACHE_HOME=os.devnull),
            far.program("benchmarks.skeleton", host),
            far.program("benchmarks.skeleton", "--boto3", host),
            stand.relay,
        ]
        ours, new, skeleton, boto3, relay = _greetings(starts)
        stand.details["imports of one connection"] = imports(far)
    figure = "start to the server's greeting"
    rows = [
        Row(figure, ours, "ms", skeleton, "bare skeleton", (at_most(0.9, Of.RATIO),)),
        Row(figure, ours, "ms", boto3, "boto3 and the same stream", (at_most(0.3, Of.RATIO),)),
        Row(figure, ours, "ms", relay, "plain relay"),
        Row(f"{figure}, the first time ever", new, "ms", skeleton, "bare skeleton"),
    ]
    return rows + _first_input(stand)


def _greetings(starts: list[Start]) -> list[float]:
    """Return the median milliseconds of each. They take turns, after a round that warms them up."""
    for start in starts:
        start().end()
    times: list[list[float]] = [[] for _ in starts]
    for _ in range(RUNS):
        for start, so_far in zip(starts, times, strict=True):
            client = start()
            so_far.append(client.greeted_after * 1000)
            client.end()
    return [median(each) for each in times]


def _first_input(stand: Stand) -> list[Row]:
    """Measure how long the input waits for an agent that has reached its port."""
    rows = []
    for words, dial in DIALS.items():
        for server, port in (
            ("a server that greets", stand.port),
            ("one that does not", stand.silent_port),
        ):
            with stand.far_end(port, dial_delay=dial) as far:
                waits = [_wait(far.connector(greeting=b"")) for _ in range(RUNS)]
            rows.append(
                Row(
                    f"first input after an agent that dials {words} ms is ready, {server}",
                    *(median(waits), "ms"),
                    limits=(at_most(10),),
                    note=f"at most {max(waits):.1f} ms in {RUNS} runs",
                )
            )
    return rows


def _wait(start: Start) -> float:
    """Return the milliseconds from the connection to the port to the first input there."""
    client = start()
    client.write(b"wait\n")
    said = client.read_line()
    if said == GREETING:  # otherwise they came together, or there is none
        said += client.read_line()
    client.end()
    return float(said.removeprefix(GREETING))


def imports(far: FarEnd) -> dict[str, float]:
    """Return the milliseconds of one connection's imports by package, the largest first.

    ``python -X importtime`` makes each import a little slower and counts the waits of threads. So
    this is the fastest of several runs.
    """
    packages = min((_imports(far) for _ in range(IMPORT_RUNS)), key=Counter.total)
    summary = {name: round(own / 1000, 1) for name, own in packages.most_common(12)}
    return {"all": round(packages.total() / 1000, 1), **summary}


def _imports(far: FarEnd) -> Counter[str]:
    """Return the microseconds of one connection's imports by package."""
    command = [sys.executable, "-X", "importtime", *python("connector")[1:], "proxy"]
    with subprocess.Popen(
        [*command, far.access["host"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=far.environ,
    ) as process:
        if process.stdout is None:
            raise RuntimeError("a pipe is missing")
        process.stdout.readline()
        _, said = process.communicate(timeout=30)
    packages: Counter[str] = Counter()
    for own, name in _IMPORT.findall(said.decode()):
        packages[name.partition(".")[0]] += int(own)
    return packages
