"""The agents of instances and managed nodes, as Systems Manager asks for them."""

from __future__ import annotations

from functools import partial

from ..account import Account
from ..room import PlannedMachine
from .model import Ec2Model, Instance, ManagedNode


class Agents:
    """The agents of the room: ``Machines`` of the account."""

    def __init__(self, account: Account, model: Ec2Model) -> None:
        self._account = account
        self._model = model

    def find(self, target: str, region: str) -> PlannedMachine | None:
        return next((agent for agent in self.list(region) if agent.id == target), None)

    def list(self, region: str) -> list[PlannedMachine]:
        machines: list[Instance | ManagedNode] = [*self._model.instances(region)]
        return [self._agent(machine) for machine in [*machines, *self._model.nodes(region)]]

    def _agent(self, machine: Instance | ManagedNode) -> PlannedMachine:
        is_node = isinstance(machine, ManagedNode)
        service, resource = ("ssm", "managed-instance") if is_node else ("ec2", "instance")
        ping = self._model.ping(machine)
        facts = {
            "InstanceId": machine.id,
            "ResourceType": "ManagedInstance" if is_node else "EC2Instance",
            "PingStatus": ping,
            "PlatformType": machine.platform.type,
            "PlatformName": machine.platform.name,
            "PlatformVersion": machine.platform.version,
            "Name": machine.name if isinstance(machine, ManagedNode) else None,
            "ComputerName": machine.computer_name,
            "IPAddress": machine.address,
        }
        return PlannedMachine(
            machine.id,
            self._account.arn(service, machine.region, f"{resource}/{machine.id}"),
            partial(self._model.is_connected, machine),
            {name: value for name, value in facts.items() if value} if ping else None,
        )
