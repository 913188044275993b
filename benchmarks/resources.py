"""The cost of one idle connection, and of one that moves a gigabyte."""

from __future__ import annotations

import time

from .client import Client
from .report import Row, at_most
from .stand import MEGABYTE, FarEnd, Stand

GIGABYTE = 1000  # megabytes

#: Seconds of watching an idle connection: more than one interval of its keep-alives.
IDLE_SECONDS = 25.0


def measure(stand: Stand) -> list[Row]:
    with stand.far_end() as far:
        return [*_idle(far), *(_moving(far, way) for way in ("upload", "download"))]


def _idle(far: FarEnd) -> list[Row]:
    client = far.connector()()
    time.sleep(1)
    before = client.cpu()
    time.sleep(IDLE_SECONDS)
    share = (client.cpu() - before) / IDLE_SECONDS * 100
    memory = client.memory()
    client.end()
    return [
        Row("memory, idle", memory, "MiB", limits=(at_most(40),), note="resident at the most"),
        Row("CPU, idle", share, "%", limits=(at_most(0.1),), note="of one, keep-alives included"),
    ]


def _moving(far: FarEnd, way: str) -> Row:
    client = far.connector()()
    client.write(b"%s %d\n" % (way.encode(), GIGABYTE * MEGABYTE))
    if way == "upload":
        _write(client)
    else:
        client.read_exactly(GIGABYTE * MEGABYTE)
    memory = client.memory()
    client.end()
    return Row(f"memory, {way} of 1 GB", memory, "MiB", limits=(at_most(48),))


def _write(client: Client) -> None:
    block = bytes(MEGABYTE)
    for _ in range(GIGABYTE):
        client.write(block)
    client.read_exactly(1)
