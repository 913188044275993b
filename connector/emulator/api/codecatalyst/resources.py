"""What CodeCatalyst holds: users, spaces, projects and Dev Environments.

Times are seconds since the epoch. ``model.py`` has the rules by which these change.
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
