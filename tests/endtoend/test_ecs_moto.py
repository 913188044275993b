"""moto judges our calls that find ECS tasks. It has no agents, and no ExecuteCommand."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.emulator.harness import ConnectorEmulator

from .ecs import Containers
from .motoserver import Moto, serving

pytestmark = pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="needs moto")


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with serving(tmp_path_factory.mktemp("moto")) as moto:
        yield moto


@pytest.fixture
def user(moto: Moto, tmp_path: Path) -> Iterator[Containers]:
    """A user whose ECS is moto's; keys and all other services are the emulator's."""
    directory = tmp_path / "emulator"
    directory.mkdir()
    with ConnectorEmulator(directory, ("ecs",)) as emulator:
        user = Containers(emulator, tmp_path)
        bundle = user.home / "bundle.pem"
        own = Path(user.environ["AWS_CA_BUNDLE"]).read_bytes()
        bundle.write_bytes(moto.ca_file.read_bytes() + own)
        user.environ |= {"AWS_CA_BUNDLE": str(bundle), "AWS_ENDPOINT_URL_ECS": moto.url}
        yield user


@pytest.fixture
def owner(moto: Moto) -> Iterator[Any]:
    """The account's owner, whose tasks run until the end of the test."""
    from moto.moto_api import state_manager
    from moto.moto_api._internal.models import moto_api_backend

    # Tasks would stop when they are described for the first time.
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1000})
    yield moto.client("ecs")
    moto_api_backend.reset()


def run(owner: Any, cluster: str, container: str, count: int = 1, group: str = "") -> list[str]:
    """Run tasks of a family "<container>-family", and return their ids."""
    owner.create_cluster(clusterName=cluster)
    owner.register_task_definition(
        family=f"{container}-family",
        containerDefinitions=[{"name": container, "image": "busybox", "memory": 64}],
    )
    started = owner.run_task(
        cluster=cluster,
        taskDefinition=f"{container}-family",
        launchType="FARGATE",
        count=count,
        **({"group": group} if group else {}),
    )
    return [task["taskArn"].rpartition("/")[2] for task in started["tasks"]]


def test_tasks_of_all_clusters_are_listed(user: Containers, owner: Any) -> None:
    ids = run(owner, "prod", "app", 3, "service:web")
    run(owner, "test", "app", 1, "service:web")
    run(owner, "test", "job")
    owner.create_cluster(clusterName="empty")
    listed = json.loads(user.says("list", "--kind", "ecs", "--json"))
    assert {each["sshName"]: each["id"] for each in listed} == {
        "app.web.prod.ecs": "prod/web/app",
        "app.web.test.ecs": "test/web/app",
        "job.ecs": "test/job-family/job",
    }
    [prod] = [each for each in listed if each["cluster"] == "prod"]
    assert sorted(prod["tasks"]) == sorted(ids)
    assert (prod["service"], prod["launch"], prod["state"]) == ("web", "FARGATE", "EXEC_OFF")


def test_tasks_are_described_in_hundreds(user: Containers, owner: Any) -> None:
    run(owner, "prod", "app", 230, "service:web")
    [line] = user.says("list", "--kind", "ecs").splitlines()
    assert line.split("\t")[6] == "230"


def test_state_of_a_task_without_exec_is_told(user: Containers, owner: Any) -> None:
    run(owner, "prod", "app", 1, "service:web")
    code, line = user.refuses("start", "app.ecs")
    assert (code, "is EXEC_OFF" in line) == (75, True)


def test_unknown_cluster_is_told(user: Containers, owner: Any) -> None:
    owner.create_cluster(clusterName="prod")
    code, line = user.refuses("exec", "app..web..none.us-west-2.ecs", "--", "true")
    assert (code, "ECS does not know it" in line) == (68, True)
