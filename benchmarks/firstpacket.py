"""The time from exec to the first packet: until then, the network waits for the connector."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from statistics import median

from .client import PATIENCE
from .report import Of, Row, at_most
from .stand import FarEnd, python

RUNS = 15


def first_packets(far: FarEnd) -> Row:
    """Compare the first connection's time with a whole run of a Python that does nothing."""
    ours: list[float] = []
    nothing: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        for _ in range(RUNS + 1):  # the first round warms up
            nothing.append(_run_nothing(far))
            ours.append(_connects_after(far, listener))
    return Row(
        *("exec to the first packet", median(ours[1:]), "ms"),
        *(median(nothing[1:]), "`python -c pass`"),
        limits=(at_most(3, Of.RATIO),),
        note="the API's connection as its listener accepts it",
    )


def _run_nothing(far: FarEnd) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=far.environ, check=True)
    return 1000 * (time.perf_counter() - started)


def _connects_after(far: FarEnd, listener: socket.socket) -> float:
    """Return the milliseconds from exec to a connection to the API, which then closes it."""
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    environ = {**far.environ, "AWS_ENDPOINT_URL_CODECATALYST": url}
    command = [*python("connector"), "proxy", far.access["host"]]
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        listener.accept()[0].close()
        took = 1000 * (time.perf_counter() - started)
        process.kill()
    return took
