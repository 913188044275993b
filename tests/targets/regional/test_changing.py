"""Targets that change with each start: their host keys, and what has to be set up first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.aws.api import Refused
from connector.aws.cloud import Cloud
from connector.errors import SessionEnded
from connector.sessions import SessionAccess
from connector.targets.model import SSH_SESSION, Query, StartSettings
from connector.targets.regional import freshkeys
from connector.targets.regional.backend import Found
from connector.targets.regional.kind import RegionalKind
from connector.targets.regional.target import RegionalTarget

from ...aws.helpers import UNWATCHED, Clock, Watcher
from . import lamp
from .lampworld import Lamp
from .works import Lampworks, source_of

KEY = "ssh-ed25519 AAAA"
NAME = "Desk.lamp"


class FreshLamps(lamp.SharedLamps):
    """Lamps with a new host key for each bulb."""

    changes_host_keys = True

    def __init__(self, known_hosts: Path) -> None:
        self.ssh = lamp.Lamps.ssh._replace(known_hosts=str(known_hosts))
        self.ask: Callable[[], str] = lambda: "first bulb"
        self.is_ready = True

    def machine_of(self, cloud: Cloud, found: Found, timeout: float) -> str:
        return self.ask()

    def ready(self, found: Found) -> bool:
        return self.is_ready


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


@pytest.fixture
def lamps(known_hosts: Path) -> FreshLamps:
    return FreshLamps(known_hosts)


@pytest.fixture
def target(lampworks: Lampworks, desk: Lamp, lamps: FreshLamps) -> RegionalTarget:
    target = RegionalKind(lamps).open_finder(Query(NAME), lampworks.environ).find()
    assert isinstance(target, RegionalTarget)
    return target


@pytest.fixture
def connect(target: RegionalTarget, known_hosts: Path) -> Callable[[], list[str]]:
    """Return a function that starts a session, and returns the known hosts after it."""

    def connect() -> list[str]:
        target.source(SSH_SESSION, StartSettings(allowed=False)).start(UNWATCHED)
        lines = known_hosts.read_text().splitlines() if known_hosts.exists() else []
        return [line.split()[0] for line in lines if not line.startswith("#")]

    return connect


def remember(known_hosts: Path, *names: str) -> None:
    with known_hosts.open("a") as file:
        file.writelines(f"{name} {KEY}\n" for name in names)


def test_keys_of_an_earlier_machine_are_forgotten_before_the_stream_opens(
    lamps: FreshLamps, target: RegionalTarget, connect: Callable[[], list[str]], known_hosts: Path
) -> None:
    assert connect() == []
    names = ["desk.lamp", target.host_key_alias.lower()]
    remember(known_hosts, *names, "floor.lamp")
    assert connect() == [*names, "floor.lamp"]
    lamps.ask = lambda: "second bulb"
    assert connect() == ["floor.lamp"]


def deny() -> str:
    raise Refused(400, "AccessDeniedException", "no")


@pytest.mark.parametrize("ask", [deny, lambda: ""])
def test_keys_stay_where_the_machine_is_not_told(
    lamps: FreshLamps,
    connect: Callable[[], list[str]],
    known_hosts: Path,
    ask: Callable[[], str],
) -> None:
    remember(known_hosts, "desk.lamp")
    lamps.ask = ask
    assert connect() == ["desk.lamp"]


def test_late_answer_neither_delays_the_session_nor_changes_the_keys(
    lamps: FreshLamps,
    connect: Callable[[], list[str]],
    known_hosts: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(freshkeys, "_PATIENCE", 0.01)
    remember(known_hosts, "desk.lamp")
    answered = threading.Event()

    def ask() -> str:
        answered.wait(30)
        return "second bulb"

    lamps.ask = ask
    assert connect() == ["desk.lamp"]
    answered.set()


def test_target_that_is_not_ready_is_started_though_it_runs(
    lampworks: Lampworks, lamps: FreshLamps, target: RegionalTarget, clock: Clock
) -> None:
    settings = StartSettings(allowed=True, timeout=60)
    lamps.is_ready = False
    assert target.run_until_running(Watcher(clock), settings).status == "ON"
    assert lampworks.operations().count("SwitchLamp") == 1
    not_allowed = StartSettings(allowed=False)
    assert target.run_until_running(Watcher(clock), not_allowed).status == "ON"
    lamps.is_ready = True
    assert target.run_until_running(Watcher(clock), settings).status == "ON"
    assert lampworks.operations().count("SwitchLamp") == 1


def test_name_that_lasts_is_not_checked(
    lampworks: Lampworks, lamps: FreshLamps, target: RegionalTarget
) -> None:
    known = RegionalKind(lamps).open_finder(Query(NAME), lampworks.environ).known()
    assert known is not None
    assert known.doubter() is not None
    lamps.names_last = True
    assert known.doubter() is None


@pytest.fixture
def access(target: RegionalTarget, clock: Clock) -> SessionAccess:
    return source_of(target, clock).start(UNWATCHED)


@pytest.mark.parametrize("code", ["AccessDeniedException", "DoesNotExistException", "Unforeseen"])
def test_session_of_another_service_outlives_refusals_of_systems_manager(
    lampworks: Lampworks, target: RegionalTarget, access: SessionAccess, clock: Clock, code: str
) -> None:
    source = source_of(target, clock)
    lampworks.refuse("ResumeSession", code)
    assert source.resume(access) is None
    lampworks.refuse("TerminateSession", code)
    source.stop(access, 5)
    assert lampworks.living() == [access.session_id]


def test_session_of_another_service_that_is_over_is_not_resumed(
    lampworks: Lampworks, target: RegionalTarget, access: SessionAccess, clock: Clock
) -> None:
    source = source_of(target, clock)
    source.stop(access, 5)
    assert lampworks.living() == []
    with pytest.raises(SessionEnded):
        source.resume(access)
