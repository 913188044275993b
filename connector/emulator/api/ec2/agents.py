"""The agents of instances and managed nodes, as Systems Manager asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..account import Account
from .model import Ec2Model, Instance, ManagedNode


class Agent:
    """An agent: a ``Machine`` of the account."""

    def __init__(self, account: Account, model: Ec2Model, machine: Instance | ManagedNode) -> None:
        self._account = account
        self._model = model
        self._machine = machine

    @property
    def id(self) -> str:
        return self._machine.id

    @property
    def arn(self) -> str:
        if isinstance(self._machine, Instance):
            return self._account.arn("ec2", self._machine.region, f"instance/{self.id}")
        return self._account.arn("ssm", self._machine.region, f"managed-instance/{self.id}")

    def connected(self) -> bool:
        return self._model.is_connected(self._machine)

    def information(self) -> Mapping[str, Any] | None:
        machine = self._machine
        if isinstance(machine, ManagedNode):
            return {
                "InstanceId": machine.id,
                "ResourceType": "ManagedInstance",
                "PingStatus": machine.ping.value,
                "PlatformType": machine.platform.type,
                "PlatformName": machine.platform.name,
                "PlatformVersion": machine.platform.version,
                "Name": machine.name or None,
                "ComputerName": machine.computer_name or None,
                "IPAddress": machine.address,
            }
        ping = self._model.ping(machine)
        if ping is None:
            return None
        return {
            "InstanceId": machine.id,
            "ResourceType": "EC2Instance",
            "PingStatus": ping.value,
            "PlatformType": machine.platform.type,
            "PlatformName": machine.platform.name,
            "PlatformVersion": machine.platform.version,
            "ComputerName": machine.dns_name,
            "IPAddress": machine.address,
        }


class Agents:
    """The agents of the room: ``Machines`` of the account."""

    def __init__(self, account: Account, model: Ec2Model) -> None:
        self._account = account
        self._model = model

    def find(self, target: str, region: str) -> Agent | None:
        return next((agent for agent in self.list(region) if agent.id == target), None)

    def list(self, region: str) -> list[Agent]:
        machines: list[Instance | ManagedNode] = [*self._model.instances(region)]
        machines += self._model.nodes(region)
        return [Agent(self._account, self._model, machine) for machine in machines]
