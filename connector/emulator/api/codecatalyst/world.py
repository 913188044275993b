"""CodeCatalyst as an emulator starts with it: one space, its projects, its Dev Environments."""

from __future__ import annotations

from collections.abc import Sequence

from ...access import Names, SshDefaults
from ..rest import Endpoint, Page
from ..world import PlannedTarget, Services
from .model import CodeCatalystModel, DevEnvironment, Project, Repository, Space, Status, User
from .service import CodeCatalystService

SPACE = "ExampleCorp"

#: The user of ssh on a Dev Environment, and its creator here.
USER_NAME = "mde-user"

#: The longest time that a stop takes, in seconds.
STOP_SECONDS_MAX = 2.0


class CodeCatalystWorld:
    """A ``World``: one user's Dev Environments in one space.

    :param targets: at least one. A target's group is its project.
    :ivar model: the state, which tests may change on the emulator's event loop.
    """

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        self.model = CodeCatalystModel(services.sessions)
        self._services = services
        self._owner = self.model.add_user(USER_NAME)
        self.model.add_space(Space(SPACE))
        self._environments: list[DevEnvironment] = []
        for target in targets:
            self.add(target)

    @property
    def user_id(self) -> str:
        return self._owner.id

    @property
    def ssh(self) -> SshDefaults:
        return SshDefaults(("*.codecatalyst", "codecatalyst-dev-env*"), USER_NAME)

    @property
    def targets(self) -> list[Names]:
        return [names_of(environment) for environment in self._environments]

    def users(self) -> list[User]:
        return self.model.users()

    def endpoints(self) -> list[Endpoint]:
        tokens, stream_url = self._services.tokens, self._services.stream_url
        return CodeCatalystService(self.model, tokens, stream_url).endpoints()

    def pages(self) -> list[Page]:
        return []

    def variables(self, endpoint_url: str, token: str) -> dict[str, str]:
        return {
            "AWS_BEARER_TOKEN_CODECATALYST": token,
            "AWS_ENDPOINT_URL_CODECATALYST": endpoint_url,
        }

    def state(self, alias: str) -> str:
        environment = self._find(alias)
        names = (environment.space_name, environment.project_name, environment.id)
        return self.model.environment(*names).status.value

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        self.model.set_status(self._find(alias), Status(state), reason)

    def _find(self, alias: str) -> DevEnvironment:
        for environment in self._environments:
            if environment.alias == alias:
                return environment
        raise KeyError(alias)

    def add(self, target: PlannedTarget) -> Names:
        projects = {project.name: project for project in self.model.projects(SPACE)}
        environment = self.model.add_environment(
            projects.get(target.group) or self.model.add_project(Project(SPACE, target.group)),
            self._owner,
            Status.RUNNING if target.running else Status.STOPPED,
            alias=target.alias,
            repositories=(Repository("web.site", "main"),) if target.alias == "demo" else (),
            start_seconds=target.start_seconds,
            stop_seconds=min(target.start_seconds, STOP_SECONDS_MAX),
        )
        self._environments.append(environment)
        return names_of(environment)


def names_of(environment: DevEnvironment) -> Names:
    """Return the names of a Dev Environment that has an alias."""
    assert environment.alias is not None
    space, project, id = environment.space_name, environment.project_name, environment.id
    return Names(
        environment.alias,
        f"{environment.alias}.codecatalyst",
        f"codecatalyst-dev-env={space}={project}={id}",
        {"space": space, "project": project, "id": id},
    )
