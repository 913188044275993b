"""A user's wait: from exec to the greeting, and from there to the first input."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median

import websockets

import connector

from . import baseline
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
    with stand.far_end() as far, uncompiled(far) as fresh:
        host = far.access["host"]
        starts: dict[str, Start] = {
            "ours": far.connector(),
            "new": far.connector({"XDG_CACHE_HOME": os.devnull}),
            "fresh": fresh,
            "named": far.connector(far.store.named),
            "skeleton": far.program("benchmarks.skeleton", host),
            "skeleton, named": far.program("benchmarks.skeleton", host, **far.store.named),
            "boto3": far.program("benchmarks.skeleton", "--boto3", host, **far.store.named),
            "relay": stand.relay,
            "login": far.connector(logged_in(far)),
        }
        wall, cpu = greetings(starts)
        stand.details["imports of one connection"] = imports(far)
        compared = baseline.measure(far)
    figure, skeleton = "start to the server's greeting", "bare skeleton"
    ours = (figure, wall["ours"], "ms")
    boto3 = (wall["boto3"], "boto3 and the same stream")
    return [
        Row(*ours, wall["skeleton"], skeleton, (at_most(0.5, Of.RATIO),)),
        Row(*ours, *boto3, (at_most(0.22, Of.RATIO),)),
        Row(*ours, wall["relay"], "plain relay"),
        Row(f"{figure}, the first time ever", wall["new"], "ms", wall["skeleton"], skeleton),
        Row(
            *(f"{figure}, AWS_CA_BUNDLE names the whole store", wall["named"], "ms"),
            *(wall["skeleton, named"], skeleton),
        ),
        Row(
            *(f"{figure}, modules not compiled", wall["fresh"], "ms"),
            *(wall["ours"], "modules compiled"),
            note="PYTHONDONTWRITEBYTECODE=1, or the first start after `uv tool install`",
        ),
        Row("CPU until the greeting", cpu["ours"], "ms", cpu["skeleton"], skeleton),
        Row(
            *(f"{figure}, an SSO login", wall["login"], "ms", wall["ours"], "a token variable"),
            limits=(at_most(3, Of.EXCESS),),
        ),
        *compared,
        *_first_input(stand),
    ]


def greetings(starts: Mapping[str, Start]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median milliseconds of each, and of its CPU time.

    They take turns, after a round that warms them up.
    """
    for start in starts.values():
        start().end()
    wall: dict[str, list[float]] = {name: [] for name in starts}
    cpu: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(RUNS):
        for name, start in starts.items():
            client = start()
            wall[name].append(client.greeted_after * 1000)
            cpu[name].append(client.cpu() * 1000)
            client.end()
    return _medians(wall), _medians(cpu)


def _medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: median(each) for name, each in times.items()}


def logged_in(far: FarEnd) -> Mapping[str, str]:
    """Log a user in by SSO, as ``connector login`` does. Return the variables of this user."""
    home = Path(far.access["caFile"]).with_name("logged-in")
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (home / ".aws" / "config").write_text(
        "[profile codecatalyst]\nsso_session = codecatalyst\n"
        "[sso-session codecatalyst]\nsso_start_url = https://view.awsapps.com/start\n"
        "sso_region = us-east-1\nsso_registration_scopes = codecatalyst:read_write\n"
    )
    expires = datetime.now(timezone.utc) + timedelta(hours=8)
    name = hashlib.sha1(b"codecatalyst", usedforsecurity=False).hexdigest()
    token = {
        "accessToken": far.access["bearerToken"],
        "expiresAt": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "startUrl": "https://view.awsapps.com/start",
    }
    (cache / f"{name}.json").write_text(json.dumps(token))
    return {"HOME": str(home), "AWS_BEARER_TOKEN_CODECATALYST": ""}


@contextmanager
def uncompiled(far: FarEnd) -> Iterator[Start]:
    """Start the connector from a copy without bytecode, and let it write none."""
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as directory:
        for module in (connector, websockets):
            source = Path(next(iter(module.__path__)))
            ignore = shutil.ignore_patterns("__pycache__", "emulator")
            shutil.copytree(source, Path(directory, source.name), ignore=ignore)
        variables = {"PYTHONPATH": directory, "PYTHONDONTWRITEBYTECODE": "1"}
        yield far.connector(variables, directory=directory)


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
