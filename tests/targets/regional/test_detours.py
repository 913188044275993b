"""Targets with another way to them: it is taken where the usual one is refused for the agent."""

from __future__ import annotations

import pytest

from connector.aws.cloud import Cloud
from connector.sessions import SessionAccess
from connector.targets.model import (
    RUNNING,
    SHELL,
    SSH_SESSION,
    STARTING,
    Query,
    SessionRequest,
    StartSettings,
)
from connector.targets.regional.backend import Found
from connector.targets.regional.kind import RegionalKind
from connector.targets.regional.target import RegionalTarget
from connector.targets.regional.targets import Targets

from ...aws.helpers import UNWATCHED, Clock, Watcher
from . import lamp
from .lamps import Lamps
from .lampworld import Lamp
from .works import NO_START, Lampworks, source_of

BY_ROAD = SessionAccess("wss://road.example/", "", "", raw=True)


class Roads(Lamps):
    """The roads to lamps."""

    def detour(self, found: Found, request: SessionRequest, query: Query) -> SessionAccess | None:
        there = request == SSH_SESSION and found.state.phase in (RUNNING, STARTING)
        return BY_ROAD if there else None


class LampsByRoad(lamp.LampBackend):
    """Lamps that ssh reaches by road too, unless they are off.

    :ivar tries: the seconds that each try to open a session had.
    """

    def __init__(self) -> None:
        self.tries: list[float] = []

    @property
    def targets(self) -> type[Targets]:
        return Roads

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        self.tries.append(timeout)
        return super().open(cloud, found, request, query, timeout)


@pytest.fixture
def lamps() -> LampsByRoad:
    return LampsByRoad()


@pytest.fixture
def target(lampworks: Lampworks, desk: Lamp, lamps: LampsByRoad) -> RegionalTarget:
    found = RegionalKind(lamps).open_finder(Query(desk.id), lampworks.environ).find()
    assert isinstance(found, RegionalTarget)
    return found


def test_running_target_without_an_agent_is_reached_by_the_other_way(
    target: RegionalTarget, desk: Lamp, clock: Clock
) -> None:
    desk.refusals_left = 1000
    access = source_of(target, clock).start(UNWATCHED)
    assert access == BY_ROAD  # without a signer: its URL is signed
    assert clock.pauses == []


def test_agent_of_a_target_that_was_started_is_waited_for_instead(
    target: RegionalTarget, desk: Lamp, lamps: LampsByRoad, clock: Clock
) -> None:
    desk.life.set("OFF")
    desk.refusals_left = 12
    starts = StartSettings(allowed=True, timeout=60)
    access = source_of(target, clock, starts).start(Watcher(clock))
    assert access.session_id
    assert max(lamps.tries) <= 8  # though all of them have 30 s


def test_ssh_does_not_wait_for_a_target_that_starts(
    target: RegionalTarget, desk: Lamp, clock: Clock
) -> None:
    desk.life.set("WARMING")
    assert source_of(target, clock).start(UNWATCHED) == BY_ROAD


def test_shell_waits_for_a_target_that_starts(
    target: RegionalTarget, desk: Lamp, clock: Clock, lampworks: Lampworks
) -> None:
    desk.life.set("WARMING")
    watcher = Watcher(clock, lambda waiting: lampworks.call(lambda: desk.life.set("ON")))
    source_of(target, clock, NO_START, SessionRequest(SHELL)).start(watcher)
    assert watcher.seen == ["WARMING"]
