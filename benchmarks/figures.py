"""What is measured, each figure by one function over one client command."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .client import Client

Start = Callable[[], Client]

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Transfer:
    """MB/s; CPU seconds per 100 MB; MiB at the most."""

    speed: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Latency:
    """Milliseconds."""

    p50: float
    p99: float


def startup(start: Start, runs: int) -> float:
    """Median milliseconds from exec to the first byte of the server's greeting."""
    times = []
    for _ in range(runs):
        client = start()
        times.append(client.greeted_after)
        client.end()
    return median(times) * 1000


def upload(start: Start, megabytes: int) -> Transfer:
    """Into the ProxyCommand's stdin, until the far end has all of it."""
    block = bytes(MEGABYTE)

    def work(client: Client) -> None:
        client.write(b"upload %d\n" % (megabytes * MEGABYTE))
        for _ in range(megabytes):
            client.write(block)
        client.read_exactly(1)

    return _transfer(start, megabytes, work)


def download(start: Start, megabytes: int) -> Transfer:
    """Out of the ProxyCommand's stdout."""

    def work(client: Client) -> None:
        client.write(b"download %d\n" % (megabytes * MEGABYTE))
        client.read_exactly(megabytes * MEGABYTE)

    return _transfer(start, megabytes, work)


def echo(start: Start, probes: int) -> Latency:
    """One byte there and back, the next one when it has returned."""
    client = start()
    client.write(b"echo\n")
    times = []
    for _ in range(probes):
        sent = time.perf_counter()
        client.write(b"x")
        client.read_exactly(1)
        times.append(time.perf_counter() - sent)
    client.end()
    times.sort()
    return Latency(times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000)


def _transfer(start: Start, megabytes: int, work: Callable[[Client], None]) -> Transfer:
    client = start()
    cpu_before = client.cpu_so_far()
    started = time.perf_counter()
    work(client)
    seconds = time.perf_counter() - started
    cpu = client.cpu_so_far() - cpu_before
    memory = client.end().memory
    return Transfer(megabytes / seconds, cpu * 100 / megabytes, memory)
