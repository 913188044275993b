"""Causes that end a connector: signals, and readers and parents that go away."""

from __future__ import annotations

import signal
from collections.abc import Callable

from .commands import Process


def ssh_is_killed(process: Process) -> None:
    process.end_input()
    process.stop_reading()


#: Name -> the function that causes the end, and the exit code.
CAUSES: dict[str, tuple[Callable[[Process], None], int]] = {
    "SIGHUP": (lambda process: process.signal(signal.SIGHUP), 0),
    "SIGTERM": (lambda process: process.signal(signal.SIGTERM), 143),
    "SIGINT": (lambda process: process.signal(signal.SIGINT), 130),
    "reader gone": (lambda process: process.stop_reading(), 0),
    "ssh killed": (ssh_is_killed, 0),
}
