"""Targets that change with each start: their host keys, and what has to be set up first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.aws.api import Refused
from connector.errors import SessionEnded, TargetNotReady
from connector.sessions import SessionAccess
from connector.targets import registry
from connector.targets.model import RUNNING, SSH_SESSION, Query, StartSettings, State
from connector.targets.regional import freshkeys
from connector.targets.regional.backend import Found
from connector.targets.regional.kind import RegionalKind
from connector.targets.regional.target import RegionalTarget
from connector.targets.regional.targets import Targets

from ...aws.helpers import UNWATCHED, Clock, Watcher
from . import lamp
from .lamps import Lamps
from .lampworld import Lamp
from .works import Lampworks, source_of

KEY = "ssh-ed25519 AAAA"
RUNS = State("ON", phase=RUNNING)
NAME = "Desk.lamp"


class FreshLamps(lamp.SharedLamps):
    """Lamps with a new host key for each bulb."""

    row = lamp.ROW._replace(options=(*lamp.ROW.options, registry.KNOWN_HOSTS))

    def __init__(self) -> None:
        self.ask: Callable[[], str] = lambda: "first bulb"
        self.is_ready = True

    @property
    def targets(self) -> type[Targets]:
        backend = self

        class Bulbs(Lamps):
            def machine_of(self, found: Found) -> str:
                return backend.ask()

        return Bulbs

    def ready(self, found: Found) -> bool:
        return self.is_ready


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


@pytest.fixture
def lamps() -> FreshLamps:
    return FreshLamps()


@pytest.fixture
def target(
    lampworks: Lampworks, desk: Lamp, lamps: FreshLamps, known_hosts: Path
) -> RegionalTarget:
    query = Query(NAME, (("known-hosts", str(known_hosts)),))
    target = RegionalKind(lamps).open_finder(query, lampworks.environ).find()
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


class Sockets(lamp.LampBackend):
    """Sockets: only a look tells which lamp is in one."""

    def __init__(self, lamps: Iterator[Lamp]) -> None:
        self._lamps = lamps

    def session_target(self, found: Found) -> str:
        return str(found.details.get("lamp", ""))

    @property
    def targets(self) -> type[Targets]:
        lamps = self._lamps

        class Looks(Lamps):
            def look(self, found: Found, query: Query) -> Found:
                return found._replace(state=RUNS, details={"lamp": next(lamps).id})

        return Looks


def session_in_a_socket(works: Lampworks, clock: Clock, *lamps: Lamp) -> str:
    """Start a session of which each look tells the next lamp; return the lamp of the session."""
    kind = RegionalKind(Sockets(iter(lamps)))
    target = kind.open_finder(Query("lamp-0"), works.environ).find()
    assert isinstance(target, RegionalTarget)
    session = works.account.sessions.find(source_of(target, clock).start(UNWATCHED).session_id)
    assert session is not None
    return session.machine_id


def test_target_that_its_name_does_not_tell_is_looked_at_first(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    assert session_in_a_socket(lampworks, clock, desk) == desk.id
    assert lampworks.operations() == ["StartSession"]


def test_target_that_was_replaced_meanwhile_is_opened_anew(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    gone = lampworks.world.add_lamp("gone", state="BROKEN")
    assert session_in_a_socket(lampworks, clock, gone, desk) == desk.id
    assert (lampworks.operations(), clock.pauses) == (["StartSession"] * 2, [])


def test_target_that_is_replaced_again_and_again_is_given_up(
    lampworks: Lampworks, clock: Clock
) -> None:
    gone = [lampworks.world.add_lamp(f"gone{n}", state="BROKEN") for n in range(9)]
    with pytest.raises(TargetNotReady):
        session_in_a_socket(lampworks, clock, *gone)
    assert clock.time < 20


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
