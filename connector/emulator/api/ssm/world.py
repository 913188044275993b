"""Targets that ssm:StartSession knows by a prefix, and a stream session of GameLift Streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ...access import Names, SshDefaults
from ..account import HOME_REGION
from ..gamelift.service import GameLiftStreams, StreamSession
from ..rest import Endpoint
from ..room import PlannedMachine, Room
from ..world import PlannedTarget, Services

#: What comes before and after a target's alias, and the resource of IAM, by the target's group.
FORMS = {
    "training": ("sagemaker-training-job:", "_algo-1", "training-job"),
    "hyperpod": ("sagemaker-cluster:k8s7abc9def0_", "-i-0123456789abcdef0", "cluster"),
    "endpoint": ("sagemaker-endpoint:", "_variant1_i-0123456789abcdef0", "endpoint"),
    "build": ("codebuild:", "", "build"),
}

#: The group of stream sessions, which ssm:StartSession does not know.
STREAMS = "streams"
STREAM_GROUP = "sg-1AB2C3De4"

STATES = ("connected", "notconnected")


class SsmWorld(Room):
    """A ``World``. A planned target's group says which form it has; else it is a training job.

    :ivar streams: the service of stream sessions.
    """

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        super().__init__(services.account)
        self.streams = GameLiftStreams(services.account)
        self._streams: dict[str, StreamSession] = {}
        self._connected: dict[str, bool] = {}
        self._targets: dict[str, Names] = {}
        for target in targets:
            self.add(target)
        self.account.add_machines(self)

    @property
    def ssh(self) -> SshDefaults:
        return SshDefaults(("*.ssm", "sagemaker-cluster:*"), "ubuntu")

    @property
    def targets(self) -> list[Names]:
        return list(self._targets.values())

    def add(self, target: PlannedTarget) -> Names:
        alias = target.alias
        if target.group == STREAMS:
            stream = StreamSession(HOME_REGION, STREAM_GROUP, alias)
            self._streams[alias] = self.streams.add(stream)
            host = f"gameliftstreams:{STREAM_GROUP}/{alias}"
        else:
            before, after, _ = FORMS.get(target.group, FORMS["training"])
            host = f"{before}{alias}{after}"
            self._connected[alias] = True
        name = f"{host.replace(':', '.').replace('/', '_')}.ssm"
        self._targets[alias] = Names(alias, name, host, {"target": host})
        if not target.running:
            self.set_state(alias, "ACTIVATING" if target.group == STREAMS else "notconnected")
        return self._targets[alias]

    def endpoints(self) -> list[Endpoint]:
        return self.streams.endpoints()

    def state(self, alias: str) -> str:
        if alias in self._streams:
            return self._streams[alias].status
        return "connected" if self._connected[alias] else "notconnected"

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        if alias in self._streams:
            self.streams.force(self._streams[alias], state)
        elif state not in STATES:
            raise ValueError(state)
        else:
            machine = self._targets[alias].host
            self._connected[alias] = state == "connected"
            if not self._connected[alias]:
                self.account.end_sessions(machine, "The target is not connected any more")

    def find(self, target: str, region: str) -> PlannedMachine | None:
        """Return the machine of a ``Target`` of ssm:StartSession."""
        return next((each for each in self.list(region) if each.id == target), None)

    def list(self, region: str) -> Iterator[PlannedMachine]:
        """Yield the machines of a Region; ssm:DescribeInstanceInformation lists none of them."""
        for alias, names in self._targets.items():
            if alias not in self._streams and region == HOME_REGION:
                kind, _, resource = names.host.partition(":")
                form = next(form for form in FORMS.values() if form[0].startswith(f"{kind}:"))
                service = "codebuild" if kind == "codebuild" else "sagemaker"
                yield PlannedMachine(
                    names.host,
                    self.account.arn(service, region, f"{form[2]}/{resource}"),
                    partial(self._connected.__getitem__, alias),
                )
