"""Tasks and their containers: how they are found, which one a name means, and their states."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ...aws.api import Refused
from ...errors import ConfigError
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPING, Query, State
from ..pages import epoch_time
from ..regional.backend import Found
from ..regional.refusals import DENIED
from ..regional.targets import Targets
from .api import SERVICE
from .kind import is_task_id

_MOST = 100  # tasks of one DescribeTasks
_MOST_IDS = 20  # of tasks that are remembered of a service

#: Phases of the states of a task (ECS's "task lifecycle").
_PHASES = {
    **dict.fromkeys(("PROVISIONING", "PENDING", "ACTIVATING"), STARTING),
    **dict.fromkeys(("DEACTIVATING", "STOPPING", "DEPROVISIONING"), STOPPING),
    "RUNNING": RUNNING,
    "STOPPED": GONE,
}
#: States of our own for a task that runs, by those of its agent; the second is without one.
EXEC_OFF = State("EXEC_OFF", "ECS Exec is off for this task", FAILED)
_PENDING = State("EXEC_PENDING", "the agent of ECS Exec does not run yet", STARTING)
_STOPPED = State("EXEC_STOPPED", "the agent of ECS Exec has stopped", FAILED)
_NO_TASK = State("NO_TASK", "no task of it runs", FAILED)

_SERVICE = "service:"  # begins the group of a task that a service has started

Task = dict[str, Any]


class Tasks(Targets):
    """The tasks of a Region."""

    service = SERVICE
    states = (*_PHASES, *(state.status for state in (EXEC_OFF, _PENDING, _STOPPED, _NO_TASK)))

    def listed(self) -> list[Found]:
        """Return the containers of all tasks, each once for all tasks of a service or family.

        A cluster whose tasks the caller may not list is left out, unless there is no other.
        """
        clusters, refusals = self._clusters(), list[Refused]()

        def of_cluster(cluster: str) -> list[Task]:
            try:
                return self._list(cluster)
            except Refused as refused:
                if refused.code not in (*DENIED, "ClusterNotFoundException"):  # it was deleted
                    raise
                refusals.append(refused)
                return []

        grouped: dict[tuple[str, str], list[Task]] = defaultdict(list)
        for cluster, tasks in zip(clusters, self.in_parallel(of_cluster, clusters), strict=True):
            for task in tasks:
                grouped[cluster, _owner(task)[1]].append(task)
        if refusals and len(refusals) == len(clusters):
            raise refusals[0]
        return [
            _found(cluster, owner, name, tasks)
            for (cluster, owner), tasks in grouped.items()
            for name in _names(tasks)
        ]

    def look(self, found: Found, query: Query) -> Found:
        """Return a container as its tasks are now.

        :raises Refused: when there is no such cluster, service, task or container.
        :raises ConfigError: when the id of a task does not say which container.
        """
        cluster, owner, name = found.id.split("/")
        if is_task_id(owner):
            tasks = self._with_id(cluster, owner)
            cluster = _last(tasks[0]["clusterArn"])
        else:
            tasks = self._of_owner(cluster, owner)
        name = _name_in(tasks, name, found.details.get("runtime")) if tasks else name
        return _found(cluster, owner, name, tasks)

    def stop(self, found: Found) -> State:
        cluster, task = found.id.partition("/")[0], found.details.get("task", "TASK")
        raise ConfigError(
            "The connector stops no ECS tasks: a service would start others in their place",
            f"Run `aws ecs stop-task --cluster {cluster} --task {task}"
            f"{_place(self.region, self.cloud.profile)}`",
        )

    @staticmethod
    def advice(found: Found, query: Query) -> str:
        place = _place(found.region, query.profile)
        cluster, owner = found.id.partition("/")[0], found.details.get("owner", found.labels[1])
        if found.state.status != "EXEC_OFF":
            look = f"`aws ecs describe-services --cluster {cluster} --services {owner}{place}`"
            return f"The connector starts no tasks: look at {look}"
        if "service" not in found.details:
            return "Run the task anew, with --enable-execute-command of `aws ecs run-task`"
        return (
            f"Run `aws ecs update-service --cluster {cluster} --service {owner} "
            f"--enable-execute-command --force-new-deployment{place}`"
        )

    def _clusters(self) -> list[str]:
        return [_last(arn) for arn in self.items("list_clusters", "clusterArns")]

    def _of_owner(self, cluster: str, owner: str) -> list[Task]:
        try:
            return self._list(cluster, serviceName=owner)
        except Refused as refused:
            is_family = refused.code == "ServiceNotFoundException"
            tasks = self._list(cluster, family=owner) if is_family else []
            if not tasks:
                raise
            return tasks

    def _with_id(self, cluster: str, id: str) -> list[Task]:
        for each in (cluster,) if cluster else self._clusters():
            if tasks := self._describe(each, [id]):
                return tasks
        raise Refused(404, "TaskNotFound", f"There is no task {id}")

    def _list(self, cluster: str, **members: Any) -> list[Task]:
        arns = list(self.items("list_tasks", "taskArns", cluster=cluster, **members))
        chunks = [arns[start : start + _MOST] for start in range(0, len(arns), _MOST)]
        found = self.in_parallel(lambda chunk: self._describe(cluster, chunk), chunks)
        return [task for tasks in found for task in tasks]

    def _describe(self, cluster: str, tasks: list[str]) -> list[Task]:
        return list(self.ask("describe_tasks", cluster=cluster, tasks=tasks)["tasks"])


def _name_in(tasks: list[Task], name: str, runtime: str | None) -> str:
    """Return the name of a container, in any letters, as some tasks have it.

    :param name: empty for that with a runtime id, or for the only one.
    """
    names = _names(tasks, None if name else runtime)
    if not name and len(names) > 1:
        id = _last(tasks[0]["taskArn"])
        raise ConfigError(
            f"The task {id} has the containers {', '.join(names)}", f"Write {names[0]}.{id}.ecs"
        )
    meant = [each for each in names if each.lower() == (name or each).lower()]
    if not meant:
        raise Refused(404, "ContainerNotFound", f"There are {', '.join(_names(tasks))}")
    return name if name in meant else meant[0]


def _names(tasks: list[Task], runtime: str | None = None) -> list[str]:
    """Return the names of the containers of some tasks, each once."""
    containers = (each for task in tasks for each in task["containers"])
    found = (each["name"] for each in containers if runtime in (None, each["runtimeId"]))
    return list(dict.fromkeys(found))


def _found(cluster: str, owner: str, name: str, tasks: list[Task]) -> Found:
    """Return a container of the task in which commands run.

    That is the first of these: in which they can run, which starts, which runs longest.
    """

    def order(task: Task) -> tuple[bool, bool, str, str]:
        phase = _state(task, name).phase
        started = str(task["startedAt"] or "~")  # numbers of one length, or ISO 8601
        return phase != RUNNING, phase != STARTING, started, task["taskArn"]

    id, labels = f"{cluster}/{owner}/{name}", (name, owner, cluster)
    task = min((each for each in tasks if _container(each, name)), key=order, default=None)
    if task is None:
        return Found(id, labels, state=_NO_TASK)
    kind, owner = _owner(task)
    details = {
        "container": name,
        "cluster": cluster,
        "owner": owner,
        kind: owner,
        "task": _last(task["taskArn"]),
        "tasks": [_last(each["taskArn"]) for each in tasks[:_MOST_IDS]],
        "count": len(tasks),
        "launch": task["launchType"],
        "runtime": _container(task, name)["runtimeId"],
    }
    started = epoch_time(task["startedAt"])
    return Found(id, labels, state=_state(task, name), details=details, started=started)


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


def _owner(task: Task) -> tuple[str, str]:
    """Return "service" and the service of a task, or "family" and that of its definition.

    A family is without the revision.
    """
    group: str = task["group"]
    if group.startswith(_SERVICE):
        return "service", group[len(_SERVICE) :]
    return "family", _last(task["taskDefinitionArn"]).partition(":")[0]


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def _place(region: str, profile: str | None) -> str:
    """Return the options of the AWS CLI for a Region and a profile, after a blank."""
    import shlex

    words = ["--region", region, *(("--profile", profile) if profile else ())]
    return f" {shlex.join(words)}"
