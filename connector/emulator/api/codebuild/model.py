"""The state of the emulated CodeBuild: projects and their sandboxes.

No I/O, threads or timers: a sandbox that starts reaches its next phase when the model is asked
about it after its time. Not thread-safe: it belongs to the emulator's event loop.

Phases, ids and the sentences of the refusals are those of AWS's user guide ("Debug builds with
CodeBuild sandbox", and its page of troubleshooting). Where the guide says nothing, the text calls
ours a choice.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ..account import Account
from ..errors import ApiError

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
    """One sandbox. Times are seconds since the epoch.

    :ivar uuid: the end of its id, and what Systems Manager calls its machine by.
    :ivar forced: the state that a test has set, with its reason; ``""`` for the natural one.
    :ivar ended: when its stop is over; ``None`` until it is stopped.
    """

    project: Project
    account: str
    uuid: str
    session_uuid: str
    requested: float
    forced: str = ""
    reason: str = ""
    ended: float | None = None

    @property
    def id(self) -> str:
        """The id, ``<project>:<uuid>``."""
        return f"{self.project.name}:{self.uuid}"

    @property
    def arn(self) -> str:
        """The ARN, which every operation takes instead of the id."""
        return f"arn:aws:codebuild:{self.project.region}:{self.account}:sandbox/{self.id}"

    @property
    def runs_from(self) -> float:
        """The time from which the sandbox runs."""
        return self.requested + self.project.start_seconds

    def state(self, now: float) -> str:
        """Return the state at a time: a phase of the start, RUN_SANDBOX, STOPPING or an end."""
        if self.forced:
            return self.forced
        if self.ended is not None:
            return "STOPPING" if now < self.ended else "STOPPED"
        if now >= self.runs_from:
            return RUNNING
        elapsed = (now - self.requested) / self.project.start_seconds
        return STARTING[min(int(elapsed * len(STARTING)), len(STARTING) - 1)]


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
        sandbox = Sandbox(
            self._project(region, name), self._account.id, self._uuid(), self._uuid(), self.now()
        )
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
        if sandbox.state(self.now()) in (*ENDED, "STOPPING"):
            return
        sandbox.forced = ""
        sandbox.ended = self.now() + min(sandbox.project.start_seconds, 2.0)
        self._account.end_sessions(sandbox.arn, "The sandbox was stopped")

    def force(self, sandbox: Sandbox, state: str, reason: str = "") -> None:
        """Force a sandbox into a state. Any state but RUN_SANDBOX ends its sessions.

        :raises ValueError: if there is no such state.
        """
        if state not in STATES:
            raise ValueError(state)
        sandbox.forced, sandbox.reason = state, reason
        if state != RUNNING:
            self._account.end_sessions(sandbox.arn, f"The sandbox is {state}")

    def check_connection(self, sandbox: Sandbox) -> None:
        """:raises ApiError: if CodeBuild cannot start a session on a sandbox."""
        state = sandbox.state(self.now())
        if state != RUNNING:  # a choice: the guide does not have this sentence
            raise _invalid(f"Sandbox {sandbox.arn} is not running, its status is {state}")
        if not sandbox.project.role_may_start_sessions:
            role = f"arn:aws:sts::{self._account.id}:assumed-role/codebuild-{sandbox.project.name}"
            raise _invalid(
                f"Failed to start SSM session for {sandbox.arn} "
                f"User: {role}-service-role/AWSCodeBuild-{sandbox.session_uuid} "
                "is not authorized to perform: ssm:StartSession on resource."
            )
        if not self.is_connected(sandbox):
            raise _invalid(
                f"Failed to start SSM session for sandbox {sandbox.arn}: "
                f"codebuild:{sandbox.uuid} is not connected."
            )

    def is_connected(self, sandbox: Sandbox) -> bool:
        """Return whether the agent of a sandbox is connected."""
        now, project = self.now(), sandbox.project
        return sandbox.state(now) == RUNNING and now >= sandbox.runs_from + project.agent_seconds

    def _project(self, region: str, name: str) -> Project:
        project = self._projects.get((region, name))
        if project is None:
            raise _unknown(f"The specified project {name} does not exist")
        return project

    def _uuid(self) -> str:
        return str(uuid.UUID(bytes=self._account.sessions.random_bytes(16), version=4))


def _unknown(message: str) -> ApiError:
    return ApiError(message, "ResourceNotFoundException", 400)


def _invalid(message: str) -> ApiError:
    return ApiError(message, "InvalidInputException", 400)
