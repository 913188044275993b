"""The state of the emulated CodeCatalyst, and the rules by which it changes.

No I/O, threads or timers: a Dev Environment that is starting becomes RUNNING when the model is
next asked about it after its time. Not thread-safe: it belongs to the emulator's event loop.

Times are seconds since the epoch. The errors are the API's (``api/errors.py``). Where AWS
documents no rule, the text calls ours a choice.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from ...sessions import Form, Session, Sessions
from ..errors import (
    ConflictException,
    ResourceNotFoundException,
    ValidationException,
)


class Status(str, Enum):
    """The states of a Dev Environment, as the API's model has them."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STARTING = "STARTING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    DELETING = "DELETING"
    DELETED = "DELETED"


@dataclass(frozen=True)
class User:
    """A user, with bearer tokens and Dev Environments."""

    id: str
    user_name: str
    display_name: str
    email: str


@dataclass(frozen=True)
class Space:
    """A space, which holds projects. Names have 3 to 63 characters and are case-sensitive."""

    name: str
    region_name: str = "us-west-2"
    display_name: str = ""
    description: str = ""


@dataclass(frozen=True)
class Project:
    """A project, which holds Dev Environments.

    :ivar outsiders: ids of users without access to it.
    """

    space_name: str
    name: str
    display_name: str = ""
    description: str = ""
    outsiders: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Repository:
    """A repository that a Dev Environment has cloned."""

    name: str
    branch: str | None = None


@dataclass(frozen=True)
class Ide:
    """The IDE that a Dev Environment is prepared for; ``runtime`` is an image."""

    name: str | None = None
    runtime: str | None = None


@dataclass
class Settings:
    """The settings that StartDevEnvironment may change."""

    ides: tuple[Ide, ...] = (Ide("VSCode"),)
    instance_type: str = "dev.standard1.small"
    inactivity_timeout_minutes: int = 15


@dataclass(eq=False)
class DevEnvironment:
    """A Dev Environment. Only ``CodeCatalystModel`` changes ``status`` and the times.

    :ivar start_seconds: how long it is STARTING.
    :ivar stop_seconds: how long it is STOPPING.
    :ivar start_failure: a reason, with which a start ends in FAILED instead of RUNNING.
    :ivar change_ends: when STARTING or STOPPING ends.
    """

    space_name: str
    project_name: str
    id: str
    creator_id: str
    last_updated_time: float
    status: Status
    status_reason: str | None = None
    alias: str | None = None
    repositories: tuple[Repository, ...] = ()
    settings: Settings = field(default_factory=Settings)
    storage_gib: int = 16
    vpc_connection_name: str | None = None
    start_seconds: float = 0.0
    stop_seconds: float = 0.0
    start_failure: str | None = None
    change_ends: float | None = None


Thing = TypeVar("Thing")


class CodeCatalystModel:
    """Users, spaces, projects and Dev Environments.

    :param sessions: the table of all sessions; its clock and its random bytes are the model's.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.now = sessions.now
        self._users: dict[str, User] = {}
        self._spaces: dict[str, Space] = {}
        self._projects: dict[tuple[str, str], Project] = {}
        self._environments: dict[tuple[str, str, str], DevEnvironment] = {}

    # Users, spaces and projects

    def add_user(self, user_name: str) -> User:
        """Return a new user with a random id."""
        user = User(self._new_uuid(), user_name, user_name, f"{user_name}@example.com")
        self._users[user.id] = user
        return user

    def add_space(self, space: Space) -> Space:
        """Add a space and return it."""
        self._spaces[space.name] = space
        return space

    def add_project(self, project: Project) -> Project:
        """Add a project and return it.

        :raises ResourceNotFoundException: if its space is unknown.
        """
        self.space(project.space_name)
        self._projects[project.space_name, project.name] = project
        return project

    def delete_space(self, space: Space) -> None:
        """Remove a space that has no projects any more."""
        del self._spaces[space.name]

    def delete_project(self, project: Project) -> None:
        """Remove a project that has no Dev Environments any more."""
        del self._projects[project.space_name, project.name]

    def users(self) -> list[User]:
        """Return all users."""
        return list(self._users.values())

    def user(self, user_id: str) -> User:
        """Return a user.

        :raises ResourceNotFoundException: if no user has this id.
        """
        return _found(self._users.get(user_id), "User")

    def spaces(self) -> list[Space]:
        """Return all spaces."""
        return list(self._spaces.values())

    def space(self, name: str) -> Space:
        """Return a space.

        :raises ResourceNotFoundException: if no space has this name.
        """
        return _found(self._spaces.get(name), "Space")

    def projects(self, space_name: str) -> list[Project]:
        """Return the projects of a space.

        :raises ResourceNotFoundException: if the space is unknown.
        """
        self.space(space_name)
        return [project for project in self._projects.values() if project.space_name == space_name]

    def project(self, space_name: str, name: str) -> Project:
        """Return a project.

        :raises ResourceNotFoundException: if the space or the project is unknown.
        """
        self.space(space_name)
        return _found(self._projects.get((space_name, name)), "Project")

    # Dev Environments

    def add_environment(
        self,
        project: Project,
        creator: User,
        status: Status = Status.STOPPED,
        **details: Any,
    ) -> DevEnvironment:
        """Return a new Dev Environment with a random id.

        :param details: other members of :class:`DevEnvironment`.
        """
        known: dict[str, Any] = {"id": self._new_uuid(), "last_updated_time": self.now()}
        environment = DevEnvironment(
            project.space_name,
            project.name,
            creator_id=creator.id,
            status=status,
            **{**known, **details},
        )
        self._environments[project.space_name, project.name, environment.id] = environment
        return environment

    def delete_environment(self, environment: DevEnvironment) -> None:
        """End its sessions and remove it at once, without a time in DELETING."""
        self._change(environment, Status.DELETED, None)
        del self._environments[environment.space_name, environment.project_name, environment.id]

    def environments(
        self, space_name: str, project_name: str | None = None
    ) -> list[DevEnvironment]:
        """Return the Dev Environments of a space, or of one of its projects, settled.

        :raises ResourceNotFoundException: if the space or the project is unknown.
        """
        self.space(space_name)
        if project_name is not None:
            self.project(space_name, project_name)
        return [
            self._settled(environment)
            for (space, project, _), environment in self._environments.items()
            if space == space_name and project_name in (None, project)
        ]

    def environment(self, space_name: str, project_name: str, id: str) -> DevEnvironment:
        """Return one Dev Environment, settled.

        :raises ResourceNotFoundException: if the space, the project or the id is unknown.
        """
        self.project(space_name, project_name)
        environment = self._environments.get((space_name, project_name, id))
        return self._settled(_found(environment, "Dev Environment"))

    def start_environment(self, environment: DevEnvironment, **settings: Any) -> None:
        """Start a stopped Dev Environment. Starting a running one changes nothing.

        :param settings: members of ``Settings`` to change if it starts.
        :raises ConflictException: while another change is in progress.
        :raises ValidationException: if it can never start. AWS's toolkits look for the texts
            of both errors.
        """
        if self._changeable(environment, "start") is Status.RUNNING:
            return
        for name, value in settings.items():
            setattr(environment.settings, name, value)
        self._change(environment, Status.STARTING, self.now() + environment.start_seconds)

    def stop_environment(self, environment: DevEnvironment) -> None:
        """Stop a running Dev Environment and end its sessions.

        Stopping a stopped one changes nothing.

        :raises ConflictException: while another change is in progress.
        :raises ValidationException: if its creation has failed.
        """
        if self._changeable(environment, "stop") is Status.RUNNING:
            self._change(environment, Status.STOPPING, self.now() + environment.stop_seconds)

    def set_status(
        self, environment: DevEnvironment, status: Status, reason: str | None = None
    ) -> None:
        """Force a status. Any status but RUNNING ends the sessions.

        STARTING and STOPPING last until the next call.
        """
        environment.status_reason = reason
        self._change(environment, status, None)

    def _changeable(self, environment: DevEnvironment, verb: str) -> Status:
        status = self._settled(environment).status
        if status in (Status.RUNNING, Status.STOPPED):
            return status
        if status is Status.FAILED:
            raise ValidationException(
                f"Dev Environment creation has failed, cannot {verb} the Dev Environment"
            )
        if status is Status.DELETED:
            raise ResourceNotFoundException("Dev Environment not found")
        raise ConflictException(
            f"Cannot {verb} the Dev Environment: an update process is still going on"
        )

    def _change(self, environment: DevEnvironment, status: Status, ends: float | None) -> None:
        environment.status = status
        environment.change_ends = ends
        environment.last_updated_time = self.now()
        if ends is not None:
            environment.status_reason = None
        if status is not Status.RUNNING:
            for session in self.sessions.living(environment.id):
                self.sessions.end(session, f"The Dev Environment is {status.value}")

    def _settled(self, environment: DevEnvironment) -> DevEnvironment:
        """Return the environment after any change whose time is over."""
        ends = environment.change_ends
        if ends is None or self.now() < ends:
            return environment
        environment.change_ends = None
        environment.last_updated_time = ends
        if environment.status is Status.STOPPING:
            environment.status = Status.STOPPED
        elif environment.start_failure is None:
            environment.status = Status.RUNNING
        else:
            environment.status = Status.FAILED
            environment.status_reason = environment.start_failure
        return environment

    # Sessions

    def start_session(
        self,
        environment: DevEnvironment,
        form: Form = Form.SSH,
        command: tuple[str, ...] = (),
    ) -> Session:
        """Return a new session. Every call opens another one.

        :raises ValidationException: if the Dev Environment is not running, as AWS's toolkits
            expect.
        """
        if self._settled(environment).status is not Status.RUNNING:
            raise ValidationException(
                f"Dev Environment is not running, its status is {environment.status.value}"
            )
        user_name = self.user(environment.creator_id).user_name
        return self.sessions.open(environment.id, user_name, form, command)

    def session(self, environment: DevEnvironment, session_id: str) -> Session:
        """Return a session of this Dev Environment, whether it lives or has ended.

        :raises ResourceNotFoundException: if the Dev Environment never had it.
        """
        session = self.sessions.find(session_id)
        if session is None or session.machine_id != environment.id:
            raise ResourceNotFoundException("Session not found")
        return session

    def _new_uuid(self) -> str:
        return str(uuid.UUID(bytes=self.sessions.random_bytes(16), version=4))


def _found(value: Thing | None, what: str) -> Thing:
    if value is None:
        raise ResourceNotFoundException(f"{what} not found")
    return value
