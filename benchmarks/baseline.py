"""What is compared with a Python that does nothing: the first packet, and the version."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from .client import PATIENCE
from .report import Of, Row, at_most
from .stand import FarEnd, python

RUNS = 15

#: The command as users call it, beside the interpreter of its environment.
SCRIPT = str(Path(sys.executable).with_name("connector"))


def measure(far: FarEnd) -> list[Row]:
    """Compare each time with a whole run of a Python that does nothing, in turns."""
    nothing: list[float] = []
    version: list[float] = []
    connects: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        for _ in range(RUNS + 1):  # the first round warms up
            nothing.append(_run(far, sys.executable, "-c", "pass"))
            version.append(_run(far, SCRIPT, "--version"))
            connects.append(_connects_after(far, listener))
    anchor = (median(nothing[1:]), "`python -c pass`")
    return [
        Row(
            *("exec to the first packet", median(connects[1:]), "ms", *anchor),
            limits=(at_most(3, Of.RATIO),),
            note="the API's connection as its listener accepts it",
        ),
        Row(
            *("`connector --version`", median(version[1:]), "ms", *anchor),
            limits=(at_most(2, Of.RATIO),),
        ),
    ]


def _run(far: FarEnd, *command: str) -> float:
    """Return the milliseconds of a whole run."""
    started = time.perf_counter()
    subprocess.run(command, env=far.environ, check=True, stdout=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - started)


def _connects_after(far: FarEnd, listener: socket.socket) -> float:
    """Return the milliseconds from exec to a connection to the API, which then closes it."""
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    environ = {**far.environ, "AWS_ENDPOINT_URL_CODECATALYST": url}
    command = [*python("connector"), "proxy", far.access["host"]]
    nowhere = subprocess.DEVNULL
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere
    ) as process:
        listener.accept()[0].close()
        took = 1000 * (time.perf_counter() - started)
        process.kill()
    return took
