"""The task that the name of a service means, and the states of containers."""

from __future__ import annotations

from typing import Any

import pytest

from connector.targets.ecs.tasks import _found
from connector.targets.model import FAILED, GONE, RUNNING, STARTING, STOPPING

WITHOUT_AGENT = {"name": "app", "runtimeId": "", "managedAgents": []}


def task(id: str, started: object = 1.0, **members: Any) -> dict[str, Any]:
    """Return a task that DescribeTasks has told, checked by :mod:`connector.targets.ecs.api`."""
    agent = {"lastStatus": members.pop("agent", "RUNNING"), "reason": members.pop("why", "")}
    container = {"name": "app", "runtimeId": f"{id}-1", "managedAgents": [agent]}
    return {
        "taskArn": f"arn:aws:ecs:r:1:task/prod/{id}",
        "clusterArn": "arn:aws:ecs:r:1:cluster/prod",
        "taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/family:7",
        "lastStatus": "RUNNING",
        "group": "service:web",
        "launchType": "FARGATE",
        "stoppedReason": "",
        "enableExecuteCommand": True,
        "startedAt": started,
        "containers": [container],
        **members,
    }


def chosen(*tasks: dict[str, Any]) -> str:
    """Return the task that is chosen, whatever the order in which the service tells them."""
    found = {
        _found("prod", "web", "app", [*tasks[at:], *tasks[:at]]).details.get("task", "")
        for at in range(len(tasks))
    }
    [one] = found
    return str(one)


def test_the_task_that_runs_longest_is_chosen() -> None:
    assert chosen(task("a", 3.5), task("b", 1.5), task("c", 2.5)) == "b"
    assert chosen(task("a", "2026-11-29T10:00:00Z"), task("b", "2026-11-29T09:00:00Z")) == "b"


@pytest.mark.parametrize(
    ("told", "started"), [(1.5, 1.5), ("1970-01-01T00:01:00Z", 60.0), (None, 0.0), ("soon", 0.0)]
)
def test_start_of_a_task_is_told(told: object, started: float) -> None:
    assert _found("prod", "web", "app", [task("a", told)]).started == started


def test_tasks_of_one_moment_are_told_apart_by_their_ids() -> None:
    assert chosen(task("c"), task("a"), task("b")) == "a"


def test_a_task_in_which_commands_run_comes_first() -> None:
    off = task("a", 1.0, enableExecuteCommand=False)
    pending, running = task("b", 2.0, agent="PENDING"), task("c", 3.0)
    assert chosen(off, pending, running) == "c"
    assert chosen(off, pending) == "b"
    assert chosen(off, task("z", None, lastStatus="PENDING")) == "z"


def test_a_container_that_no_task_has_has_no_task() -> None:
    found = _found("prod", "web", "other", [task("a")])
    assert (found.state.status, found.state.phase, found.details) == ("NO_TASK", FAILED, {})


@pytest.mark.parametrize(
    ("members", "status", "phase"),
    [
        ({}, "RUNNING", RUNNING),
        ({"agent": "PENDING"}, "EXEC_PENDING", STARTING),
        ({"agent": "STOPPED"}, "EXEC_STOPPED", FAILED),
        ({"enableExecuteCommand": False}, "EXEC_OFF", FAILED),
        ({"lastStatus": "PROVISIONING"}, "PROVISIONING", STARTING),
        ({"lastStatus": "DEPROVISIONING"}, "DEPROVISIONING", STOPPING),
        ({"lastStatus": "STOPPED"}, "STOPPED", GONE),
        ({"containers": [WITHOUT_AGENT]}, "EXEC_PENDING", STARTING),
    ],
)
def test_state_is_that_of_the_agent_too(members: dict[str, Any], status: str, phase: str) -> None:
    found = _found("prod", "web", "app", [task("a", **members)])
    assert (found.state.status, found.state.phase) == (status, phase)


def test_reason_of_an_agent_is_its_own() -> None:
    found = _found("prod", "web", "app", [task("a", agent="STOPPED", why="no route")])
    assert found.state.reason == "no route"


@pytest.mark.parametrize(
    ("group", "kind", "owner"),
    [
        ("service:web", "service", "web"),
        ("family:job", "family", "family"),
        ("mine", "family", "family"),
    ],
)
def test_owner_is_the_service_or_the_family(group: str, kind: str, owner: str) -> None:
    details = _found("prod", "x", "app", [task("a", group=group)]).details
    assert (details[kind], details["owner"]) == (owner, owner)
