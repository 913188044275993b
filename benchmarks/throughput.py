"""Bytes a second, and their CPU time."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

from .client import Client
from .processes import cpu_seconds
from .report import Limit, Of, Row, at_least, at_most
from .stand import AGENT_WINDOW, MEGABYTE, FarEnd, Stand, Start, python

MEGABYTES = 100
ROUND_TRIP = 0.1  # seconds, of the distant link
FAR_MEGABYTES = 40
PACED_SECONDS = 5.0

#: From this share of a CPU on, the far end limits the speed.
FULL = 0.9


@dataclass(frozen=True)
class Transfer:
    """MB/s; CPU seconds per 100 MB; CPU of both ends over wall time."""

    speed: float
    cpu: float
    client: float = 0.0
    far_end: float = 0.0


def measure(stand: Stand) -> list[Row]:
    with stand.far_end() as far:
        rows = _uploads(stand, far)
        rows += _downloads(stand, far, 1024, (at_least(60),), (at_most(1.6),))
    with stand.far_end(message_size=16384, window=1024) as far:
        rows += _downloads(stand, far, 16384, (), ())
    return rows + _far_away(stand, rows) + _paced(stand, rows)


def upload(start: Start, megabytes: int, far: FarEnd | None = None) -> Transfer:
    """Write into the ProxyCommand's stdin until the far end has everything."""
    block = bytes(MEGABYTE)

    def work(client: Client) -> None:
        client.write(b"upload %d\n" % (megabytes * MEGABYTE))
        for _ in range(megabytes):
            client.write(block)
        client.read_exactly(1)

    return _transfer(start, megabytes, work, far)


def download(start: Start, megabytes: int, far: FarEnd | None = None) -> Transfer:
    """Read from the ProxyCommand's stdout."""

    def work(client: Client) -> None:
        client.write(b"download %d\n" % (megabytes * MEGABYTE))
        client.read_exactly(megabytes * MEGABYTE)

    return _transfer(start, megabytes, work, far)


def _transfer(
    start: Start, megabytes: int, work: Callable[[Client], None], far: FarEnd | None
) -> Transfer:
    client = start()
    cpu_before, far_before = client.cpu(), cpu_seconds(far.pid) if far else 0.0
    started = time.perf_counter()
    work(client)
    seconds = time.perf_counter() - started
    cpu = client.cpu() - cpu_before
    far_cpu = cpu_seconds(far.pid) - far_before if far else 0.0
    client.end()
    return Transfer(megabytes / seconds, cpu * 100 / megabytes, cpu / seconds, far_cpu / seconds)


def _send_least(far: FarEnd, size: int) -> Transfer:
    """Upload the same frames to the same far end by the minimal sender."""
    command = [*python("benchmarks.sender"), far.access["host"], str(MEGABYTES), str(size)]
    said = json.loads(subprocess.run(command, env=far.environ, stdout=-1, check=True).stdout)
    return Transfer(MEGABYTES / said["seconds"], said["cpu"] * 100 / MEGABYTES)


def _uploads(stand: Stand, far: FarEnd) -> list[Row]:
    rows: list[Row] = []
    for size in (1024, 4096, 16384, 32768):
        start = far.connector({"CONNECTOR_PAYLOAD_SIZE": str(size)})
        ours, least = stand.repeat(
            partial(upload, start, MEGABYTES, far), partial(_send_least, far, size)
        )
        limits: tuple[Limit, ...] = ()
        cpu_limits: tuple[Limit, ...] = ()
        if size == 1024:
            limits = (at_least(60), at_least(0.5, Of.RATIO))
            cpu_limits = (at_most(1.6),)
        elif size == 16384:
            limits = (at_least(150),)
        rows += _pair(
            f"upload, {size:,}-byte messages", ours, least, "least sender", limits, cpu_limits
        )
    return rows


def _downloads(
    stand: Stand,
    far: FarEnd,
    size: int,
    limits: tuple[Limit, ...],
    cpu_limits: tuple[Limit, ...],
) -> list[Row]:
    ours, relays = stand.repeat(
        lambda: download(far.connector(), MEGABYTES, far),
        lambda: download(stand.relay, MEGABYTES),
    )
    figure = f"download, {size:,}-byte messages"
    return _pair(figure, ours, relays, "plain relay", limits, cpu_limits)


def _pair(
    figure: str,
    ours: list[Transfer],
    theirs: list[Transfer],
    anchor: str,
    limits: tuple[Limit, ...],
    cpu_limits: tuple[Limit, ...],
) -> list[Row]:
    """Return the two rows of a transfer: speed and CPU time."""
    client = median(run.client for run in ours)
    far_end = median(run.far_end for run in ours)
    note = f"uses {client:.0%} of a CPU, the far end {far_end:.0%}"
    if far_end >= FULL:
        note += ", which sets the speed: the CPU figure counts"
    speeds = median(run.speed for run in ours), median(run.speed for run in theirs)
    costs = median(run.cpu for run in ours), median(run.cpu for run in theirs)
    return [
        Row(figure, speeds[0], "MB/s", speeds[1], anchor, limits, note),
        Row(f"{figure}, CPU per 100 MB", costs[0], "s", costs[1], anchor, cpu_limits),
    ]


def _far_away(stand: Stand, near: list[Row]) -> list[Row]:
    """Measure with a long round trip; the limit is one window in a round trip.

    For downloads, the window is the emulated agent's, as large as ours for uploads.
    """
    speeds = {row.figure: row.value for row in near}
    allowed = AGENT_WINDOW * 1024 / ROUND_TRIP / MEGABYTE
    rows = []
    with stand.far_end(delay=ROUND_TRIP / 2, window=AGENT_WINDOW) as far:
        for figure, transfer in (("upload", upload), ("download", download)):
            speed = transfer(far.connector(), FAR_MEGABYTES, far).speed
            limit = min(allowed, speeds[f"{figure}, 1,024-byte messages"])
            rows.append(
                Row(
                    f"{figure} at {ROUND_TRIP * 1000:.0f} ms round trip",
                    *(speed, "MB/s", limit, "a window in each round trip"),
                    (at_least(0.8, Of.RATIO),),
                )
            )
    return rows


def _paced(stand: Stand, unpaced: list[Row]) -> list[Row]:
    """Measure with the stock agent's pace: a message of 1 KiB, then a pause of 1 ms."""
    with stand.far_end(paced=True) as far:
        [runs] = stand.repeat(lambda: _paced_download(far.connector()))
    cost = {row.figure: row.value for row in unpaced}[
        "download, 1,024-byte messages, CPU per 100 MB"
    ]
    note = f"{median(run.speed for run in runs):.2f} MB/s in 1 KiB messages"
    return [
        Row(
            "paced download, CPU per 100 MB",
            *(median(run.cpu for run in runs), "s", cost, "the same, unpaced"),
            (at_most(9),),
            note,
        )
    ]


def _paced_download(start: Start) -> Transfer:
    client = start()
    client.write(b"download %d\n" % (1000 * MEGABYTE))
    client.read_exactly(1024)
    cpu_before, started, received = client.cpu(), time.perf_counter(), 0
    while (seconds := time.perf_counter() - started) < PACED_SECONDS:
        received += len(client.read_some())
    cpu = client.cpu() - cpu_before
    client.end()
    return Transfer(received / seconds / MEGABYTE, cpu / received * 100 * MEGABYTE)
