"""The service of lamps: a room of the emulator, with its signed API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.emulator.access import Names, SshDefaults
from connector.emulator.api.account import HOME_REGION, Machine
from connector.emulator.api.errors import ApiError
from connector.emulator.api.protocols.protocol import Answer
from connector.emulator.api.rest import Endpoint
from connector.emulator.api.room import Lifecycle, Room
from connector.emulator.api.shapes import Structure, Text
from connector.emulator.api.signed import Call, SignedApi
from connector.emulator.api.world import PlannedTarget, Services

_ID = Structure({"Id": Text(1, 40)}, ("Id",))


@dataclass
class Lamp:
    """One lamp. Its agent is connected while it is on, from ``connected_at`` on."""

    id: str
    arn: str
    name: str
    room: str
    region: str
    life: Lifecycle
    aliases: list[str] = field(default_factory=list)
    warm_up: float = 0.0
    refusals_left: int = 0
    lit_at: float = 0.0

    def connected(self) -> bool:
        if self.life.state == "ON" and self.refusals_left:
            self.refusals_left -= 1
            return False
        return self.life.state == "ON"

    def information(self) -> None:
        """Systems Manager does not list lamps."""

    def members(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "Name": self.name,
            "Room": self.room,
            "State": self.life.state,
            "Bulb": "LED",
            "Aliases": self.aliases,
            "LitAt": self.lit_at,
        }


class LampWorld(Room):
    """All lamps of the account."""

    ssh = SshDefaults(("*.lamp",), "me", ("--port", "%p"))

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        super().__init__(services.account)
        self.lamps: dict[str, Lamp] = {}
        for target in targets:
            self.add(target)
        self.account.add_machines(self)

    @property
    def targets(self) -> Sequence[Names]:
        return [Names(lamp.name, f"{lamp.name}.lamp", lamp.id, {}) for lamp in self.lamps.values()]

    def add(self, target: PlannedTarget) -> Names:
        lamp = self.add_lamp(target.alias, target.group, state="ON" if target.running else "OFF")
        return Names(lamp.name, f"{lamp.name}.lamp", lamp.id, {})

    def add_lamp(
        self, name: str, room: str = "hall", region: str = HOME_REGION, state: str = "ON"
    ) -> Lamp:
        id = f"lamp-{len(self.lamps) + 0xABC00:08x}"
        life = Lifecycle(self.account.now, state)
        arn = self.account.arn("lamps", region, f"lamp/{id}")
        lamp = self.lamps[id] = Lamp(id, arn, name, room, region, life)
        return lamp

    def state(self, alias: str) -> str:
        return self._named(alias).life.state

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        lamp = self._named(alias)
        lamp.life.set(state)
        if state != "ON":
            self.account.end_sessions(lamp.id, reason or "the lamp is off")

    def endpoints(self) -> list[Endpoint]:
        api = SignedApi(self.account, "lamps", "AWSLampService")
        switch = Structure({"Id": Text(1, 40), "State": Text()}, ("Id", "State"))
        token = Structure({"NextToken": Text()})
        return [
            api.endpoint("ListLamps", token, self._list),
            api.endpoint("DescribeLamp", _ID, lambda call: self._lamp(call).members()),
            api.endpoint("SwitchLamp", switch, self._switch),
        ]

    # Machines of ssm:StartSession

    def find(self, target: str, region: str) -> Machine | None:
        lamp = self.lamps.get(target)
        return lamp if lamp and lamp.region == region else None

    def list(self, region: str) -> Iterable[Machine]:
        return [lamp for lamp in self.lamps.values() if lamp.region == region]

    def _named(self, name: str) -> Lamp:
        return next(lamp for lamp in self.lamps.values() if lamp.name == name)

    def _lamp(self, call: Call) -> Lamp:
        lamp = self.lamps.get(call["Id"])
        if lamp is None or lamp.region != call.region:
            raise ApiError("There is no such lamp", "LampNotFoundException", 400)
        return lamp

    def _list(self, call: Call) -> Answer:
        lamps = [lamp for lamp in self.lamps.values() if lamp.region == call.region]
        return call.page("Lamps", [lamp.members() for lamp in lamps], 2)

    def _switch(self, call: Call) -> Answer:
        lamp = self._lamp(call)
        if call["State"] == "ON":
            lamp.life.move("WARMING", "ON", seconds=lamp.warm_up)
        else:
            lamp.life.set("OFF")
            self.account.end_sessions(lamp.id, "the lamp was switched off")
        return lamp.members()
