"""EC2 as an emulator starts with it: instances in the home Region."""

from __future__ import annotations

from collections.abc import Sequence

from ...access import Names, SshDefaults
from ..account import HOME_REGION
from ..rest import Endpoint, Page
from ..room import Room
from ..world import PlannedTarget, Services
from .agents import Agents
from .model import Ec2Model, Instance, Status
from .service import Ec2Service
from .tunnels import Tunnels

#: The longest time that a stop takes, in seconds.
STOP_SECONDS_MAX = 2.0

USER_NAME = "ec2-user"


class Ec2World(Room):
    """A ``World``: one account's instances. A target's group is of no meaning here.

    :ivar model: the state, which tests may change on the emulator's event loop.
    :ivar tunnels: through EC2 Instance Connect Endpoints.
    """

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        super().__init__(services.account)
        self.model = Ec2Model(services.account)
        self.tunnels = Tunnels(services.account, self.model, services.dial)
        self.model.on_end = self.tunnels.end
        self._api_url = services.api_url
        self._added: list[Instance] = []
        for target in targets:
            self.add(target)
        self.account.add_machines(Agents(self.account, self.model))

    @property
    def ssh(self) -> SshDefaults:
        return SshDefaults(("*.ec2", "i-*", "mi-*"), USER_NAME)

    @property
    def targets(self) -> list[Names]:
        return [_names(instance) for instance in self._added]

    def add(self, target: PlannedTarget) -> Names:
        instance = self.model.add_instance(
            HOME_REGION,
            target.alias,
            running=target.running,
            start_seconds=target.start_seconds,
            stop_seconds=min(target.start_seconds, STOP_SECONDS_MAX),
        )
        self._added.append(instance)
        return _names(instance)

    def endpoints(self) -> list[Endpoint]:
        return Ec2Service(self.account, self.model, self._api_url).endpoints()

    def pages(self) -> list[Page]:
        return [self.tunnels.page()]

    def state(self, alias: str) -> str:
        return self.find(alias).status.value

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        self.model.set_status(self.find(alias), Status(state), reason or "")

    def find(self, alias: str) -> Instance:
        """Return the instance of this name; raises KeyError if there is none."""
        for instance in self._added:
            if instance.tags.get("Name") == alias:
                return instance
        raise KeyError(alias)


def _names(instance: Instance) -> Names:
    name = instance.tags["Name"]
    members = {"instance": instance.id, "region": instance.region}
    return Names(name, f"{name}.ec2", instance.id, members)
