"""50 connectors at once, of all sources, each with its own faults."""

from __future__ import annotations

import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from connector.emulator.agent.behaviour import REAL
from connector.emulator.faults.plans import (
    Direction,
    Effect,
    FaultPlan,
    FrameFault,
    Scope,
    random_cuts,
)
from tests.endtoend.commands import Commands, Process
from tests.endtoend.matrix import lost_links
from tests.endtoend.targets import GREETING, TcpService, greeting_echo
from tests.endtoend.waiting import alive

from .sources import Source
from .stage import Soak

CROWD, CROWD_BYTES = 50, 200_000

#: Seconds until the gateway closes a link.
LIFETIME = 3.0


def crowd(soak: Soak) -> None:
    """Run fifty connectors with a plan of faults each; every one carries bytes both ways."""
    cloud = soak.cloud
    rng = random.Random(f"{soak.seed}/crowd")
    plans = [_trouble(rng) for _ in range(CROWD)]
    with TcpService(greeting_echo) as service, soak.commands("crowd") as commands:
        rules = soak.reset(service.port)
        cloud.behave(REAL)
        cloud.gateway.fault_log.clear()
        taken = iter(plans)
        cloud.gateway.behaviour = replace(
            cloud.gateway.behaviour,
            faults=lambda _: next(taken),
            rejoin=rules.rejoin,
            link_lifetime=LIFETIME,
        )
        sources = [soak.sources[number % len(soak.sources)] for number in range(CROWD)]
        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            processes = list(pool.map(partial(_greeted, commands), sources))
        opened = time.monotonic() - started
        with ThreadPoolExecutor(CROWD) as pool:
            equal = list(pool.map(_echoes, processes, range(CROWD)))
        memory = sorted(_memory(process.pid) for process in processes if alive(process.pid))
        for process in processes:
            process.end_input()
        ends = [process.wait() for process in processes]
        said = [process.stderr() for process in processes if process.stderr()]
        cloud.wait_all_ended()
        left = sum(alive(process.pid) for process in processes)
        seconds = time.monotonic() - started
        for source in soak.sources:
            own = [number for number, each in enumerate(sources) if each is source]
            log = _log_of(commands, [processes[number].pid for number in own])
            failures = sum(not equal[number] or ends[number] != 0 for number in own)
            size = 2 * CROWD_BYTES * len(own)
            tally = soak.tallies[source.name]
            tally.add(lost_links(log, len(own)), size, runs=len(own), failures=failures)
            tally.add_resumes(rules, source)
    soak.say(f"\n## {CROWD} sessions at once, each with faults of its own\n")
    soak.say(
        f"{CROWD} connectors, of the sources in turn, opened within {opened:.0f} s, each with "
        f"{CROWD_BYTES} bytes up and down through hourly closes, cuts, drops, duplicates and "
        "overtaking: "
        f"{sum(equal)} of {CROWD} digests equal, {ends.count(0)} exit codes 0, "
        f"{len(said)} said anything on stderr, {left} processes and 0 sessions left over, "
        f"{len(cloud.gateway.fault_log)} faults, {seconds:.0f} s in all. Memory per process: "
        f"median {memory[len(memory) // 2]:.1f} MiB, at most {memory[-1]:.1f} MiB resident."
    )
    if not all(equal) or any(ends) or said or left:
        soak.fail(f"the crowd: {equal.count(False)} digests, exit codes {ends}, {said[:3]}")


def _trouble(rng: random.Random) -> FaultPlan:
    plan = random_cuts(rng, rng.randrange(1, 8), 2 * CROWD_BYTES)
    kinds = rng.sample([Effect.DROP, Effect.DUPLICATE, Effect.REORDER, Effect.DELAY], 2)
    faults = tuple(
        FrameFault(kind, direction, 0.01, scope=Scope.ALL)
        for kind in kinds
        for direction in Direction
    )
    return plan | FaultPlan(faults)


_starting = threading.Lock()


def _greeted(commands: Commands, source: Source) -> Process:
    with _starting:
        process = commands.proxy(host=source.host)
    process.reader.until(GREETING, 60)
    return process


def _echoes(process: Process, number: int) -> bool:
    data = random.Random(number).randbytes(CROWD_BYTES)
    try:
        process.send(data)
        return process.reader.exactly(CROWD_BYTES, 300) == data
    except (AssertionError, OSError):
        return False  # the process ended, or no output came; its stderr says why


def _log_of(commands: Commands, pids: list[int]) -> str:
    """Return the lines that these processes have logged."""
    own = re.compile(rf"\S+ \S+ (?:{'|'.join(map(str, pids))}) ")
    return "\n".join(filter(own.match, commands.log_file.read_text().splitlines()))


def _memory(pid: int) -> float:
    """Return the peak of resident memory in MiB (proc(5), VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM")
