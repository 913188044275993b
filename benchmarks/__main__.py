"""``python -m benchmarks``: every figure for the connector and for a plain TCP relay.

The emulator runs in a process of its own, with TLS and an agent that neither pauses nor
errs, so that the client is what is measured. The two commands take turns; each figure is
the median of its runs. Machines differ and are noisy: only the ratio of one run counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from . import figures
from .client import Client
from .target import Target

Result = TypeVar("Result")

READY_TIMEOUT = 30  # seconds


@dataclass(frozen=True)
class Row:
    """One figure of both; ``ratio`` is connector / relay."""

    figure: str
    unit: str
    connector: float
    relay: float

    @property
    def ratio(self) -> float:
        return self.connector / self.relay if self.relay else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each transfer (3)")
    parser.add_argument("--megabytes", type=int, default=100, help="size of a transfer (100)")
    parser.add_argument("--json", metavar="PATH", help="also write the figures to this file")
    options = parser.parse_args()

    target = Target()
    with emulator(target.port) as (host, variables):
        environ = {**os.environ, **variables}
        rows = measure(
            lambda: Client([sys.executable, "-m", "connector", "proxy", host], environ),
            lambda: Client(
                [sys.executable, "-m", "benchmarks.relay", str(target.port)], dict(os.environ)
            ),
            options.runs,
            options.megabytes,
        )
    target.close()

    machine = f"{os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}"
    print(f"{machine}; {options.megabytes} MB, median of {options.runs}\n")
    print("| figure | connector | plain relay | ratio |\n|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.figure} | {row.connector:.2f} {row.unit} "
            f"| {row.relay:.2f} {row.unit} | {row.ratio:.2f} |"
        )
    if options.json:
        document = {
            "machine": machine,
            "figures": [{**asdict(row), "ratio": row.ratio} for row in rows],
        }
        Path(options.json).write_text(json.dumps(document, indent=2) + "\n")


def measure(connector: figures.Start, relay: figures.Start, runs: int, megabytes: int) -> list[Row]:
    """All figures of both commands, which take turns."""

    def both(figure: Callable[[figures.Start], Result]) -> list[tuple[Result, Result]]:
        return [(figure(connector), figure(relay)) for _ in range(runs)]

    startups = both(lambda start: figures.startup(start, 5))
    uploads = both(lambda start: figures.upload(start, megabytes))
    downloads = both(lambda start: figures.download(start, megabytes))
    echoes = both(lambda start: figures.echo(start, 1000))
    return [
        row("start to the server's greeting", "ms", startups, lambda run: run),
        row("upload", "MB/s", uploads, lambda run: run.speed),
        row("CPU per 100 MB, upload", "s", uploads, lambda run: run.cpu),
        row("memory, upload", "MiB", uploads, lambda run: run.memory),
        row("download", "MB/s", downloads, lambda run: run.speed),
        row("CPU per 100 MB, download", "s", downloads, lambda run: run.cpu),
        row("memory, download", "MiB", downloads, lambda run: run.memory),
        row("echo of one byte, p50", "ms", echoes, lambda run: run.p50),
        row("echo of one byte, p99", "ms", echoes, lambda run: run.p99),
    ]


def row(
    figure: str,
    unit: str,
    pairs: list[tuple[Result, Result]],
    value: Callable[[Result], float],
) -> Row:
    """The medians of one figure."""
    return Row(
        figure,
        unit,
        median(value(ours) for ours, _ in pairs),
        median(value(theirs) for _, theirs in pairs),
    )


@contextmanager
def emulator(port: int) -> Iterator[tuple[str, dict[str, str]]]:
    """``connector emulator`` before this port; yields its host name and variables."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "emulator.json"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "connector", "emulator"),
                *("--json", str(path), "--target", str(port), "--unpaced"),
            ],
            stdout=subprocess.PIPE,
        )
        try:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError("the emulator did not start")
            access = json.loads(path.read_text())
            yield access["host"], access["environment"]
        finally:
            process.terminate()
            process.communicate(timeout=READY_TIMEOUT)


if __name__ == "__main__":
    main()
