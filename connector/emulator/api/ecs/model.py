"""Clusters and tasks as data, without the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..account import Account
from ..room import Lifecycle

#: States of a task (``lastStatus``) that this room knows.
PENDING, RUNNING, STOPPED = "PENDING", "RUNNING", "STOPPED"


@dataclass
class Container:
    """A container of a task.

    :ivar path: the ``PATH`` of its image on this machine; empty means that of the machine itself.
    :ivar agent: the state of its ExecuteCommandAgent; ``agent_reason`` why it is so.
    """

    name: str
    runtime_id: str
    agent: Lifecycle
    path: str = ""
    agent_reason: str = ""


@dataclass
class Task:
    """A task.

    :ivar service: the name of the service that has started it; empty for a task of its own.
    :ivar family: of its task definition.
    :ivar exec_enabled: ``enableExecuteCommand``.
    """

    id: str
    region: str
    cluster: str
    service: str
    family: str
    containers: list[Container]
    started: float
    exec_enabled: bool = True
    status: str = RUNNING
    launch_type: str = "FARGATE"

    @property
    def group(self) -> str:
        """What has started the task, as the service names it."""
        return f"service:{self.service}" if self.service else f"family:{self.family}"

    def container(self, name: str) -> Container | None:
        """Return the container of this name; for an empty one the only container."""
        if not name and len(self.containers) == 1:
            return self.containers[0]
        return next((each for each in self.containers if each.name == name), None)

    def target(self, container: Container) -> str:
        """Return the container as a target of ssm:StartSession."""
        return f"ecs:{self.cluster}_{self.id}_{container.runtime_id}"


@dataclass
class Clusters:
    """All tasks of the account.

    :ivar names: of the clusters of each Region; one may be empty.
    :ivar services: names of the services in each cluster, by Region and cluster.
    """

    account: Account
    tasks: list[Task] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    services: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add_task(
        self,
        region: str,
        cluster: str,
        service: str,
        containers: Mapping[str, str],
        *,
        family: str = "",
        exec_enabled: bool = True,
        agent_seconds: float = 0.0,
    ) -> Task:
        """Add a task that runs, with its cluster and service.

        :param service: empty for a task of its own, of the ``family``.
        :param containers: names, and the ``PATH`` of each image.
        :param agent_seconds: until the agents of ECS Exec run.
        """
        random, now = self.account.sessions.random_bytes, self.account.now
        id = random(16).hex()

        def container(name: str, path: str) -> Container:
            agent = Lifecycle(now, RUNNING)
            if agent_seconds:
                agent.move(PENDING, RUNNING, seconds=agent_seconds)
            number = int.from_bytes(random(4), "big")
            return Container(name, f"{id}-{number}", agent, path)

        made = [container(*each) for each in containers.items()]
        task = Task(id, region, cluster, service, family or service, made, now(), exec_enabled)
        self.add_cluster(region, cluster)
        known = self.services.setdefault((region, cluster), [])
        if service and service not in known:
            known.append(service)
        self.tasks.append(task)
        return task

    def add_cluster(self, region: str, name: str) -> None:
        """Add a cluster, if it is not there."""
        names = self.names.setdefault(region, [])
        if name not in names:
            names.append(name)

    def within(self, region: str, cluster: str) -> list[Task]:
        """Return the tasks of a cluster."""
        return [each for each in self.tasks if (each.region, each.cluster) == (region, cluster)]

    def find(self, fits: Callable[[Task, Container], bool]) -> tuple[Task, Container] | None:
        """Return the first container that fits."""
        found = ((task, each) for task in self.tasks for each in task.containers)
        return next((pair for pair in found if fits(*pair)), None)
