"""SageMaker as an emulator starts with it: domains, and spaces with JupyterLab."""

from __future__ import annotations

from collections.abc import Sequence

from ...access import Names, SshDefaults
from ..account import HOME_REGION
from ..rest import Endpoint
from ..room import Room
from ..world import DEFAULT_GROUP, PlannedTarget, Services
from .model import AppStatus, Domain, SageMakerModel, Space
from .service import SageMakerService

#: The domain of targets without a group.
DOMAIN = "Research"

#: Studio's word for a space without an app, for which the API has none.
STOPPED = "Stopped"

#: The longest time that a stop takes, in seconds.
STOP_SECONDS_MAX = 2.0


class SageMakerWorld(Room):
    """A ``World``: the spaces of one account. A target's group is its domain.

    :ivar model: the state, which tests may change on the emulator's event loop.
    """

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        super().__init__(services.account)
        self.model = SageMakerModel(services.account)
        self._spaces: list[Space] = []
        for target in targets:
            self.add(target)

    @property
    def ssh(self) -> SshDefaults:
        return SshDefaults(
            ("*.sagemaker", "arn:aws:sagemaker:*", "sm_*", "smc_*"),
            "sagemaker-user",
            ("--known-hosts", "{known_hosts}"),
        )

    @property
    def targets(self) -> list[Names]:
        return [_names_of(space) for space in self._spaces]

    def add(self, target: PlannedTarget) -> Names:
        domain = DOMAIN if target.group == DEFAULT_GROUP else target.group
        space = self.model.add_space(
            self._domain(domain),
            target.alias,
            running=target.running,
            start_seconds=target.start_seconds,
            stop_seconds=min(target.start_seconds, STOP_SECONDS_MAX),
        )
        self._spaces.append(space)
        return _names_of(space)

    def endpoints(self) -> list[Endpoint]:
        return SageMakerService(self.model).endpoints()

    def state(self, alias: str) -> str:
        app = self.space(alias).app
        return app.status.value if app and app.status is not AppStatus.DELETED else STOPPED

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        status = AppStatus.DELETED if state == STOPPED else AppStatus(state)
        self.model.set_status(self.space(alias), status, reason)

    def space(self, alias: str) -> Space:
        """Return the planned space of this name.

        :raises KeyError: if there is none.
        """
        for space in self._spaces:
            if space.name == alias:
                return space
        raise KeyError(alias)

    def _domain(self, name: str) -> Domain:
        known = {domain.name: domain for domain in self.model.domains(HOME_REGION)}
        return known.get(name) or self.model.add_domain(HOME_REGION, name)


def _names_of(space: Space) -> Names:
    names = {"DomainId": space.domain.id, "SpaceName": space.name}
    return Names(space.name, f"{space.name}.sagemaker", space.arn, names)
