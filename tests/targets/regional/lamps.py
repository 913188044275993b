"""The lamps of a Region, as their service lists, describes and switches them."""

from __future__ import annotations

from collections.abc import Sequence

from connector.aws.api import Refused
from connector.aws.responses import Object, list_of, non_empty, page_of, text, texts
from connector.aws.services import Service, SignedOperation
from connector.errors import ConnectorError, TargetNotReady
from connector.targets import model
from connector.targets.model import Query, State
from connector.targets.pages import epoch_time
from connector.targets.regional.backend import Found
from connector.targets.regional.help import help_texts
from connector.targets.regional.targets import Targets

from .lamp import KIND

HELP = help_texts(KIND.backend, names="names:\n  <lamp>.<room>.lamp, lamp-<hexadecimal>\n")

_LAMP = Object(
    {"Id": non_empty, "State": non_empty},
    lenient={
        **texts("Name", "Room", "Bulb"),
        "Aliases": list_of(text),
        "LitAt": lambda value: value,
    },
)

SERVICE = Service(
    "lamps",
    "lamps",
    "AWSLampService",
    {
        "list_lamps": SignedOperation("ListLamps", page_of("Lamps", _LAMP)),
        "describe_lamp": SignedOperation("DescribeLamp", _LAMP),
        "switch_lamp": SignedOperation("SwitchLamp", _LAMP),
    },
)

_PHASES = {
    "ON": model.RUNNING,
    "WARMING": model.STARTING,
    "OFF": model.STOPPED,
    "COOLING": model.STOPPING,
    "BROKEN": model.GONE,
}


def lamp_of(answer: dict[str, object], region: str) -> Found:
    labels = tuple(str(answer[part]) for part in ("Name", "Room") if answer.get(part))
    aliases = answer.get("Aliases", [])
    assert isinstance(aliases, list)
    status = str(answer["State"])
    state = State(status, phase=_PHASES.get(status, model.FAILED))
    details = {"bulb": answer.get("Bulb", "")}
    started = epoch_time(answer.get("LitAt"))
    return Found(str(answer["Id"]), labels, region, tuple(aliases), state, details, started)


class Lamps(Targets):
    """The lamps of a Region."""

    service = SERVICE
    states = tuple(_PHASES)

    def listed(self) -> Sequence[Found]:
        return [lamp_of(item, self.region) for item in self.items("list_lamps", "Lamps")]

    def look(self, found: Found, query: Query) -> Found:
        return lamp_of(self.call("describe_lamp", Id=found.id), self.region)

    def start(self, found: Found, query: Query) -> None:
        self.call("switch_lamp", Id=found.id, State="ON")

    def stop(self, found: Found) -> State:
        return lamp_of(self.call("switch_lamp", Id=found.id, State="OFF"), self.region).state

    @staticmethod
    def explain(refused: Refused, what: str, found: Found, query: Query) -> ConnectorError | None:
        hot = refused.code == "HotLampException"
        return TargetNotReady(f"{found.id} is too hot to {what}") if hot else None
