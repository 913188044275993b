"""The matrix, short: every fault once, by one program, in one direction."""

from __future__ import annotations

import random

import pytest

from .cloud import Cloud
from .commands import Ssh
from .matrix import DIRECTIONS, FAULTS, PROGRAMS, SILENCE, MakePlan, transfer

SIZE = 100_000

#: Every program with every direction, in turn.
CELLS = [
    pytest.param(
        plan,
        PROGRAMS[number % len(PROGRAMS)],
        DIRECTIONS[number % len(DIRECTIONS)],
        id=f"{name}, {PROGRAMS[number % len(PROGRAMS)]} {DIRECTIONS[number % len(DIRECTIONS)]}",
    )
    for number, (name, plan) in enumerate([*FAULTS.items(), ("silence", SILENCE)])
]


@pytest.mark.parametrize(("make_plan", "name", "direction"), CELLS)
def test_what_is_carried_is_whole(
    ssh: Ssh, cloud: Cloud, make_plan: MakePlan, name: str, direction: str
) -> None:
    ssh.commands.environ["CONNECTOR_PING_INTERVAL"] = "1"
    plan = make_plan(random.Random(f"{name} {direction}"), SIZE)
    outcome = transfer(ssh, cloud, plan, name, direction, SIZE)
    assert outcome.whole, "\n".join([outcome.failure, *map(str, cloud.gateway.fault_log)])
