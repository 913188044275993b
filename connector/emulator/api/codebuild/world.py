"""CodeBuild as an emulator starts with it: projects, most with a sandbox that runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...access import Names, SshDefaults
from ..account import HOME_REGION
from ..rest import Endpoint
from ..room import PlannedMachine, Room
from ..world import PlannedTarget, Services
from .model import RUNNING, CodeBuildModel, Project, Sandbox
from .service import CodeBuildService


class CodeBuildWorld(Room):
    """A ``World``. A planned target is a project; if it runs, it has a sandbox.

    :ivar model: the state, which tests may change on the emulator's event loop.
    """

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        super().__init__(services.account)
        self.model = CodeBuildModel(services.account)
        self._projects: dict[str, Project] = {}
        for target in targets:
            self.add(target)
        self.account.add_machines(self)

    @property
    def ssh(self) -> SshDefaults:
        return SshDefaults(("*.codebuild", "codebuild-sandbox-ssh*"), "root")

    @property
    def targets(self) -> list[Names]:
        return [self._names(project) for project in self._projects.values()]

    def add(self, target: PlannedTarget) -> Names:
        project = Project(HOME_REGION, target.alias, start_seconds=target.start_seconds)
        self._projects[target.alias] = self.model.add_project(project)
        if target.running:
            sandbox = self.model.start(project.region, project.name)
            sandbox.life.set(RUNNING)
        return self._names(project)

    def endpoints(self) -> list[Endpoint]:
        return CodeBuildService(self.account, self.model).endpoints()

    def state(self, alias: str) -> str:
        sandbox = self.sandbox(alias)
        return "STOPPED" if sandbox is None else sandbox.state

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        sandbox = self.sandbox(alias)
        if sandbox is None:
            project = self._projects[alias]
            sandbox = self.model.start(project.region, project.name)
        self.model.force(sandbox, state, reason or "")

    def sandbox(self, alias: str) -> Sandbox | None:
        """Return the newest sandbox of a project, or None.

        :raises KeyError: if there is no such project.
        """
        project = self._projects[alias]
        sandboxes = self.model.sandboxes(project.region, project.name)
        return sandboxes[-1] if sandboxes else None

    def find(self, target: str, region: str) -> PlannedMachine | None:
        """Return the sandbox of a ``codebuild:<uuid>``, for ssm:StartSession."""
        found = (each for each in self.model.sandboxes(region) if each.target == target)
        return next(map(self._machine, found), None)

    def list(self, region: str) -> Iterator[PlannedMachine]:
        """Yield the sandboxes of a Region as machines."""
        yield from map(self._machine, self.model.sandboxes(region))

    def _machine(self, sandbox: Sandbox) -> PlannedMachine:
        arn = self.account.arn("codebuild", sandbox.project.region, f"build/{sandbox.id}")
        return PlannedMachine(sandbox.arn, arn, lambda: sandbox.is_connected)

    def _names(self, project: Project) -> Names:
        sandbox = self.sandbox(project.name)
        name = f"{project.name}.codebuild"
        host = name if sandbox is None else f"codebuild-sandbox-ssh={sandbox.arn}"
        members = {"project": project.name, "sandboxArn": "" if sandbox is None else sandbox.arn}
        return Names(project.name, name, host, members)
