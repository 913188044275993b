"""The state of the emulated CodeCatalyst, and the rules by which it changes.

No I/O, no thread, no timer: a Dev Environment that is starting is found RUNNING by the
first look after its time. Not thread-safe; it belongs to the emulator's event loop.

Errors are those of the API (:mod:`.errors`). Where AWS documents no rule, the choice made
here is said to be one.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import (
    ConflictException,
    ResourceNotFoundException,
    ValidationException,
)
from .resources import (
    DevEnvironment,
    ExecuteCommand,
    Project,
    Session,
    Space,
    Status,
    User,
)

Thing = TypeVar("Thing")

TOKEN_BYTES = 120  # of randomness; 160 characters of base64, about the length of real ones
SESSION_ID_MAX = 96  # characters, by the API's model


class CodeCatalystModel:
    """Users, spaces, projects, Dev Environments and sessions.

    :param now: the clock, in seconds since the epoch.
    :param random_bytes: makes ids and tokens; gives that many bytes.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.now = now
        self.random_bytes = random_bytes
        self._users: dict[str, User] = {}
        self._spaces: dict[str, Space] = {}
        self._projects: dict[tuple[str, str], Project] = {}
        self._environments: dict[tuple[str, str, str], DevEnvironment] = {}
        self._sessions: dict[str, Session] = {}
        self._session_ended: list[Callable[[Session], None]] = []

    # Users, spaces and projects

    def add_user(self, user_name: str) -> User:
        """A new user with a random id."""
        user = User(self._new_uuid(), user_name, user_name, f"{user_name}@example.com")
        self._users[user.id] = user
        return user

    def add_space(self, space: Space) -> Space:
        """Take a space in."""
        self._spaces[space.name] = space
        return space

    def add_project(self, project: Project) -> Project:
        """Take a project in.

        :raises ResourceNotFoundException: when its space is unknown.
        """
        self.space(project.space_name)
        self._projects[project.space_name, project.name] = project
        return project

    def users(self) -> list[User]:
        """All users."""
        return list(self._users.values())

    def user(self, user_id: str) -> User:
        """:raises ResourceNotFoundException: when there is none of this id."""
        return _found(self._users.get(user_id), "User")

    def spaces(self) -> list[Space]:
        """All spaces."""
        return list(self._spaces.values())

    def space(self, name: str) -> Space:
        """:raises ResourceNotFoundException: when there is none of this name."""
        return _found(self._spaces.get(name), "Space")

    def projects(self, space_name: str) -> list[Project]:
        """:raises ResourceNotFoundException: when there is no such space."""
        self.space(space_name)
        return [project for project in self._projects.values() if project.space_name == space_name]

    def project(self, space_name: str, name: str) -> Project:
        """:raises ResourceNotFoundException: when there is none of this name."""
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
        """A new Dev Environment with a random id.

        :param details: any other members of :class:`DevEnvironment`.
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
        """End its sessions and forget it, without the time that DELETING takes."""
        self._change(environment, Status.DELETED, None)
        del self._environments[environment.space_name, environment.project_name, environment.id]

    def environments(
        self, space_name: str, project_name: str | None = None
    ) -> list[DevEnvironment]:
        """Those of a space, or of one project of it, settled.

        :raises ResourceNotFoundException: when there is no such space or project.
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
        """One Dev Environment, settled.

        :raises ResourceNotFoundException: when there is no such space, project or environment.
        """
        self.project(space_name, project_name)
        environment = self._environments.get((space_name, project_name, id))
        return self._settled(_found(environment, "Dev Environment"))

    def start_environment(self, environment: DevEnvironment, **settings: Any) -> None:
        """Start a stopped one; one that runs is left as it is (the operation is idempotent).

        :param settings: members of ``Settings`` to change, if it does start.
        :raises ConflictException: while another change is under way.
        :raises ValidationException: when it can never start. The texts of both are those
            that AWS's toolkits look for.
        """
        if self._changeable(environment, "start") is Status.RUNNING:
            return
        for name, value in settings.items():
            setattr(environment.settings, name, value)
        self._change(environment, Status.STARTING, self.now() + environment.start_seconds)

    def stop_environment(self, environment: DevEnvironment) -> None:
        """Stop a running one, which ends its sessions; a stopped one is left as it is.

        :raises ConflictException: while another change is under way.
        :raises ValidationException: when its creation has failed.
        """
        if self._changeable(environment, "stop") is Status.RUNNING:
            self._change(environment, Status.STOPPING, self.now() + environment.stop_seconds)

    def set_status(
        self, environment: DevEnvironment, status: Status, reason: str | None = None
    ) -> None:
        """Force a state; any but RUNNING ends the sessions.

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
            for session in self.sessions(environment):
                self.end_session(session, f"The Dev Environment is {status.value}")

    def _settled(self, environment: DevEnvironment) -> DevEnvironment:
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

    def on_session_ended(self, listener: Callable[[Session], None]) -> None:
        """Have ``listener`` called once for every session that ends, after it has ended."""
        self._session_ended.append(listener)

    def start_session(
        self,
        environment: DevEnvironment,
        session_type: str,
        execute_command: ExecuteCommand | None = None,
    ) -> Session:
        """A new session; every call makes another.

        :param session_type: ``SSH`` or ``SSM``.
        :raises ValidationException: when the Dev Environment is not running, which is what
            AWS's toolkits expect of it.
        """
        if self._settled(environment).status is not Status.RUNNING:
            raise ValidationException(
                f"Dev Environment is not running, its status is {environment.status.value}"
            )
        session = Session(
            self._new_session_id(environment),
            self._new_token(),
            self.now(),
            environment,
            session_type,
            execute_command,
            access_time=self.now(),
        )
        self._sessions[session.id] = session
        return session

    def sessions(self, environment: DevEnvironment) -> list[Session]:
        """The sessions of a Dev Environment that have not ended."""
        return [
            session
            for session in self._sessions.values()
            if session.environment is environment and session.end_reason is None
        ]

    def session(self, environment: DevEnvironment, session_id: str) -> Session:
        """A session, be it ended or not.

        :raises ResourceNotFoundException: when the Dev Environment never had it.
        """
        session = self._sessions.get(session_id)
        if session is None or session.environment is not environment:
            raise ResourceNotFoundException("Session not found")
        return session

    def find_session(self, session_id: str) -> Session | None:
        """A session of whatever Dev Environment, be it ended or not."""
        return self._sessions.get(session_id)

    def renew_token(self, session: Session) -> None:
        """From now on another token opens the session, and the one it had does not."""
        session.token_value = self._new_token()
        session.access_time = self.now()

    def session_for_token(self, session_id: str, token_value: str) -> Session | None:
        """The living session that this token opens; ``None`` for any other id or token."""
        session = self._sessions.get(session_id)
        if session is None or session.end_reason is not None:
            return None
        same = hmac.compare_digest(session.token_value.encode(), token_value.encode())
        return session if same else None

    def end_session(self, session: Session, reason: str) -> None:
        """End a session and tell the listeners; one that has ended is left as it is.

        :param reason: for a person to read.
        """
        if session.end_reason is not None:
            return
        session.end_reason = reason
        for listener in self._session_ended:
            listener(session)

    def _new_token(self) -> str:
        return base64.b64encode(self.random_bytes(TOKEN_BYTES)).decode()

    def _new_uuid(self) -> str:
        return str(uuid.UUID(bytes=self.random_bytes(16), version=4))

    def _new_session_id(self, environment: DevEnvironment) -> str:
        # <who>-<17 hexadecimal digits>, as Session Manager names its sessions
        suffix = "-" + self.random_bytes(9).hex()[:17]
        name = re.sub(r"[^a-zA-Z0-9_.-]", "-", self.user(environment.creator_id).user_name)
        return name[: SESSION_ID_MAX - len(suffix)] + suffix


def _found(value: Thing | None, what: str) -> Thing:
    if value is None:
        raise ResourceNotFoundException(f"{what} not found")
    return value
