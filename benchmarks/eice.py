"""Bytes a second to an EC2 instance: by its SSM agent's pace, and by Instance Connect Endpoint."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median

from .client import Client
from .report import Of, Row, at_least
from .stand import FarEnd, Stand, python
from .throughput import Transfer, download, upload

#: Megabytes of a transfer through the endpoint.
FREE = 100

#: Megabytes through the agent, and how many times faster the endpoint has to be. The agent has a
#: pace for what it sends, so a download takes seconds for each megabyte.
DOWN, UP = (4, 10), (40, 1.5)


def measure(stand: Stand) -> list[Row]:
    with stand.far_end(paced=True, fleet=1) as far:
        return [
            _row(stand, far, "download", download, *DOWN),
            _row(stand, far, "upload", upload, *UP),
        ]


def _row(
    stand: Stand,
    far: FarEnd,
    figure: str,
    transfer: Callable[..., Transfer],
    megabytes: int,
    faster: float,
) -> Row:
    ours, paced = stand.repeat(
        lambda: transfer(partial(_start, far, "eice"), FREE),
        lambda: transfer(partial(_start, far, "ssm"), megabytes),
    )
    return Row(
        f"{figure} through EC2 Instance Connect Endpoint",
        *(median(run.speed for run in ours), "MB/s"),
        *(median(run.speed for run in paced), "the SSM agent's way"),
        (at_least(faster, Of.RATIO),),
        f"uses {median(run.client for run in ours):.0%} of a CPU",
    )


def _start(far: FarEnd, via: str) -> Client:
    host = far.access["fleet"]["host"]
    return Client([*python("connector"), "proxy", "--via", via, host], far.environ)
