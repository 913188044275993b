"""scp through the connector: wall time, and the CPU time of each process."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.endtoend.sshd import USER, Sshd, program

from .processes import Family
from .report import Row, at_most
from .stand import MEGABYTE, Stand, python

MEGABYTES = 256

#: Bytes of a message -> CPU seconds per 100 MB that the connector may take.
LIMITS = {1024: 1.6, 16384: 0.6}

#: Seconds without a byte that exceed the noise of the machine.
STALL = 0.25


@dataclass(frozen=True)
class Copy:
    """The seconds of a copy, its CPU seconds by program, and its longest pause."""

    wall: float
    cpu: Mapping[str, float]
    pause: float

    @property
    def shares(self) -> str:
        """Return each program's CPU time beside the wall time."""
        parts = sorted(self.cpu.items(), key=lambda item: -item[1])
        words = [f"{name} {cpu / self.wall:.0%}" for name, cpu in parts if cpu > 0.05]
        return f"{MEGABYTES} MB in {self.wall:.1f} s: {', '.join(words)}"


def measure(stand: Stand) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as name:
        directory = Path(name)
        sshd = Sshd(directory)
        try:
            for way in ("up", "down"):
                words = [*python("benchmarks.relay"), str(sshd.port)]
                relayed = copy(directory, sshd, words, stand.environ, way)
                for size, limit in LIMITS.items():
                    with stand.far_end(sshd.port, message_size=size, window=1024) as far:
                        words = [*python("connector"), "proxy", far.access["host"]]
                        environ = {**far.environ, "CONNECTOR_PAYLOAD_SIZE": str(size)}
                        copied = copy(directory, sshd, words, environ, way, far.pid)
                    rows += _rows(f"scp {way}, {size:,}-byte messages", copied, relayed, limit)
                    stand.details[f"scp {way}, {size} bytes"] = copied.shares
                stand.details[f"scp {way}, plain relay"] = relayed.shares
        finally:
            sshd.close()
    return rows


def copy(
    directory: Path,
    sshd: Sshd,
    proxy: list[str],
    environ: Mapping[str, str],
    way: str,
    *others: int,
) -> Copy:
    """Run one scp of MEGABYTES through this ProxyCommand.

    :param others: processes that take part, besides those of scp and sshd.
    """
    source, target = directory / "source", directory / "target"
    if not source.exists():
        source.write_bytes(os.urandom(MEGABYTES * MEGABYTE))
    target.unlink(missing_ok=True)
    options = {
        "ProxyCommand": shlex.join(proxy),
        "IdentityFile": sshd.user_key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": sshd.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": sshd.alias,
        "BatchMode": "yes",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    far = f"{USER}@bench:{target if way == 'up' else source}"
    paths = [str(source), far] if way == "up" else [far, str(target)]
    with Family([sshd.pid, *others], mover=proxy[2]) as family:
        started = time.perf_counter()
        scp = subprocess.Popen([program("scp"), "-q", "-F", "none", *words, *paths], env=environ)
        family.add(scp.pid)
        code = scp.wait()
        wall = time.perf_counter() - started
    if code or target.stat().st_size != source.stat().st_size:
        raise RuntimeError(f"scp {way} failed with {code}")
    return Copy(wall, family.cpu, family.longest_pause)


def _rows(figure: str, ours: Copy, relay: Copy, limit: float) -> list[Row]:
    def cost(copied: Copy, name: str) -> float:
        return copied.cpu.get(name, 0.0) * 100 / MEGABYTES

    return [
        Row(
            f"{figure}, CPU per 100 MB",
            *(cost(ours, "connector"), "s", cost(relay, "benchmarks.relay"), "plain relay"),
            (at_most(limit),),
            ours.shares,
        ),
        Row(f"{figure}, wall time", ours.wall, "s", relay.wall, "plain relay"),
        Row(
            f"{figure}, longest pause",
            *(ours.pause, "s", relay.pause, "plain relay"),
            (at_most(max(STALL, round(relay.pause, 2))),),
        ),
    ]
