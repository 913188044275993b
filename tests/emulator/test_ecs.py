"""ECS's operations, called by botocore's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connector.emulator.agent.plugins import ContainerCommand
from connector.emulator.api.account import Account
from connector.emulator.api.ecs.model import PENDING, RUNNING, STOPPED, Clusters, Task
from connector.emulator.api.ecs.service import EcsService
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Form, Sessions

from .calls import call, code_of, refused, status_of
from .contract import check_input
from .signing import REGION, Signed, open_signed

CONTAINERS = {"app": "", "proxy": "/image"}


class Ecs:
    """The services with one task of a service, and the client."""

    def __init__(self, signed: Signed, clusters: Clusters) -> None:
        self.signed = signed
        self.clusters = clusters
        self.task = self.add()
        self.client = signed.client("ecs")

    def add(self, service: str = "web", **settings: Any) -> Task:
        return self.clusters.add_task(REGION, "prod", service, CONTAINERS, **settings)

    async def execute(self, **members: Any) -> Any:
        return await call(self.client.execute_command, **self.members(**members))

    async def refused(self, **members: Any) -> str:
        error = await refused(self.client.execute_command, **self.members(**members))
        assert status_of(error) == 400
        return f"{code_of(error)}: {error.response['Error']['Message']}"

    def members(self, **members: Any) -> dict[str, Any]:
        whole = {
            "cluster": "prod",
            "task": self.task.id,
            "container": "app",
            "command": "sh",
            "interactive": True,
        }
        return {name: value for name, value in {**whole, **members}.items() if value is not None}


@pytest.fixture
async def ecs(boto: Any, certificates: Certificates) -> AsyncIterator[Ecs]:
    made: list[Clusters] = []

    def endpoints(account: Account) -> Any:
        made.append(Clusters(account))
        return EcsService(made[0]).endpoints()

    async with open_signed(boto, certificates, endpoints) as signed:
        yield Ecs(signed, made[0])


def test_operations_match_botocores_model(boto: Any) -> None:
    model = boto.client("ecs", region_name=REGION).meta.service_model
    clusters = Clusters(Account(Sessions(), lambda session: ""))
    for endpoint in EcsService(clusters).endpoints():
        operation = endpoint.operation
        theirs = model.operation_model(operation.name)
        assert operation.target == f"{model.metadata['targetPrefix']}.{operation.name}"
        check_input(operation.input, theirs.input_shape, operation.name, exact=False)


async def test_lists_come_in_pages(ecs: Ecs) -> None:
    for number in range(150):
        ecs.clusters.add_cluster(REGION, f"c{number}")
        ecs.add(f"s{number}")

    def ask(operation: str, member: str, **members: Any) -> tuple[int, int]:
        pages = list(ecs.client.get_paginator(operation).paginate(**members))
        return len(pages), sum(len(page[member]) for page in pages)

    assert await call(ask, "list_clusters", "clusterArns") == (2, 151)
    assert await call(ask, "list_services", "serviceArns", cluster="prod") == (16, 151)
    assert await call(ask, "list_tasks", "taskArns", cluster="prod") == (2, 151)


async def test_tasks_are_found_by_service_family_and_status(ecs: Ecs) -> None:
    stopped, own = ecs.add(), ecs.add("", family="job")
    stopped.status = STOPPED

    async def ids(**members: Any) -> list[str]:
        answer = await call(ecs.client.list_tasks, cluster="prod", **members)
        return [arn.rpartition("/")[2] for arn in answer["taskArns"]]

    assert await ids(serviceName="web") == [ecs.task.id]
    assert await ids(serviceName="web", desiredStatus="STOPPED") == [stopped.id]
    assert await ids(family="job") == [own.id]
    assert await ids() == [ecs.task.id, own.id]
    assert await ids(desiredStatus="PENDING") == []  # ECS never desires it
    error = await refused(ecs.client.list_tasks, cluster="prod", serviceName="none")
    assert code_of(error) == "ServiceNotFoundException"
    error = await refused(ecs.client.list_tasks, cluster="none")
    assert code_of(error) == "ClusterNotFoundException"


async def test_tasks_are_described_with_their_agents(ecs: Ecs) -> None:
    off = ecs.add(exec_enabled=False)
    ids = [ecs.task.id, off.id, "0" * 32]
    answer = await call(ecs.client.describe_tasks, cluster="prod", tasks=ids)
    first, second = answer["tasks"]
    assert (first["group"], first["lastStatus"]) == ("service:web", "RUNNING")
    assert [each["name"] for each in first["containers"]] == ["app", "proxy"]
    [agent] = first["containers"][0]["managedAgents"]
    assert (agent["name"], agent["lastStatus"]) == ("ExecuteCommandAgent", "RUNNING")
    assert (second["enableExecuteCommand"], second["containers"][0]["managedAgents"]) == (False, [])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


async def test_one_to_100_tasks_are_described_at_once(ecs: Ecs) -> None:
    for tasks in ([], ["0" * 32] * 101):
        error = await refused(ecs.client.describe_tasks, cluster="prod", tasks=tasks)
        assert code_of(error) == "InvalidParameterException"


async def test_command_gets_a_session_in_its_container(ecs: Ecs) -> None:
    answer = await ecs.execute(container="proxy", command="sh -c 'a  b'")
    session = ecs.signed.account.sessions.find(answer["session"]["sessionId"])
    assert session is not None
    assert (session.form, session.command) == (Form.CONTAINER_LINE, ("sh -c 'a  b'",))
    assert (session.token_value, session.path) == (answer["session"]["tokenValue"], "/image")
    assert session.id.startswith("ecs-execute-command-")
    assert session.machine_id == ecs.task.target(ecs.task.containers[1])
    assert (answer["containerName"], answer["interactive"]) == ("proxy", True)


async def test_commands_are_refused_as_the_service_does(ecs: Ecs) -> None:
    off, pending = ecs.add(exec_enabled=False), ecs.add(agent_seconds=60.0)
    gone, starts = ecs.add(), ecs.add()
    gone.status, starts.status = STOPPED, PENDING
    for task in (off, pending):
        assert "isn\u2019t running. Wait and try again" in await ecs.refused(task=task.id)
    for task in (gone, starts):
        assert "isn't running" in await ecs.refused(task=task.id)
    assert "not found" in await ecs.refused(task="0" * 32)
    assert "[32,36]" in await ecs.refused(task="0" * 31)
    assert "none was not found" in await ecs.refused(container="none")
    assert "name is needed" in await ecs.refused(container=None)
    assert "blank" in await ecs.refused(command=" ")
    assert "Interactive is the only mode" in await ecs.refused(interactive=False)
    assert await ecs.refused(cluster="none") == "ClusterNotFoundException: Cluster not found."
    ecs.signed.shift = 61.0
    assert (await ecs.execute(task=pending.id))["containerName"] == "app"


async def test_arns_are_of_one_region_account_and_cluster(ecs: Ecs) -> None:
    arn = ecs.signed.account.arn("ecs", REGION, f"task/prod/{ecs.task.id}")
    cluster = ecs.signed.account.arn("ecs", REGION, "cluster/prod")
    assert (await ecs.execute(task=arn, cluster=cluster))["taskArn"] == arn
    for wrong in (
        {"task": arn.replace(REGION, "eu-west-1")},
        {"task": arn.replace("111122223333", "222233334444")},
        {"task": arn.replace("/prod/", "/test/")},
        {"cluster": cluster.replace(REGION, "eu-west-1")},
    ):
        assert "another Region" in await ecs.refused(**wrong)


async def test_command_needs_the_permission_for_the_cluster(ecs: Ecs) -> None:
    ecs.signed.account.deny("ecs:ExecuteCommand", "*:cluster/prod")
    assert "on resource: arn:aws:ecs:us-east-1:111122223333:cluster/prod" in await ecs.refused()


async def test_permissions_are_those_of_the_task(ecs: Ecs) -> None:
    arn = ecs.signed.account.arn("ecs", REGION, f"task/prod/{ecs.task.id}")
    ecs.signed.account.deny("ecs:ExecuteCommand", arn)
    assert f"not authorized to perform: ecs:ExecuteCommand on resource: {arn}" in (
        await ecs.refused()
    )
    assert (await ecs.execute(task=ecs.add().id))["containerName"] == "app"


def test_agent_of_a_container_splits_a_line_without_a_shell() -> None:
    line = """sh -c 'a  "b"' "c'd" e\\ f '' $HOME *"""
    assert ContainerCommand(line).arguments == [
        *("sh", "-c", 'a  "b"', "c'd", "e f", "", "$HOME", "*")
    ]
    with pytest.raises(OSError, match="EOF found when expecting closing quote"):
        assert ContainerCommand("sh 'a").arguments


def test_state_of_a_task_is_its_agents_too() -> None:
    clusters = Clusters(Account(Sessions(), lambda session: ""))
    task = clusters.add_task(REGION, "prod", "web", {"app": ""})
    assert task.container("") is task.container("app") is task.containers[0]
    assert (task.status, task.containers[0].agent.state) == (RUNNING, RUNNING)
