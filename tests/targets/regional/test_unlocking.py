"""The time of a user who is asked for a code does not count into the deadlines of calls."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from connector.aws.cloud import Cloud
from connector.aws.keys.source import AwsKeys, KeySource
from connector.aws.services import Service
from connector.sessions import SessionAccess
from connector.targets import parallel
from connector.targets.model import SSH_SESSION, Query, SessionRequest
from connector.targets.regional import listing, target, targets
from connector.targets.regional.backend import Found
from connector.targets.regional.kind import RegionalKind
from connector.targets.regional.target import Calls, RegionalTarget
from connector.targets.regional.targets import Targets

from . import lamp
from .lamps import Lamps
from .works import Lampworks

ASKING = 60.0  # seconds that the user needs; more than any timeout here
TIMEOUT = 20.0


class ManyCalls(lamp.LampBackend):
    """Lamps of which each method makes a call, and notes the seconds that are left for another."""

    def __init__(self) -> None:
        self.left: list[float] = []

    @property
    def targets(self) -> type[Targets]:
        left = self.left

        class Slow(Lamps):
            def call(
                self, operation: str, service: Service | None = None, /, **members: Any
            ) -> dict[str, Any]:
                answer = super().call(operation, service, **members)
                left.append(self.deadline - time.monotonic())
                return answer

        return Slow

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        deadline = time.monotonic() + timeout
        access = super().open(cloud, found, request, query, timeout)
        self.left.append(deadline - time.monotonic())
        return access


@pytest.fixture
def slow_user(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a minute pass whenever keys are searched for; return a list that grows then.

    It passes for deadlines of calls alone: connections that are begun early have their own.
    """
    asked: list[str] = []
    find = KeySource._find

    def slow(source: KeySource, *rest: Any) -> AwsKeys:
        asked.append("code")
        return find(source, *rest)

    monkeypatch.setattr(KeySource, "_find", slow)
    clock = SimpleNamespace(monotonic=lambda: monotonic() + ASKING * len(asked))
    for module in (listing, parallel, target, targets, sys.modules[__name__]):
        monkeypatch.setattr(module, "time", clock)
    return asked


@pytest.fixture
def kind() -> RegionalKind:
    return RegionalKind(ManyCalls())


@pytest.fixture
def calls(lampworks: Lampworks, kind: RegionalKind) -> Calls:
    """Return the calls of a lamp whose id needs no look-up."""
    id = lampworks.world.add_lamp("desk").id
    found = kind.open_finder(Query(id), lampworks.environ).find()
    assert isinstance(found, RegionalTarget)
    return found.calls


@pytest.mark.parametrize(
    "work",
    [
        lambda calls: calls.look(TIMEOUT),
        lambda calls: calls.stop(TIMEOUT),
        lambda calls: calls.open(SSH_SESSION, TIMEOUT),
    ],
    ids=["look", "stop", "open"],
)
def test_call_has_its_time_after_the_user_was_asked(
    calls: Calls, slow_user: list[str], work: Callable[[Calls], object]
) -> None:
    work(calls)
    backend = calls.backend
    assert isinstance(backend, ManyCalls)
    assert len(backend.left) == 1
    assert backend.left[0] > 0
    assert slow_user == ["code"]


def test_sessions_are_listed_after_the_user_was_asked(
    lampworks: Lampworks, calls: Calls, slow_user: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []

    class Slow(listing._Sessions):
        def items(
            self, operation: str, member: str, service: Service | None = None, /, **members: Any
        ) -> Iterator[Any]:
            yield from super().items(operation, member, service, **members)
            left.append(self.deadline - time.monotonic())

    monkeypatch.setattr(listing, "_Sessions", Slow)
    assert RegionalTarget(calls).sessions() == []
    assert len(left) == 1
    assert left[0] > 0
    assert lampworks.operations() == ["DescribeSessions"]
    assert slow_user == ["code"]


def test_targets_are_listed_after_the_user_was_asked(
    lampworks: Lampworks, slow_user: list[str]
) -> None:
    for number in range(5):  # two on a page
        lampworks.world.add_lamp(f"lamp{number}")
    assert len(lampworks.listing().rows) == 5
    assert slow_user == ["code"]


def test_name_is_looked_up_after_the_user_was_asked(
    lampworks: Lampworks, slow_user: list[str]
) -> None:
    id = lampworks.world.add_lamp("desk").id
    assert lampworks.target("desk.lamp").calls.found.id == id
    assert slow_user == ["code"]
