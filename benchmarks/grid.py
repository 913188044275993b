"""The long matrix: pass after pass, added up cell by cell."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.endtoend.matrix import DIRECTIONS, FAULTS, PROGRAMS, SILENCE, Outcome

from .sources import LIFETIMES, table
from .stage import Soak, yes

MIB = 1024 * 1024
SIZES = (64 * 1024, MIB, 8 * MIB)
SILENT = "silence, found after 45 s"


@dataclass
class Row:
    """A row of the table, added up over programs and runs."""

    runs: int = 0
    cuts: int = 0
    closes: int = 0
    resent: int = 0
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.runs += 1
        self.cuts += outcome.lost.cuts
        self.closes += outcome.lost.closes
        self.resent += outcome.resent + outcome.duplicates
        self.slowest = max(self.slowest, outcome.seconds)
        if outcome.failure:
            self.failures.append(outcome.failure)


def matrix(soak: Soak, deadline: float) -> None:
    """Pass through all cells again and again until ``time.monotonic`` reaches the deadline.

    The sources of sessions take turns from cell to cell.
    """
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
        sources = itertools.cycle(soak.sources)
        for direction in DIRECTIONS:
            silence = SILENCE(rng, MIB)
            outcome = soak.transfer(next(sources), commands, silence, "scp", direction, MIB)
            rows[SILENT, direction, MIB].add(outcome)
        while time.monotonic() < deadline:
            rng.shuffle(cells)
            for fault, direction, size, program in cells:
                if time.monotonic() >= deadline:
                    break
                plan, lifetime = FAULTS[fault](rng, size), rng.choice(LIFETIMES)
                outcome = soak.transfer(
                    next(sources), commands, plan, program, direction, size, lifetime
                )
                rows[fault, direction, size].add(outcome)
                soak.write([*_table(rows), *table(soak.tallies)])
    for line in [*_table(rows), *table(soak.tallies)]:
        soak.say(line)


def _table(rows: Mapping[tuple[str, str, int], Row]) -> list[str]:
    lines = [
        "\n## Faults by direction and size, over ssh, scp and rsync\n",
        "| faults | direction | KiB | runs | bytes | cuts | hourly closes | sent again "
        "| slowest, s | failures | digests equal |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {fault} | {direction} | {size // 1024} | {row.runs} | {row.runs * size} "
        f"| {row.cuts} | {row.closes} | {row.resent} | {row.slowest:.1f} | {len(row.failures)} "
        f"| {yes(not row.failures)} |"
        for (fault, direction, size), row in rows.items()
        if row.runs
    ]
    done = rows.values()
    lines.append(
        f"\n{sum(row.runs for row in done)} runs, {sum(row.cuts for row in done)} cuts, "
        f"{sum(row.closes for row in done)} hourly closes, "
        f"{sum(len(row.failures) for row in done)} failures."
    )
    return lines
