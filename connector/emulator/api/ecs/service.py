"""The operations that list tasks, and ExecuteCommand.

Source of names and shapes: botocore's model ``ecs/2014-11-13``. The sentences of refusals are
those that users quote in reports about ECS Exec; a sentence that no report has is a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...sessions import Form
from ..errors import ApiError
from ..protocols.protocol import Answer, Instant
from ..rest import Endpoint
from ..shapes import Flag, ListOf, Shape, Structure, Text, Whole
from ..signed import JSON, Call, SignedApi
from .model import RUNNING, STOPPED, Clusters, Container, Task

TARGET = "AmazonEC2ContainerServiceV20141113"

#: Items on a page, and tasks that one DescribeTasks describes, at most.
MOST = 100

#: Services on a page by default.
SERVICES = 10

_PAGE: Mapping[str, Shape] = {"nextToken": Text(), "maxResults": Whole(1, MOST)}
_LAUNCH_TYPE = Text(enum=("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"))

LIST_CLUSTERS = Structure(_PAGE)
LIST_SERVICES = Structure({"cluster": Text(), **_PAGE, "launchType": _LAUNCH_TYPE})
LIST_TASKS = Structure(
    {
        "cluster": Text(),
        **_PAGE,
        "family": Text(),
        "serviceName": Text(),
        "desiredStatus": Text(enum=("RUNNING", "PENDING", "STOPPED")),
        "launchType": _LAUNCH_TYPE,
    }
)
DESCRIBE_TASKS = Structure(
    {"cluster": Text(), "tasks": ListOf(Text()), "include": ListOf(Text(enum=("TAGS",)))},
    ("tasks",),
)
EXECUTE_COMMAND = Structure(
    {
        "cluster": Text(),
        "container": Text(),
        "command": Text(),
        "interactive": Flag(),
        "task": Text(),
    },
    ("command", "interactive", "task"),
)

#: What the service says of a task without ECS Exec, and of one whose agent does not run yet.
NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or "
    "the execute command agent isn\u2019t running. Wait and try again or run a new task with "
    "execute command enabled and try again."
)

#: The document of the sessions, as ssm:DescribeSessions shows it.
_DOCUMENT = "AmazonECS-ExecuteInteractiveCommand"


class EcsService:
    """The operations, as endpoints for a ``RestServer``."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        dialect = replace(JSON, invalid="InvalidParameterException")
        api = SignedApi(self._clusters.account, "ecs", TARGET, dialect=dialect)
        return [
            api.endpoint("ListClusters", LIST_CLUSTERS, self._list_clusters),
            api.endpoint("ListServices", LIST_SERVICES, self._list_services),
            api.endpoint("ListTasks", LIST_TASKS, self._list_tasks),
            api.endpoint("DescribeTasks", DESCRIBE_TASKS, self._describe, resources=_task_arns),
            api.endpoint("ExecuteCommand", EXECUTE_COMMAND, self._execute, resources=_executed),
        ]

    def _list_clusters(self, call: Call) -> Answer:
        names = self._clusters.names.get(call.region, [])
        return call.page("clusterArns", [call.arn(f"cluster/{name}") for name in names], MOST)

    def _list_services(self, call: Call) -> Answer:
        cluster = self._cluster(call)
        names = self._clusters.services.get((call.region, cluster), [])
        arns = [call.arn(f"service/{cluster}/{name}") for name in names]
        return call.page("serviceArns", arns, SERVICES)

    def _list_tasks(self, call: Call) -> Answer:
        cluster = self._cluster(call)
        service = _name(call, call.get("serviceName", ""), f"service/{cluster}/")
        if service and service not in self._clusters.services.get((call.region, cluster), []):
            raise ApiError("Service not found.", "ServiceNotFoundException")
        wanted = call.get("desiredStatus", RUNNING)
        arns = [
            _arn(call, task)
            for task in self._clusters.within(call.region, cluster)
            if service in ("", task.service)
            and call.get("family", task.family) == task.family
            and call.get("launchType", task.launch_type) == task.launch_type
            and wanted == _desired(task)
        ]
        return call.page("taskArns", arns, MOST)

    def _describe(self, call: Call) -> Answer:
        cluster = self._cluster(call)
        wanted = [_name(call, each, f"task/{cluster}/") for each in call["tasks"]]
        if not wanted:
            raise _invalid("Tasks cannot be empty.")
        if len(wanted) > MOST:
            raise _invalid("Tasks cannot have more than 100 elements.")
        known = {task.id: task for task in self._clusters.within(call.region, cluster)}
        missing = [
            {"arn": call.arn(f"task/{cluster}/{id}"), "reason": "MISSING"}
            for id in wanted
            if id not in known
        ]
        tasks = [_task(call, known[id]) for id in wanted if id in known]
        return {"tasks": tasks, "failures": missing}

    def _execute(self, call: Call) -> Answer:
        task, container = self._target(call)
        if not call["interactive"]:
            raise _invalid("Interactive is the only mode supported currently.")
        if not call["command"].strip():
            raise _invalid("Command cannot be blank.")
        if not task.exec_enabled or container.agent.state != RUNNING:
            raise _invalid(NOT_ENABLED)
        session = call.open_session(
            task.target(container),
            task.target(container),
            Form.CONTAINER_LINE,
            (call["command"],),
            document=_DOCUMENT,
            name="ecs-execute-command",
        )
        session.path = container.path
        return {
            "clusterArn": call.arn(f"cluster/{task.cluster}"),
            "containerArn": _container_arn(call, task, container),
            "containerName": container.name,
            "interactive": True,
            "session": call.lower_access(session),
            "taskArn": _arn(call, task),
        }

    def _target(self, call: Call) -> tuple[Task, Container]:
        cluster = self._cluster(call)
        id = _name(call, call["task"], f"task/{cluster}/")
        if len(id) not in (32, 36):
            raise _invalid("task length should be one of [32,36]")
        within = self._clusters.within(call.region, cluster)
        task = next((each for each in within if each.id == id), None)
        if task is None:
            raise _invalid("The referenced task was not found.")
        if task.status != RUNNING:
            raise _invalid("The specified target isn't running.")
        name = call.get("container", "")
        container = task.container(name)
        if container is None:
            why = f"Container {name} was not found" if name else "A container name is needed"
            raise _invalid(f"{why} for the task {id}.")
        return task, container

    def _cluster(self, call: Call) -> str:
        name = _name(call, call.get("cluster") or "default", "cluster/")
        if name not in self._clusters.names.get(call.region, []):
            raise ApiError("Cluster not found.", "ClusterNotFoundException")
        return name


def _executed(call: Call) -> list[str]:
    """Return the ARNs that ecs:ExecuteCommand needs: the task's, and the cluster's."""
    cluster = (call.get("cluster") or "default").rpartition("/")[2]
    return [*_task_arns(call), call.arn(f"cluster/{cluster}")]


def _task_arns(call: Call) -> list[str]:
    cluster = (call.get("cluster") or "default").rpartition("/")[2]
    tasks = call.get("tasks") or [call.get("task", "")]
    return [call.arn(f"task/{cluster}/{each.rpartition('/')[2]}") for each in tasks]


def _name(call: Call, text: str, resource: str) -> str:
    """Return the name in an ARN, or the name itself.

    :raises ApiError: for an ARN of another place. A choice: AWS's words are not known.
    """
    name = call.name_of(text, resource)
    if name is None:
        raise _invalid("The identifier is of another Region, account or cluster.")
    return name


def _desired(task: Task) -> str:
    """Return the desired status of a task. ECS never desires PENDING."""
    return STOPPED if task.status == STOPPED else RUNNING


def _arn(call: Call, task: Task) -> str:
    return call.arn(f"task/{task.cluster}/{task.id}")


def _container_arn(call: Call, task: Task, container: Container) -> str:
    return call.arn(f"container/{task.cluster}/{task.id}/{container.runtime_id}")


def _task(call: Call, task: Task) -> dict[str, Any]:
    return {
        "taskArn": _arn(call, task),
        "clusterArn": call.arn(f"cluster/{task.cluster}"),
        "taskDefinitionArn": call.arn(f"task-definition/{task.family}:1"),
        "group": task.group,
        "launchType": task.launch_type,
        "lastStatus": task.status,
        "desiredStatus": _desired(task),
        "enableExecuteCommand": task.exec_enabled,
        "startedAt": Instant(task.started),
        "containers": [_container(call, task, each) for each in task.containers],
    }


def _container(call: Call, task: Task, container: Container) -> dict[str, Any]:
    agent = {"name": "ExecuteCommandAgent", "lastStatus": container.agent.state}
    if container.agent_reason:
        agent["reason"] = container.agent_reason
    return {
        "containerArn": _container_arn(call, task, container),
        "taskArn": _arn(call, task),
        "name": container.name,
        "image": f"{container.name}:latest",
        "runtimeId": container.runtime_id,
        "lastStatus": task.status,
        "managedAgents": [agent] if task.exec_enabled else [],
    }


def _invalid(message: str) -> ApiError:
    return ApiError(message, "InvalidParameterException")
