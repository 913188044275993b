"""What CodeCatalyst holds: users, spaces, projects, Dev Environments and their sessions.

Times are seconds since the epoch. The rules by which these change are in ``model``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


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
    """Somebody who has bearer tokens and creates Dev Environments."""

    id: str
    user_name: str
    display_name: str
    email: str


@dataclass(frozen=True)
class Space:
    """Holds projects. Names are 3 to 63 characters; case counts."""

    name: str
    region_name: str = "us-west-2"
    display_name: str = ""
    description: str = ""


@dataclass(frozen=True)
class Project:
    """Holds Dev Environments. ``outsiders`` are ids of users who have no access to it."""

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
    """The IDE that a Dev Environment is made ready for; ``runtime`` is an image."""

    name: str | None = None
    runtime: str | None = None


@dataclass
class Settings:
    """What StartDevEnvironment may change."""

    ides: tuple[Ide, ...] = (Ide("VSCode"),)
    instance_type: str = "dev.standard1.small"
    inactivity_timeout_minutes: int = 15


@dataclass(eq=False)
class DevEnvironment:
    """A Dev Environment; only ``CodeCatalystModel`` changes ``status`` and the times.

    ``start_seconds`` and ``stop_seconds`` are how long it is STARTING and STOPPING.
    With ``start_failure``, a reason, a start ends in FAILED instead of RUNNING.
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
    change_ends: float | None = None  # when STARTING or STOPPING is over


@dataclass(frozen=True)
class ExecuteCommand:
    """The command that a session of type SSM runs instead of a shell."""

    command: str
    arguments: tuple[str, ...] = ()


@dataclass(eq=False)
class Session:
    """A session; ``end_reason`` is ``None`` as long as it lives."""

    id: str
    token_value: str = field(repr=False)
    started_time: float
    environment: DevEnvironment
    session_type: str
    execute_command: ExecuteCommand | None = None
    end_reason: str | None = None
    access_time: float = 0.0  # when its present token was issued, in seconds since the epoch
