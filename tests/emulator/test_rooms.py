"""The contract of rooms, with a kind of target that lives in the tests."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.emulator import app
from connector.emulator.api import WORLDS, make_world
from connector.emulator.api.errors import ApiError
from connector.emulator.api.room import Lifecycle
from connector.emulator.api.signed import page
from connector.emulator.api.world import PlannedTarget, Services, World
from connector.emulator.harness import ConnectorEmulator
from connector.targets.registry import KINDS, KindRow

from ..targets.regional.lampworld import LampWorld
from .world import FakeClock


def make(kind: str, services: Services, targets: Sequence[PlannedTarget]) -> World:
    if kind == "lamp":
        return LampWorld(services, targets)
    return make_world(kind, services, targets)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectorEmulator]:
    """Lamps and the default kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "make_world", make)
        made = ConnectorEmulator(tmp_path_factory.mktemp("lamps"), ("lamp", KINDS[0].name))
    with made as emulator:
        yield emulator


@pytest.fixture
def lamps(emulator: ConnectorEmulator, boto: Any) -> Iterator[Any]:
    """botocore's client of Systems Manager, made from the environment alone."""
    variables = emulator.environment
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        client = boto.client("ssm", region_name=variables["AWS_REGION"])
    yield client
    client.close()
    emulator.allow()
    emulator.set_state("ON")


def test_every_kind_of_the_connector_has_a_world() -> None:
    assert next(iter(WORLDS)) == KINDS[0].name
    missing = {row.name for row in KINDS} - WORLDS.keys()
    assert not missing, f"add the worlds of {missing} to connector/emulator/api/__init__.py"


def test_environment_leads_to_all_kinds(emulator: ConnectorEmulator) -> None:
    assert emulator.name == "demo.lamp"
    assert emulator.environment.keys() > {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"),
        "AWS_CA_BUNDLE",
    }
    assert len(emulator.names(KINDS[0].name)) == 1
    blocks = emulator.ssh_config.read_text().split("\n\n")
    assert blocks[0].startswith("Host *.lamp\n    User me\n    ProxyCommand ")
    proxy = next(line for line in blocks[0].splitlines() if "ProxyCommand" in line)
    assert shlex.split(proxy)[-3:] == ["%n", "--port", "%p"]
    assert blocks[1].startswith("Host *.")
    assert "    User " in blocks[1]


def test_user_variables_do_not_reach_programs(
    emulator: ConnectorEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL_SSM"):
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setattr(app, "make_world", make)
    made = app.Emulator(tmp_path, kinds=("lamp",))
    with app.EmulatorThread(made) as access:
        environ = access.environ(tmp_path)
    assert "of the user" not in environ.values()


def test_session_of_a_room_ends_with_its_state(emulator: ConnectorEmulator, lamps: Any) -> None:
    lamps.start_session(Target="lamp-000abc00")
    assert len(lamps.describe_sessions(State="Active")["Sessions"]) == 1
    emulator.set_state("OFF", reason="The bulb is broken")
    assert emulator.state() == "OFF"
    assert lamps.describe_sessions(State="Active")["Sessions"] == []
    with pytest.raises(lamps.exceptions.TargetNotConnected):
        lamps.start_session(Target="lamp-000abc00")


def test_denial_of_the_harness_reaches_clients(emulator: ConnectorEmulator, lamps: Any) -> None:
    emulator.deny("ssm:StartSession", "arn:aws:lamps:*:lamp/lamp-000abc00")
    with pytest.raises(lamps.exceptions.ClientError, match="not authorized to perform: ssm:Start"):
        lamps.start_session(Target="lamp-000abc00")
    emulator.allow()
    assert lamps.start_session(Target="lamp-000abc00")["SessionId"]


def test_requests_are_found_by_service_too(emulator: ConnectorEmulator, lamps: Any) -> None:
    for name in ("GetConnectionStatus", "ssm:GetConnectionStatus"):
        emulator.refuse(name, "ValidationException")  # which botocore does not retry
        with pytest.raises(lamps.exceptions.ClientError, match="ValidationException"):
            lamps.get_connection_status(Target="lamp-000abc00")
    answered = emulator.requests("ssm:GetConnectionStatus")
    assert answered == emulator.requests("GetConnectionStatus")
    assert [record.status for record in answered] == [400, 400]
    assert emulator.requests("sts:GetConnectionStatus") == []


def test_added_targets_can_be_of_any_kind(emulator: ConnectorEmulator, lamps: Any) -> None:
    first = emulator.add_target("desk", running=False)
    assert (first.alias, emulator.state("desk")) == ("desk", "OFF")
    other = emulator.add_target("desk", group="Shop", kind=KINDS[0].name)
    assert other.name == f"desk.{KINDS[0].name}"
    assert emulator.state("desk", kind=KINDS[0].name) == "RUNNING"
    emulator.set_state("STOPPED", "desk", kind=KINDS[0].name)
    assert emulator.state("desk", kind=KINDS[0].name) == "STOPPED"
    assert emulator.state("desk") == "OFF"


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectorEmulator]:
    with ConnectorEmulator(tmp_path_factory.mktemp("all"), tuple(WORLDS)) as emulator:
        yield emulator


@pytest.mark.parametrize("kind", WORLDS)
def test_world_keeps_its_contract(all_kinds: ConnectorEmulator, kind: str) -> None:
    (demo, *_) = all_kinds.names(kind)
    planned = all_kinds.add_target("api-1", running=False, start_seconds=60.0, kind=kind)
    assert demo.alias == "demo"
    assert planned in all_kinds.names(kind)
    assert len({name.host for name in all_kinds.names(kind)}) == len(all_kinds.names(kind))
    running = all_kinds.state("demo", kind=kind)
    assert all_kinds.state("api-1", kind=kind) != running
    all_kinds.set_state(running, "api-1", kind=kind)
    assert all_kinds.state("api-1", kind=kind) == running
    with pytest.raises(KeyError):
        all_kinds.state("nothing", kind=kind)
    with pytest.raises(KeyError):
        all_kinds.set_state(running, "nothing", kind=kind)
    with pytest.raises(ValueError, match="no state of any service"):
        all_kinds.set_state("no state of any service", "demo", kind=kind)
    assert all_kinds.state("demo", kind=kind) == running


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_names_of_a_world_are_of_its_kind(all_kinds: ConnectorEmulator, row: KindRow) -> None:
    for names in all_kinds.names(row.name):
        assert row.recognises(names.name)
        assert row.recognises(names.host)


def test_lifecycle_changes_with_the_clock_alone() -> None:
    clock = FakeClock()
    life = Lifecycle(clock, "OFF")
    life.move("WARMING", "ON", seconds=10.0)
    assert life.state == "WARMING"
    clock.advance(9.9)
    assert life.state == "WARMING"
    clock.advance(0.2)
    assert life.state == "ON"
    life.move("COOLING", "OFF", seconds=1.0)
    life.set("BROKEN")
    clock.advance(5.0)
    assert life.state == "BROKEN"


def test_pages_cover_every_item_once() -> None:
    items = list(range(7))
    first, token = page(items, 3, None, "X")
    second, token = page(items, 3, token, "X")
    third, token = page(items, 3, token, "X")
    assert [first, second, third, token] == [[0, 1, 2], [3, 4, 5], [6], None]
    assert page([], 3, None, "X") == ([], None)
    for wrong in ("x", "LTE=", "OTk="):
        with pytest.raises(ApiError) as info:
            page(items, 3, wrong, "InvalidNextToken")
        assert info.value.code == "InvalidNextToken"
