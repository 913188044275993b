"""80 random cuts in 20 MB, each way, by scp over the sessions of each source."""

from __future__ import annotations

import random
from functools import partial

from connector.emulator.faults.plans import Direction, FaultPlan, random_cuts
from tests.endtoend.matrix import DIRECTIONS

from .sources import Source
from .stage import Soak, yes

CUTS, CUT_BYTES = 80, 20_000_000


def cuts(soak: Soak) -> None:
    soak.say(f"\n## {CUTS} random cuts in {CUT_BYTES / 1e6:.0f} MB, by scp\n")
    soak.say("| source | direction | bytes | cuts | sent again | seconds | digests equal |")
    soak.say("|---|---|---|---|---|---|---|")
    for source in soak.sources:
        for direction in DIRECTIONS:
            rng = random.Random(f"{soak.seed}/scp/{source.name}/{direction}")
            wire = Direction.TO_AGENT if direction == "up" else Direction.TO_CLIENT
            plan = random_cuts(rng, CUTS, CUT_BYTES, wire)
            what = f"cuts of scp, {source.name}, {direction}"
            soak.attempt(what, partial(_copied, soak, source, plan, direction))


def _copied(soak: Soak, source: Source, plan: FaultPlan, direction: str) -> None:
    with soak.commands(f"scp-{soak.sources.index(source)}-{direction}") as commands:
        outcome = soak.transfer(source, commands, plan, "scp", direction, CUT_BYTES)
    soak.say(
        f"| {source.name} | {direction} | {CUT_BYTES} | {outcome.lost.cuts} "
        f"| {outcome.resent + outcome.duplicates} | {outcome.seconds:.0f} | {yes(outcome.whole)} |"
    )
