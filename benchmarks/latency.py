"""The round trip of one byte: on an idle stream, and during a copy."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from statistics import median

from connector.datachannel.channel import DEFAULT_MAX_IN_FLIGHT

from .report import Of, Row, at_most
from .stand import AGENT_WINDOW, MEGABYTE, FarEnd, Stand, Start, python
from .target import CREDIT, CREDIT_BYTES, PROBE

PROBES = 1000
LOADED_SECONDS = 6.0

#: Seconds between two probes during a copy.
GAP = 0.01

#: The same during a copy at the agent's pace. The link must rest again between two probes.
PACED_SECONDS, PACED_GAP = 20.0, 0.4

ROUND_TRIP = 0.05  # seconds, of the distant link

#: Bytes of a copy in one write.
_BLOCK = 16 * 1024


def measure(stand: Stand) -> list[Row]:
    copies = (("down", under_download), ("up", under_upload))
    with stand.far_end(window=AGENT_WINDOW) as far:
        rows = _idle(stand, far)
        for way, loaded in copies:
            times, speed = loaded(far.connector())
            relay_times, _ = loaded(stand.relay)
            rows.append(
                Row(
                    f"echo while a copy runs {way}, p99",
                    *(percentile(times, 99), "ms", percentile(relay_times, 99), "plain relay"),
                    (at_most(30),),
                    f"p50 {percentile(times, 50):.1f} ms, the copy {speed:.0f} MB/s",
                )
            )
    with stand.far_end(paced=True) as far:
        times, speed = under_download(far.connector(), b"trickle\n", PACED_SECONDS, PACED_GAP)
        rows.append(
            Row(
                # The p99 of so few would be the slowest, which other processes may delay.
                "echo while a copy runs down at the agent's pace, p95",
                *(percentile(times, 95), "ms"),
                limits=(at_most(30),),
                note=f"p50 {percentile(times, 50):.1f} ms, at most {max(times):.1f} ms of "
                f"{len(times)}, the copy {speed:.2f} MB/s",
            )
        )
    with stand.far_end(delay=ROUND_TRIP / 2, window=AGENT_WINDOW) as far:
        for way, loaded in copies:
            times, speed = loaded(far.connector())
            drain = DEFAULT_MAX_IN_FLIGHT / MEGABYTE / speed * 1000
            rows.append(
                Row(
                    f"echo at {ROUND_TRIP * 1000:.0f} ms while a copy runs {way}, p99",
                    *(percentile(times, 99), "ms"),
                    limits=(at_most(round(ROUND_TRIP * 1000 + 2 * drain, 1)),),
                    note=f"p50 {percentile(times, 50):.1f} ms, the copy {speed:.1f} MB/s: "
                    f"drains a window in {drain:.0f} ms",
                )
            )
    return rows


def _idle(stand: Stand, far: FarEnd) -> list[Row]:
    ours, relays = stand.repeat(lambda: echo(far.connector()), lambda: echo(stand.relay))
    command = [*python("benchmarks.prober"), far.access["host"], str(PROBES)]
    least = json.loads(subprocess.run(command, env=far.environ, stdout=-1, check=True).stdout)
    return [
        Row(
            f"echo of one byte, p{percent}",
            *(median(percentile(run, percent) for run in ours), "ms"),
            *(median(percentile(run, percent) for run in relays), "plain relay"),
            (at_most(limit, Of.EXCESS),),
            f"the least client through the same far end: {percentile(least, percent):.2f} ms",
        )
        for percent, limit in ((50, 0.3), (99, 1.0))
    ]


def echo(start: Start) -> list[float]:
    """Return the milliseconds of each byte; the next byte is sent when the last has returned."""
    client = start()
    client.write(b"echo\n")
    times = []
    for _ in range(PROBES):
        sent = time.perf_counter()
        client.write(PROBE)
        client.read_exactly(1)
        times.append((time.perf_counter() - sent) * 1000)
    client.end()
    return times


def under_download(
    start: Start,
    order: bytes = b"flood\n",
    seconds: float = LOADED_SECONDS,
    gap: float = GAP,
) -> tuple[list[float], float]:
    """Return the milliseconds of probes whose answers come during a copy, and the copy's MB/s.

    :param order: the order to the target that makes the copy.
    :param seconds: how long the copy runs; ``gap`` is the time between two probes.
    """
    client = start()
    client.write(order)
    times: list[float] = []
    received = owed = 0
    sent = 0.0
    waiting = False
    started = time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        if not waiting and now - sent >= gap:
            sent, waiting = time.perf_counter(), True
            client.write(PROBE)
        data = client.read_some()
        received += len(data)
        owed += len(data)
        if owed >= CREDIT_BYTES:
            client.write(CREDIT * (owed // CREDIT_BYTES))
            owed %= CREDIT_BYTES
        if waiting and PROBE in data:
            times.append((time.perf_counter() - sent) * 1000)
            waiting = False
    client.end()
    return times, received / MEGABYTE / seconds


def under_upload(start: Start) -> tuple[list[float], float]:
    """Return the milliseconds of probes that are written during a copy, and the copy's MB/s."""
    client = start()
    client.write(b"sink\n")
    times: list[float] = []
    written = 0
    sent = 0.0
    waiting = False
    started = time.perf_counter()
    block = bytes(_BLOCK)

    def give() -> bytes:
        nonlocal written, sent, waiting
        now = time.perf_counter()
        if not waiting and now - sent >= GAP:
            sent, waiting = now, True
            return PROBE
        written += _BLOCK
        return block

    def take(_: bytes) -> bool:
        nonlocal waiting
        now = time.perf_counter()
        times.append((now - sent) * 1000)
        waiting = False
        return now - started >= LOADED_SECONDS

    client.exchange(give, take)
    seconds = time.perf_counter() - started
    client.end()
    return times, written / MEGABYTE / seconds


def percentile(times: Sequence[float], percent: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
