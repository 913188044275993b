"""The whole emulator with SageMaker: its names and its states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from connector.emulator.api.sagemaker.world import SageMakerWorld
from connector.emulator.api.world import PlannedTarget
from connector.emulator.app import Emulator, EmulatorThread


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    targets = (PlannedTarget("demo"), PlannedTarget("off", group="Shop", running=False))
    return Emulator(tmp_path / "certificates", kinds=("sagemaker",), targets=targets)


@pytest.fixture
def world(emulator: Emulator) -> SageMakerWorld:
    world = emulator.world
    assert isinstance(world, SageMakerWorld)
    return world


@pytest.fixture
def thread(emulator: Emulator) -> EmulatorThread:
    return EmulatorThread(emulator)


@pytest.fixture
def client(
    thread: EmulatorThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    with thread as access:
        for name, value in access.environ(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield boto3.session.Session().client("sagemaker")


def test_planned_targets_are_spaces_of_domains(world: SageMakerWorld, client: Any) -> None:
    domains = {each["DomainName"]: each["DomainId"] for each in client.list_domains()["Domains"]}
    spaces = {each["SpaceName"]: each["DomainId"] for each in client.list_spaces()["Spaces"]}
    assert spaces == {"demo": domains["Research"], "off": domains["Shop"]}
    demo, off = world.targets
    assert (demo.name, off.alias) == ("demo.sagemaker", "off")
    assert demo.host.endswith(f":space/{domains['Research']}/demo")


def test_states_are_those_of_apps(
    world: SageMakerWorld, client: Any, thread: EmulatorThread
) -> None:
    space = world.space("demo")
    session = client.start_session(ResourceIdentifier=space.arn)
    assert (world.state("demo"), world.state("off")) == ("InService", "Stopped")
    thread.call(lambda: world.set_state("demo", "Failed", "no more machines"))
    assert world.state("demo") == "Failed"
    app = client.describe_app(
        DomainId=space.domain.id, SpaceName="demo", AppType="JupyterLab", AppName="default"
    )
    assert app["FailureReason"] == "no more machines"
    ended = world.model.account.sessions.find(session["SessionId"])
    assert ended is not None
    assert ended.end_reason is not None
    thread.call(lambda: world.set_state("demo", "Stopped"))
    assert world.state("demo") == "Stopped"
    with pytest.raises(KeyError):
        world.state("other")
    with pytest.raises(ValueError, match="RUNNING"):
        world.set_state("demo", "RUNNING")


def test_ssh_configuration_tells_the_file_of_the_host_keys(
    thread: EmulatorThread, tmp_path: Path
) -> None:
    with thread as access:
        text = access.write_ssh_config(tmp_path, ["connector", "proxy", "%n"]).read_text()
    keys = tmp_path / "known_hosts"
    assert f"    ProxyCommand connector proxy %n --known-hosts {keys}\n" in text
    assert f"    UserKnownHostsFile {keys}\n" in text
