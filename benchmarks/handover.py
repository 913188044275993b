"""The stream by a socket that ssh is handed (``ProxyUseFdpass``), against that by two pipes."""

from __future__ import annotations

from functools import partial
from statistics import median

from .client import SocketClient
from .report import Of, Row, at_least, at_most
from .stand import FarEnd, Stand, Start, python
from .throughput import MEGABYTES, Transfer, download, upload

RUNS = 25

PIPES = "by two pipes"

#: Both are equally fast. The medians of three transfers differ by up to 6 %.
NOISE = 0.92


def measure(stand: Stand) -> list[Row]:
    with stand.far_end() as far:
        return [*_starts(far), *_transfers(stand, far)]


def handing_over(far: FarEnd) -> Start:
    """Return a function that starts ``connector proxy`` and takes its socket."""
    command = [*python("connector"), "proxy", far.access["host"]]
    return lambda: SocketClient(command, far.environ)


def _starts(far: FarEnd) -> list[Row]:
    starts = (handing_over(far), far.connector())
    for start in starts:
        start().end()
    wall: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for start, walls, cpus in zip(starts, wall, cpu, strict=True):
            client = start()
            walls.append(client.greeted_after * 1000)
            cpus.append(client.cpu() * 1000)
            client.end()
    return [
        Row(
            "start to the server's greeting, by a socket",
            *(median(wall[0]), "ms", median(wall[1]), PIPES),
            (at_most(5, Of.EXCESS),),
        ),
        Row(
            "CPU until the greeting, by a socket",
            *(median(cpu[0]), "ms", median(cpu[1]), PIPES),
            note="the fork included",
        ),
    ]


def _transfers(stand: Stand, far: FarEnd) -> list[Row]:
    rows = []
    for name, transfer in (("upload", upload), ("download", download)):
        ours, pipes = stand.repeat(
            partial(transfer, handing_over(far), MEGABYTES),
            partial(transfer, far.connector(), MEGABYTES),
        )
        rows.append(
            Row(
                f"{name}, by a socket",
                *(_speed(ours), "MB/s", _speed(pipes), PIPES),
                (at_least(NOISE, Of.RATIO),),
            )
        )
    return rows


def _speed(transfers: list[Transfer]) -> float:
    return median(transfer.speed for transfer in transfers)
