"""The long matrix: pass after pass, added up cell by cell."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.emulator.agent.behaviour import REAL
from connector.emulator.faults.plans import FaultPlan
from tests.endtoend.commands import Ssh
from tests.endtoend.matrix import DIRECTIONS, FAULTS, PROGRAMS, SILENCE, Outcome, log_of, transfer

from .stage import Soak, yes

MIB = 1024 * 1024
SIZES = (64 * 1024, MIB, 8 * MIB)
SILENT = "silence, found after 45 s"


@dataclass
class Row:
    """A row of the table, added up over programs and runs."""

    runs: int = 0
    cuts: int = 0
    resent: int = 0
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.runs += 1
        self.cuts += outcome.cuts
        self.resent += outcome.resent + outcome.duplicates
        self.slowest = max(self.slowest, outcome.seconds)
        if outcome.failure:
            self.failures.append(outcome.failure)


def matrix(soak: Soak, deadline: float) -> None:
    """Pass through all cells again and again until ``time.monotonic`` reaches the deadline."""
    rows: dict[tuple[str, str, int], Row] = {
        (fault, direction, size): Row()
        for fault in FAULTS
        for direction in DIRECTIONS
        for size in SIZES
    }
    rows |= {(SILENT, direction, MIB): Row() for direction in DIRECTIONS}
    cells = [(*key, program) for key in rows for program in PROGRAMS if key[0] != SILENT]
    rng = random.Random(f"{soak.seed}/matrix")
    with soak.commands("matrix") as commands:
        ssh = Ssh(commands, soak.cloud, soak.sshd)
        for direction in DIRECTIONS:
            key = (SILENT, direction, MIB)
            _cell(soak, ssh, SILENCE(rng, MIB), "scp", key, rows[key])
        while time.monotonic() < deadline:
            rng.shuffle(cells)
            for fault, direction, size, program in cells:
                if time.monotonic() >= deadline:
                    break
                key = (fault, direction, size)
                _cell(soak, ssh, FAULTS[fault](rng, size), program, key, rows[key])
                soak.write(_table(rows))
    for line in _table(rows):
        soak.say(line)


def _cell(
    soak: Soak, ssh: Ssh, plan: FaultPlan, program: str, key: tuple[str, str, int], row: Row
) -> None:
    fault, direction, size = key
    cell = f"{fault}, {program} {direction} {size}, {plan!r}"
    soak.cloud.reset()
    soak.cloud.port = soak.sshd.port
    try:
        outcome = transfer(
            ssh, soak.cloud, plan, program, direction, size, seed=soak.seed, agent=REAL
        )
        soak.cloud.wait_all_ended()
    except Exception as error:  # noqa: BLE001 - the report shows any exception
        outcome = Outcome(0.0, 0, 0, 0, f"{type(error).__name__}: {error}")
    row.add(outcome)
    if outcome.failure:
        soak.fail(f"{cell}: {outcome.failure}")
        print(log_of(ssh), file=sys.stderr, flush=True)


def _table(rows: Mapping[tuple[str, str, int], Row]) -> list[str]:
    lines = [
        "\n## Faults by direction and size, over ssh, scp and rsync\n",
        "| faults | direction | KiB | runs | bytes | cuts | sent again | slowest, s "
        "| failures | digests equal |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {fault} | {direction} | {size // 1024} | {row.runs} | {row.runs * size} "
        f"| {row.cuts} | {row.resent} | {row.slowest:.1f} | {len(row.failures)} "
        f"| {yes(not row.failures)} |"
        for (fault, direction, size), row in rows.items()
        if row.runs
    ]
    done = rows.values()
    lines.append(
        f"\n{sum(row.runs for row in done)} runs, {sum(row.cuts for row in done)} cuts, "
        f"{sum(len(row.failures) for row in done)} failures."
    )
    return lines
