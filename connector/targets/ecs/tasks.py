"""Tasks and their containers: how they are found, which one a name means, and their states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ...aws.api import CallFailed, Refused
from ...aws.cloud import Cloud
from ...errors import NETWORK_HINT, ConfigError, ConnectFailed
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPING, State
from ..parallel import for_all
from ..regional.backend import Found
from ..regional.pages import ask, epoch_time, items_of
from ..regional.refusals import DENIED
from .api import API
from .kind import is_task_id

_MOST = 100  # tasks of one DescribeTasks
_MOST_IDS = 20  # of tasks that are remembered of a service

#: Phases of the states of a task (ECS's "task lifecycle"); of all others the task is gone.
_PHASES = {
    **dict.fromkeys(("PROVISIONING", "PENDING", "ACTIVATING"), STARTING),
    **dict.fromkeys(("DEACTIVATING", "STOPPING", "DEPROVISIONING"), STOPPING),
}
#: States of our own for a task that runs, by those of its agent; the second is without one.
EXEC_OFF = State("EXEC_OFF", "ECS Exec is off for this task", FAILED)
_PENDING = State("EXEC_PENDING", "the agent of ECS Exec does not run yet", STARTING)
_STOPPED = State("EXEC_STOPPED", "the agent of ECS Exec has stopped", FAILED)
_NO_TASK = State("NO_TASK", "no task of it runs", FAILED)

_SERVICE = "service:"  # begins the group of a task that a service has started

Task = dict[str, Any]


class Tasks:
    """The tasks of a Region.

    :param deadline: of all calls, on the clock of ``time.monotonic``.
    """

    def __init__(self, cloud: Cloud, region: str, deadline: float) -> None:
        self._api = cloud.api(API, region)
        self._deadline = deadline

    def containers(self) -> list[Found]:
        """Return the containers of all tasks, each once for all tasks of a service or family.

        A cluster whose tasks the caller may not list is left out, unless there is no other.
        """
        clusters = self._clusters()
        answers = for_all(self._of_cluster, clusters, self._deadline)
        refusals = [each for each in answers if isinstance(each, Refused)]
        if refusals and len(refusals) == len(answers):
            raise refusals[0]
        grouped: dict[tuple[str, str], list[Task]] = defaultdict(list)
        for cluster, tasks in zip(clusters, answers, strict=True):
            for task in tasks if isinstance(tasks, list) else ():
                grouped[cluster, _owner(task)].append(task)
        return [
            _found(cluster, owner, name, tasks)
            for (cluster, owner), tasks in grouped.items()
            for name in _names(tasks)
        ]

    def container(self, found: Found) -> Found:
        """Return a container as its tasks are now.

        :raises Refused: when there is no such cluster, service, task or container.
        :raises CallFailed: when ECS does not describe all tasks by the deadline.
        :raises ConfigError: when the id of a task does not say which container.
        """
        try:
            return self._container(found)
        except TimeoutError:
            error = ConnectFailed("ECS did not describe the tasks in time", NETWORK_HINT)
            raise CallFailed(error) from None

    def _container(self, found: Found) -> Found:
        cluster, owner, name = found.id.split("/")
        if is_task_id(owner):
            tasks = self._with_id(cluster, owner)
            cluster = _last(tasks[0]["clusterArn"])
            name = name or _only_name(tasks[0], found.details.get("runtime"))
        else:
            tasks = self._of_owner(cluster, owner)
        names = _names(tasks)
        if tasks and name not in names:
            name = next((each for each in names if each.lower() == name.lower()), "")
            if not name:
                raise Refused(404, "ContainerNotFound", f"There are {', '.join(names)}")
        return _found(cluster, owner, name, tasks)

    def _clusters(self) -> list[str]:
        arns = items_of(
            self._api, "list_clusters", "clusterArns", self._deadline, token="nextToken"
        )
        return [_last(arn) for arn in arns]

    def _of_cluster(self, cluster: str) -> list[Task] | Refused:
        try:
            return self._list(cluster)
        except Refused as refused:
            if refused.code not in (*DENIED, "ClusterNotFoundException"):  # it was deleted
                raise
            return refused

    def _of_owner(self, cluster: str, owner: str) -> list[Task]:
        try:
            return self._list(cluster, serviceName=owner)
        except Refused as refused:
            tasks = []
            if refused.code == "ServiceNotFoundException":
                tasks = self._list(cluster, family=owner)
            if not tasks:
                raise
            return tasks

    def _with_id(self, cluster: str, id: str) -> list[Task]:
        for each in (cluster,) if cluster else self._clusters():
            tasks = self._describe(each, [id])
            if tasks:
                return tasks
        raise Refused(404, "TaskNotFound", f"There is no task {id}")

    def _list(self, cluster: str, **members: Any) -> list[Task]:
        arns = list(
            items_of(
                *(self._api, "list_tasks", "taskArns", self._deadline),
                token="nextToken",
                cluster=cluster,
                **members,
            )
        )
        chunks = [arns[start : start + _MOST] for start in range(0, len(arns), _MOST)]
        found = for_all(lambda chunk: self._describe(cluster, chunk), chunks, self._deadline)
        return [task for tasks in found for task in tasks]

    def _describe(self, cluster: str, tasks: list[str]) -> list[Task]:
        answer = ask(self._api, "describe_tasks", self._deadline, cluster=cluster, tasks=tasks)
        found: list[Task] = answer["tasks"]
        return found


def _only_name(task: Task, runtime: str | None) -> str:
    """Return the name of a task's only container, or of that with a runtime id."""
    containers = task["containers"]
    names = [each["name"] for each in containers if runtime in (None, each["runtimeId"])]
    if len(names) > 1:
        id = _last(task["taskArn"])
        raise ConfigError(
            f"The task {id} has the containers {', '.join(names)}", f"Write {names[0]}.{id}.ecs"
        )
    return names[0] if names else ""


def _names(tasks: Iterable[Task]) -> list[str]:
    """Return the names of the containers of some tasks, each once."""
    return list(dict.fromkeys(each["name"] for task in tasks for each in task["containers"]))


def _found(cluster: str, owner: str, name: str, tasks: list[Task]) -> Found:
    """Return a container of the task in which commands run.

    That is the first of these: in which they can run, which starts, which runs longest.
    """

    def order(task: Task) -> tuple[bool, bool, str, str]:
        phase = _state(task, name).phase
        started = str(task["startedAt"] or "~")  # numbers of one length, or ISO 8601
        return phase != RUNNING, phase != STARTING, started, task["taskArn"]

    labels = (name, owner, cluster)
    task = min((each for each in tasks if _container(each, name)), key=order, default=None)
    if task is None:
        return Found("/".join(reversed(labels)), labels, state=_NO_TASK)
    details = {
        "task": _last(task["taskArn"]),
        "runtime": _container(task, name)["runtimeId"],
        "tasks": [_last(each["taskArn"]) for each in tasks[:_MOST_IDS]],
        "count": len(tasks),
        "launch": task["launchType"],
        "owner": _owner(task),
        "kind": "service" if task["group"].startswith(_SERVICE) else "family",
    }
    return Found(
        "/".join(reversed(labels)),
        labels,
        state=_state(task, name),
        details=details,
        started=epoch_time(task["startedAt"]),
    )


def _state(task: Task, name: str) -> State:
    """Return the state of a container, as far as commands can run in it."""
    status = task["lastStatus"]
    if status != "RUNNING":
        return State(status, task["stoppedReason"], _PHASES.get(status, GONE))
    if not task["enableExecuteCommand"]:
        return EXEC_OFF
    for agent in _container(task, name)["managedAgents"]:
        if agent["lastStatus"] == "RUNNING":
            return State("RUNNING", "", RUNNING)
        state = _STOPPED if agent["lastStatus"] == "STOPPED" else _PENDING
        return state._replace(reason=agent["reason"] or state.reason)
    return _PENDING


def _container(task: Task, name: str) -> dict[str, Any]:
    return next((each for each in task["containers"] if each["name"] == name), {})


def _owner(task: Task) -> str:
    """Return the service of a task, or the family of its definition without the revision."""
    group: str = task["group"]
    if group.startswith(_SERVICE):
        return group[len(_SERVICE) :]
    return _last(task["taskDefinitionArn"]).partition(":")[0]


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
