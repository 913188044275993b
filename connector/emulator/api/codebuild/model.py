"""The state of the emulated CodeBuild: projects and their sandboxes.

No I/O, threads or timers. Not thread-safe: it belongs to the emulator's event loop.

Phases, ids and the sentences of the refusals are those of AWS's user guide ("Debug builds with
CodeBuild sandbox", and its page of troubleshooting). Where the guide says nothing, the text calls
ours a choice.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ..account import Account, Identity
from ..errors import ApiError
from ..room import Lifecycle

#: The phases of a sandbox before it can be reached.
STARTING = ("QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE")
RUNNING = "RUN_SANDBOX"
ENDED = ("STOPPED", "FAILED", "TIMED_OUT")

#: All states that a sandbox can be forced into.
STATES = (*STARTING, RUNNING, "STOPPING", *ENDED)


@dataclass(eq=False)
class Project:
    """A project, which sandboxes are started from.

    :ivar start_seconds: how long a sandbox takes until it runs; a stop takes as long, at most 2 s.
    :ivar agent_seconds: how long the agent of a sandbox that runs is not connected yet.
    :ivar role_may_start_sessions: whether the service role has ssm:StartSession.
    """

    region: str
    name: str
    start_seconds: float = 0.0
    agent_seconds: float = 0.0
    role_may_start_sessions: bool = True


@dataclass(eq=False)
class Sandbox:
    """One sandbox.

    :ivar uuid: the end of its id.
    :ivar life: its state: a phase of the start, RUN_SANDBOX, STOPPING or an end.
    :ivar requested: seconds since the epoch.
    :ivar reason: of a state that a test has set.
    """

    account: Account
    project: Project
    uuid: str
    session_uuid: str
    life: Lifecycle
    requested: float
    reason: str = ""

    @property
    def id(self) -> str:
        """The id, ``<project>:<uuid>``."""
        return f"{self.project.name}:{self.uuid}"

    @property
    def arn(self) -> str:
        """The ARN, which every operation takes instead of the id."""
        return self.account.arn("codebuild", self.project.region, f"sandbox/{self.id}")

    @property
    def target(self) -> str:
        """What Systems Manager calls its machine."""
        return f"codebuild:{self.uuid}"

    @property
    def role(self) -> Identity:
        """The service role, which starts the sessions."""
        name = f"AWSCodeBuild-{self.session_uuid}"
        role = f"assumed-role/codebuild-{self.project.name}-service-role"
        return Identity(self.account.arn("sts", "", f"{role}/{name}"), f"AROA:{name}", name)

    @property
    def state(self) -> str:
        """The state now."""
        return self.life.state

    @property
    def is_connected(self) -> bool:
        """Whether its agent is connected."""
        waited = self.account.now() - self.life.since
        return self.state == RUNNING and waited >= self.project.agent_seconds


class CodeBuildModel:
    """Projects and sandboxes of one account in all Regions."""

    def __init__(self, account: Account) -> None:
        self.now = account.now
        self._account = account
        self._projects: dict[tuple[str, str], Project] = {}
        self._sandboxes: dict[str, Sandbox] = {}

    def add_project(self, project: Project) -> Project:
        """Add a project and return it."""
        self._projects[project.region, project.name] = project
        return project

    def start(self, region: str, name: str) -> Sandbox:
        """Start a new sandbox of a project.

        :raises ApiError: if the Region has no such project.
        """
        project, life = self._project(region, name), Lifecycle(self.now, RUNNING)
        life.move(*STARTING, RUNNING, seconds=project.start_seconds)
        sandbox = Sandbox(self._account, project, self._uuid(), self._uuid(), life, self.now())
        self._sandboxes[sandbox.arn] = sandbox
        return sandbox

    def sandboxes(self, region: str, name: str | None = None) -> list[Sandbox]:
        """Return the sandboxes of a Region, or of one of its projects, the newest last.

        :raises ApiError: if the Region has no such project.
        """
        if name is not None:
            self._project(region, name)
        return [
            sandbox
            for sandbox in self._sandboxes.values()
            if sandbox.project.region == region and name in (None, sandbox.project.name)
        ]

    def find(self, region: str, id: str) -> Sandbox | None:
        """Return the sandbox of an id or ARN."""
        known = self.sandboxes(region)
        return next((each for each in known if id in (each.id, each.arn)), None)

    def sandbox(self, region: str, id: str) -> Sandbox:
        """Return the sandbox of an id or ARN.

        :raises ApiError: if the Region has none.
        """
        found = self.find(region, id)
        if found is None:
            raise _unknown(f"The specified sandbox {id} does not exist")
        return found

    def stop(self, sandbox: Sandbox) -> None:
        """Stop a sandbox and end its sessions. Stopping one that has ended changes nothing."""
        if sandbox.state in (*ENDED, "STOPPING"):
            return
        sandbox.life.move("STOPPING", "STOPPED", seconds=min(sandbox.project.start_seconds, 2.0))
        self._account.end_sessions(sandbox.arn, "The sandbox was stopped")

    def force(self, sandbox: Sandbox, state: str, reason: str = "") -> None:
        """Force a sandbox into a state. Any state but RUN_SANDBOX ends its sessions.

        :raises ValueError: if there is no such state.
        """
        if state not in STATES:
            raise ValueError(state)
        sandbox.life.set(state)
        sandbox.reason = reason
        if state != RUNNING:
            self._account.end_sessions(sandbox.arn, f"The sandbox is {state}")

    def check_connection(self, sandbox: Sandbox) -> None:
        """:raises ApiError: if CodeBuild cannot start a session on a sandbox."""
        if sandbox.state != RUNNING:  # a choice: the guide does not have this sentence
            raise _invalid(f"Sandbox {sandbox.arn} is not running, its status is {sandbox.state}")
        if not sandbox.project.role_may_start_sessions:
            raise _invalid(
                f"Failed to start SSM session for {sandbox.arn} User: {sandbox.role.arn} "
                "is not authorized to perform: ssm:StartSession on resource."
            )
        if not sandbox.is_connected:
            raise _invalid(
                f"Failed to start SSM session for sandbox {sandbox.arn}: "
                f"{sandbox.target} is not connected."
            )

    def _project(self, region: str, name: str) -> Project:
        project = self._projects.get((region, name))
        if project is None:
            raise _unknown(f"The specified project {name} does not exist")
        return project

    def _uuid(self) -> str:
        return str(uuid.UUID(bytes=self._account.sessions.random_bytes(16), version=4))


def _unknown(message: str) -> ApiError:
    return ApiError(message, "ResourceNotFoundException")


def _invalid(message: str) -> ApiError:
    return ApiError(message, "InvalidInputException")
