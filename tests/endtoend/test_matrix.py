"""The short matrix: every fault once, by one program, in one direction."""

from __future__ import annotations

import random

import pytest

from connector.datachannel.events import Statistics

from .cloud import Cloud
from .commands import Ssh
from .matrix import DIRECTIONS, FAULTS, PROGRAMS, SILENCE, MakePlan, counted, transfer

SIZE = 100_000

#: The programs and directions, one pair after another.
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
def test_transfer_is_whole_despite(
    ssh: Ssh, cloud: Cloud, make_plan: MakePlan, name: str, direction: str
) -> None:
    ssh.commands.environ["CONNECTOR_PING_INTERVAL"] = "1"
    plan = make_plan(random.Random(f"{name} {direction}"), SIZE)
    outcome = transfer(ssh, cloud, plan, name, direction, SIZE)
    assert outcome.whole, "\n".join([outcome.failure, *map(str, cloud.gateway.fault_log)])


def test_counts_in_the_log_are_added_up() -> None:
    stats = Statistics()
    stats.retransmitted, stats.duplicates = 1_234, 5
    log = f"INFO connector.transport.ending: {stats}\n" * 2
    assert (counted(log, "retransmitted"), counted(log, "duplicates")) == (2_468, 10)


def test_log_without_a_count_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no count of retransmitted"):
        counted("duplicates 5", "retransmitted")
