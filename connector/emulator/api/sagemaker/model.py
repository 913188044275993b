"""The state of the emulated SageMaker, and the rules by which it changes.

A *space* belongs to a domain and keeps its settings and its disk. Its one *app* is the machine: it
is created to start the space, and deleted to stop it. Each app has a host key of its own.

No I/O, threads or timers. Not thread-safe: it belongs to the emulator's event loop. Times are
seconds since the epoch. Where AWS documents no rule, the text calls ours a choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ...sessions import Session
from ..account import Account
from ..errors import ApiError, InternalFailure, ValidationException
from ..room import Lifecycle
from ..signed import Call


class AppStatus(str, Enum):
    """The states of an app, as the API's model has them."""

    PENDING = "Pending"
    IN_SERVICE = "InService"
    FAILED = "Failed"
    DELETING = "Deleting"
    DELETED = "Deleted"


class SpaceStatus(str, Enum):
    """The states of a space, as the API's model has them."""

    PENDING = "Pending"
    IN_SERVICE = "InService"
    UPDATING = "Updating"
    FAILED = "Failed"
    UPDATE_FAILED = "Update_Failed"
    DELETING = "Deleting"
    DELETE_FAILED = "Delete_Failed"


#: Instance types with less than 8 GiB. The service refuses them for remote access.
TOO_SMALL = frozenset(
    {"ml.t3.medium", "ml.c5.large", "ml.c6i.large", "ml.c6id.large", "ml.c7i.large"}
)

#: What a domain of AWS starts spaces with.
DEFAULT_SPEC: Mapping[str, str] = {
    "SageMakerImageArn": "arn:aws:sagemaker:us-east-1:111122223333:image/distribution-cpu",
    "SageMakerImageVersionAlias": "3.2.0",
    "InstanceType": "ml.t3.large",
}

#: The apps with an SSH server.
REACHABLE_APPS = ("JupyterLab", "CodeEditor")


class ResourceNotFound(ApiError):
    """The request names an object that does not exist."""


class ResourceInUse(ApiError):
    """The object is in use, or exists already."""


@dataclass(frozen=True)
class Domain:
    """A domain, which holds the spaces of a team."""

    account: Account
    region: str
    id: str
    name: str
    created: float

    @property
    def arn(self) -> str:
        return self.arn_of(f"domain/{self.id}")

    def arn_of(self, resource: str) -> str:
        """Return the ARN of a resource beside the domain."""
        return self.account.arn("sagemaker", self.region, resource)


@dataclass(eq=False)
class App:
    """An app of a space.

    :ivar life: its state, one of :class:`AppStatus`.
    :ivar reason: why it fails, if it does.
    """

    type: str
    name: str
    spec: Mapping[str, str]
    created: float
    number: int
    life: Lifecycle
    reason: str | None = None

    @property
    def status(self) -> AppStatus:
        return AppStatus(self.life.state)

    @property
    def failure_reason(self) -> str | None:
        return self.reason if self.status is AppStatus.FAILED else None


@dataclass(eq=False)
class Space:
    """A space. Only ``SageMakerModel`` changes the states and the app.

    :ivar life: its state, one of :class:`SpaceStatus`.
    :ivar start_seconds: how long an app is ``Pending``; ``stop_seconds`` how long ``Deleting``.
    :ivar update_seconds: how long UpdateSpace takes.
    :ivar agent_seconds: how long StartSession fails after the app is ``InService``, because the
        agent is not registered yet.
    :ivar start_failure: a reason, with which the next starts end in ``Failed``.
    :ivar start_refusal: the words of a ValidationException with which CreateApp is refused.
    """

    domain: Domain
    name: str
    created: float
    life: Lifecycle
    app_type: str | None = "JupyterLab"
    owner: str = "sagemaker-user"
    display_name: str | None = None
    remote_access: str | None = "ENABLED"
    spec: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_SPEC))
    start_seconds: float = 0.0
    stop_seconds: float = 0.0
    update_seconds: float = 0.0
    agent_seconds: float = 0.0
    start_failure: str | None = None
    start_refusal: str | None = None
    app: App | None = None

    @property
    def status(self) -> SpaceStatus:
        return SpaceStatus(self.life.state)

    @property
    def arn(self) -> str:
        return self.domain.arn_of(f"space/{self.domain.id}/{self.name}")

    @property
    def machine_id(self) -> str:
        """The machine of the app. Each app is another one."""
        return f"{self.arn} {self.app.number if self.app else 0}"


class SageMakerModel:
    """Domains, spaces and apps of one account in all Regions. Its clock is the account's."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.now = account.now
        self._domains: list[Domain] = []
        self._spaces: list[Space] = []
        self._apps = 0

    def add_domain(self, region: str, name: str) -> Domain:
        """Return a new domain with a random id."""
        id = f"d-{self.account.sessions.random_bytes(6).hex()}"
        domain = Domain(self.account, region, id, name, self.now())
        self._domains.append(domain)
        return domain

    def add_space(
        self, domain: Domain, name: str, *, running: bool = False, **details: Any
    ) -> Space:
        """Return a new space.

        :param running: whether it has an app that has been in service for long.
        :param details: other members of :class:`Space`.
        """
        life = Lifecycle(self.now, SpaceStatus.IN_SERVICE.value)
        space = Space(domain, name, self.now(), life, **details)
        self._spaces.append(space)
        if running:
            app = self._new_app(space, space.app_type or "JupyterLab", space.spec)
            app.life.set(AppStatus.IN_SERVICE.value, ago=3600)
        return space

    def domains(self, region: str) -> list[Domain]:
        """Return the domains of a Region."""
        return [domain for domain in self._domains if domain.region == region]

    def spaces(self, region: str) -> list[Space]:
        """Return the spaces of a Region."""
        return [space for space in self._spaces if space.domain.region == region]

    def space(self, region: str, domain_id: str, name: str) -> Space:
        """Return one space. Names are case-sensitive (a choice).

        :raises ResourceNotFound: if there is none.
        """
        for space in self.spaces(region):
            if (space.domain.id, space.name) == (domain_id, name):
                return space
        raise ResourceNotFound(f"Space [{name}] does not exist.")

    def create_app(self, space: Space, app_type: str, spec: Mapping[str, str]) -> App:
        """Start a space.

        :raises ResourceInUse: while it has an app that is not deleted.
        :raises ValidationException: when the app does not suit the space.
        """
        if space.status is not SpaceStatus.IN_SERVICE:
            raise ValidationException(f"Space [{space.name}] is {space.status.value}.")
        if space.app is not None and space.app.status is not AppStatus.DELETED:
            raise ResourceInUse(f"App [default] of space [{space.name}] already exists.")
        if space.app_type not in (None, app_type):
            raise ValidationException(f"Space [{space.name}] has the app type {space.app_type}.")
        if space.remote_access == "ENABLED" and spec.get("InstanceType") in TOO_SMALL:
            raise ValidationException(
                f"Unable to create app for [{space.name}] because instanceType "
                f"[{spec['InstanceType']}] is not supported for remote access enabled spaces. "
                "Use instanceType with at least 8 GiB memory."
            )
        if space.start_refusal is not None:
            raise ValidationException(space.start_refusal)
        app = self._new_app(space, app_type, spec)
        end, app.reason = AppStatus.IN_SERVICE, space.start_failure
        if space.start_failure is not None:
            end = AppStatus.FAILED
        app.life.move(AppStatus.PENDING.value, end.value, seconds=space.start_seconds)
        return app

    def delete_app(self, space: Space) -> None:
        """Stop a space, and end its sessions.

        :raises ResourceNotFound: if it has no app.
        """
        app = self.app(space)
        if app.status is AppStatus.DELETED:
            raise ResourceNotFound(f"App of space [{space.name}] does not exist.")
        if app.status is not AppStatus.DELETING:
            self._end_sessions(space)
            app.life.move(
                AppStatus.DELETING.value, AppStatus.DELETED.value, seconds=space.stop_seconds
            )

    def update_space(self, space: Space, remote_access: str | None) -> None:
        """Change a space whose app is deleted.

        :raises ResourceInUse: while it has an app. A choice.
        """
        if space.app is not None and space.app.status is not AppStatus.DELETED:
            raise ResourceInUse(f"Space [{space.name}] has running apps.")
        space.remote_access = remote_access or space.remote_access
        space.life.move(
            SpaceStatus.UPDATING.value, SpaceStatus.IN_SERVICE.value, seconds=space.update_seconds
        )

    def app(self, space: Space) -> App:
        """Return the last app of a space, which may be deleted.

        :raises ResourceNotFound: if it never had one.
        """
        if space.app is None:
            raise ResourceNotFound(f"App of space [{space.name}] does not exist.")
        return space.app

    def set_status(self, space: Space, status: AppStatus, reason: str | None = None) -> None:
        """Force the app into a state. Any but ``InService`` ends its sessions.

        ``Pending`` and ``Deleting`` last until the next call.
        """
        app = space.app or self._new_app(space, space.app_type or "JupyterLab", space.spec)
        app.life.set(status.value)
        app.reason = reason
        if status is not AppStatus.IN_SERVICE:
            self._end_sessions(space)

    def start_session(self, space: Space, call: Call) -> Session:
        """Return a new session of the caller.

        :raises ValidationException: without remote access or an app in service.
        :raises InternalFailure: while the app's agent is not registered.
        """
        if space.remote_access != "ENABLED":
            raise ValidationException(f"Space {space.arn} does not have remote access enabled.")
        app = space.app
        if app is None or app.status is not AppStatus.IN_SERVICE:
            raise ValidationException(f"Space {space.arn} has no app in service.")
        if app.type not in REACHABLE_APPS:
            raise ValidationException(f"Apps of type {app.type} have no remote access.")
        if self.now() < app.life.since + space.agent_seconds:
            raise InternalFailure("Internal Failure")
        return call.open_session(space.machine_id, space.arn)

    def _new_app(self, space: Space, app_type: str, spec: Mapping[str, str]) -> App:
        self._apps += 1
        life = Lifecycle(self.now, AppStatus.PENDING.value)
        space.app = App(app_type, "default", spec, self.now(), self._apps, life)
        return space.app

    def _end_sessions(self, space: Space) -> None:
        self.account.end_sessions(space.machine_id, "The app of the space has stopped")
