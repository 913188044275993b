"""A kind of target that lives in the tests: lamps, whose service has signed requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.emulator.access import Names, SshDefaults
from connector.emulator.api.account import HOME_REGION
from connector.emulator.api.errors import ApiError
from connector.emulator.api.protocols.protocol import Answer
from connector.emulator.api.rest import Endpoint
from connector.emulator.api.room import Lifecycle, PlannedMachine, Room
from connector.emulator.api.shapes import Structure, Text, Whole
from connector.emulator.api.signed import Call, SignedApi
from connector.emulator.api.world import PlannedTarget, Services

ON, OFF, WARMING = "ON", "OFF", "WARMING"

LIST_LAMPS = Structure({"NextToken": Text(), "MaxResults": Whole(1, 100)})
LAMP = Structure({"LampId": Text(1, 40, r"lamp-[0-9a-f]+")}, ("LampId",))


class Lamp:
    def __init__(self, number: int, planned: PlannedTarget, account_now: Lifecycle) -> None:
        self.alias = planned.alias
        self.id = f"lamp-{number:04x}"
        self.start_seconds = planned.start_seconds
        self.life = account_now


class LampWorld(Room):
    """Lamps in the home Region, which ssm:StartSession knows by their ids."""

    def __init__(self, services: Services, targets: Sequence[PlannedTarget]) -> None:
        super().__init__(services.account)
        self._lamps: list[Lamp] = []
        for target in targets:
            self.add(target)
        self.account.add_machines(self)

    @property
    def ssh(self) -> SshDefaults:
        return SshDefaults(("*.lamp",), words=("--port", "%p"))

    @property
    def targets(self) -> list[Names]:
        return [
            Names(lamp.alias, f"{lamp.alias}.lamp", lamp.id, {"id": lamp.id})
            for lamp in self._lamps
        ]

    def add(self, target: PlannedTarget) -> Names:
        life = Lifecycle(self.account.now, ON if target.running else OFF)
        self._lamps.append(Lamp(len(self._lamps), target, life))
        return self.targets[-1]

    def state(self, alias: str) -> str:
        return self._named(alias).life.state

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        if state not in (ON, OFF, WARMING):
            raise ValueError(state)
        lamp = self._named(alias)
        lamp.life.set(state)
        if state != ON:
            self.account.end_sessions(lamp.id, reason or "The lamp is off")

    def endpoints(self) -> list[Endpoint]:
        api = SignedApi(self.account, "lamps", "AWSLampService")
        return [
            api.endpoint("ListLamps", LIST_LAMPS, self._list),
            api.endpoint("LightLamp", LAMP, self._light, resources=_arns),
        ]

    def find(self, target: str, region: str) -> PlannedMachine | None:
        return next((each for each in self.list(region) if each.id == target), None)

    def list(self, region: str) -> Iterator[PlannedMachine]:
        for lamp in self._lamps if region == HOME_REGION else ():
            arn = self.account.arn("lamps", region, f"lamp/{lamp.id}")
            yield PlannedMachine(lamp.id, arn, lambda life=lamp.life: life.state == ON)  # type: ignore[misc]

    def _list(self, call: Call) -> Answer:
        lamps = [{"LampId": lamp.id, "State": lamp.life.state} for lamp in self._lamps]
        return call.page("Lamps", lamps, 100)

    def _light(self, call: Call) -> Answer:
        for lamp in self._lamps:
            if lamp.id == call["LampId"]:
                lamp.life.move(WARMING, ON, seconds=lamp.start_seconds)
                return {"State": lamp.life.state}
        raise ApiError("There is no such lamp", "ResourceNotFoundException", 400)

    def _named(self, alias: str) -> Lamp:
        for lamp in self._lamps:
            if lamp.alias == alias:
                return lamp
        raise KeyError(alias)


def _arns(call: Call) -> list[str]:
    return [call.arn(f"lamp/{call['LampId']}")]
