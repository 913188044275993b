"""ECS as an emulator starts with it: one cluster, and a service for each group of targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...access import Names, SshDefaults
from ..account import HOME_REGION
from ..rest import Endpoint
from ..room import PlannedMachine, Room
from ..world import PlannedTarget, Services
from .model import PENDING, RUNNING, STOPPED, Clusters, Container, Task
from .service import EcsService

CLUSTER = "prod"

#: States of a target besides those of its task: ECS Exec is off, or its agent does not run.
EXEC_OFF, EXEC_PENDING, EXEC_STOPPED = "EXEC_OFF", "EXEC_PENDING", "EXEC_STOPPED"


class EcsWorld(Room):
    """A ``World``: each target is the container of a task.

    :ivar clusters: the state, which tests may change on the emulator's event loop.
    """

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        super().__init__(services.account)
        self.clusters = Clusters(services.account)
        self._tasks: dict[str, Task] = {}
        self._service = EcsService(self.clusters)
        for target in targets:
            self.add(target)
        self.account.add_machines(self)

    @property
    def ssh(self) -> SshDefaults:
        return SshDefaults(("*.ecs",), "root")

    @property
    def targets(self) -> list[Names]:
        return [_names(alias, task) for alias, task in self._tasks.items()]

    def add(self, target: PlannedTarget) -> Names:
        """Add a task with one container of the target's name, in the service of its group.

        A target that does not run yet has an agent that needs ``start_seconds``.
        """
        seconds = 0.0 if target.running else max(target.start_seconds, 0.001)
        service = target.group.replace(".", "-")
        task = self.clusters.add_task(
            HOME_REGION, CLUSTER, service, {target.alias: ""}, agent_seconds=seconds
        )
        self._tasks[target.alias] = task
        return _names(target.alias, task)

    def endpoints(self) -> list[Endpoint]:
        return self._service.endpoints()

    def state(self, alias: str) -> str:
        task = self._tasks[alias]
        if task.status != RUNNING:
            return task.status
        if not task.exec_enabled:
            return EXEC_OFF
        agent = task.containers[0].agent.state
        return RUNNING if agent == RUNNING else f"EXEC_{agent}"

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        task = self._tasks[alias]
        if state not in (RUNNING, PENDING, STOPPED, EXEC_OFF, EXEC_PENDING, EXEC_STOPPED):
            raise ValueError(state)
        task.status = state if state in (PENDING, STOPPED) else RUNNING
        task.exec_enabled = state != EXEC_OFF
        for container in task.containers:
            container.agent.set(
                state.removeprefix("EXEC_") if state in (EXEC_PENDING, EXEC_STOPPED) else RUNNING
            )
            container.agent_reason = reason or ""
            if state != RUNNING:
                self.account.end_sessions(task.target(container), f"The task is {state}")

    # As the machines of ssm:StartSession.

    def find(self, target: str, region: str) -> PlannedMachine | None:
        """Return the machine of an ``ecs:`` target."""
        found = self.clusters.find(
            lambda task, each: (task.target(each), task.region) == (target, region)
        )
        return self._machine(*found) if found else None

    def list(self, region: str) -> Iterator[PlannedMachine]:
        """Return all machines of a Region."""
        for task in self.clusters.tasks:
            if task.region == region:
                for container in task.containers:
                    yield self._machine(task, container)

    def _machine(self, task: Task, container: Container) -> PlannedMachine:
        def is_connected() -> bool:
            running = (task.status, container.agent.state) == (RUNNING, RUNNING)
            return running and task.exec_enabled

        arn = self.account.arn("ecs", task.region, f"task/{task.cluster}/{task.id}")
        return PlannedMachine(task.target(container), arn, is_connected)


def _names(alias: str, task: Task) -> Names:
    name = f"{alias}.{task.service}.{task.cluster}.ecs"
    members = {"cluster": task.cluster, "service": task.service, "task": task.id}
    return Names(alias, f"{alias}.ecs", name, members)
