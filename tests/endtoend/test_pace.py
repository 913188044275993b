"""Copies at the agent's pace, in which the link rests between two reads."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.faults.plans import Effect, FrameFault, Scope, random_cuts

from .breaking import DATA, SIZE, TO_AGENT, TO_CLIENT, inject_faults, send_data
from .cloud import Cloud
from .commands import Commands
from .targets import GREETING, TcpService, greeting_echo

#: An agent that keeps its pace and records at once what it sends.
PACED = replace(REAL, late_record_probability=0.0)

#: Messages that count as a batch. At this pace, a link that does not rest reads one or two.
BATCH = 6


@pytest.fixture
def giving(cloud: Cloud) -> Iterator[None]:
    with TcpService(send_data) as service:
        cloud.port = service.port
        yield


def batches(log: Path) -> list[int]:
    """Return how many messages of output were received between two sends."""
    dialogue = [
        line.partition("connector.dialogue: ")[2].startswith("< output_stream_data")
        for line in log.read_text().splitlines()
        if "connector.dialogue: " in line
    ]
    return [len(list(run)) for output, run in itertools.groupby(dialogue) if output]


@pytest.mark.usefixtures("giving")
def test_paced_copy_is_read_in_batches(commands: Commands, cloud: Cloud, tmp_path: Path) -> None:
    log = tmp_path / "session.log"
    cloud.behave(PACED)
    process = commands.proxy("-vvv", "--log-file", str(log))

    assert process.reader.exactly(len(GREETING) + SIZE) == GREETING + DATA

    process.hang_up()
    assert process.wait() == 0
    sizes = batches(log)
    assert sum(sizes) >= SIZE / 1024
    assert max(sizes) >= BATCH  # on a busy machine, the agent is slower than its pace


def test_input_during_a_paced_copy_is_echoed_in_order(commands: Commands, cloud: Cloud) -> None:
    keys = [b"%d\n" % number for number in range(20)]
    cloud.behave(PACED)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.send(DATA)
        echoed = b""
        for key in keys:
            echoed += process.reader.exactly(SIZE // len(keys))
            process.send(key)
        rest = process.reader.exactly(len(DATA + b"".join(keys)) - len(echoed))
        process.hang_up()
        assert (process.wait(), process.stderr()) == (0, "")

    assert echoed + rest == DATA + b"".join(keys)


@pytest.mark.usefixtures("giving")
def test_faults_during_a_paced_copy_lose_nothing(commands: Commands, cloud: Cloud) -> None:
    cuts = random_cuts(random.Random(12), 3, SIZE, TO_CLIENT).faults
    faults = [
        FrameFault(effect, direction, 0.01, scope=Scope.ALL)
        for effect in (Effect.DROP, Effect.DUPLICATE, Effect.REORDER)
        for direction in (TO_AGENT, TO_CLIENT)
    ]
    inject_faults(cloud, *cuts, *faults, agent=PACED)
    process = commands.proxy()

    assert process.reader.exactly(len(GREETING) + SIZE) == GREETING + DATA

    process.hang_up()
    assert (process.wait(), process.stderr()) == (0, "")
