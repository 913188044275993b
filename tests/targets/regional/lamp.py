"""A kind behind a regional API, to test the base: lamps, which :mod:`.lampworld` serves.

Their ids are ``lamp-<hexadecimal>``, their names ``<lamp>.<room>[.<region>][.<profile>].lamp``.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.aws.api import Refused
from connector.aws.cloud import Cloud
from connector.aws.responses import Object, list_of, non_empty, text
from connector.aws.signed import Service, SignedOperation
from connector.errors import ConfigError, ConnectorError, TargetNotReady
from connector.sessions import SessionAccess
from connector.ssh.facts import SshFacts
from connector.targets import model, registry
from connector.targets.model import Query, SessionRequest, State
from connector.targets.regional.backend import Backend, Found
from connector.targets.regional.kind import RegionalKind

ROW = registry.KindRow(
    name="lamp",
    module=__name__,
    help_module=__name__,
    words=model.Words(noun="lamp", nouns="lamps", service="Lampworks", console="the lamp shop"),
    prefixes=("lamp-",),
    suffixes=(".lamp",),
    options=(registry.KindOption("region", "text", "the Region", ("AWS_REGION",)),),
    endpoint_variables=(),
)

_LAMP = Object(
    {"Id": non_empty, "State": non_empty},
    lenient={
        **dict.fromkeys(("Name", "Room", "Bulb"), text),
        "Aliases": list_of(text),
        "LitAt": lambda value: value,
    },
)

SERVICE = Service(
    "lamps",
    "lamps",
    "AWSLampService",
    {
        "list_lamps": SignedOperation(
            "ListLamps", Object(lenient={"Lamps": list_of(_LAMP), "NextToken": text})
        ),
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
    from connector.targets.regional.pages import epoch_time

    labels = tuple(str(answer[part]) for part in ("Name", "Room") if answer.get(part))
    aliases = answer.get("Aliases", [])
    assert isinstance(aliases, list)
    status = str(answer["State"])
    state = State(status, phase=_PHASES[status])
    details = {"bulb": answer.get("Bulb", "")}
    started = epoch_time(answer.get("LitAt"))
    return Found(str(answer["Id"]), labels, region, tuple(aliases), state, details, started)


class Lamps(Backend):
    row = ROW
    service = SERVICE
    states = tuple(_PHASES)
    columns = (model.Column("BULB", 6),)
    settles = 30.0
    ssh = SshFacts(
        title="Lamps",
        nouns="lamps",
        patterns=("*.lamp", "lamp-*"),
        examples=("a.lamp", "lamp-0123"),
        suffix=".lamp",
        service_prefixes=("lamp-",),
        user="me",
        known_hosts="~/.ssh/lamps",
        file_prefix="lamp_",
    )

    def exact(self, name: str) -> Found | None:
        digits = name.removeprefix("lamp-")
        if digits == name or not digits or set(digits) - set("0123456789abcdef"):
            return None
        return Found(name)

    def list_region(self, cloud: Cloud, region: str, deadline: float) -> Sequence[Found]:
        from connector.targets.regional.pages import items_of

        items = items_of(cloud.api(SERVICE, region), "list_lamps", "Lamps", deadline)
        return [lamp_of(item, region) for item in items]

    def look(self, cloud: Cloud, found: Found, timeout: float) -> Found:
        api = cloud.api(SERVICE, found.region)
        return lamp_of(api.call("describe_lamp", timeout=timeout, Id=found.id), found.region)

    def start(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> None:
        api = cloud.api(SERVICE, found.region)
        api.call("switch_lamp", timeout=timeout, Id=found.id, State="ON")

    def stop(self, cloud: Cloud, found: Found, timeout: float) -> State:
        api = cloud.api(SERVICE, found.region)
        answer = api.call("switch_lamp", timeout=timeout, Id=found.id, State="OFF")
        return lamp_of(answer, found.region).state

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        from connector.targets.regional.ssm import start_ssm_session

        return start_ssm_session(cloud, found.region, found.id, request, 22, timeout)

    def check(self, request: SessionRequest) -> None:
        if request.words[:1] == ("dance",):
            raise ConfigError("lamps do not dance")

    def explain(
        self, refused: Refused, what: str, found: Found | None, query: Query
    ) -> ConnectorError | None:
        if refused.code != "HotLampException":
            return None
        return TargetNotReady(f"{found.id if found else 'a lamp'} is too hot to {what}")

    def stop_warning(self, found: Found) -> str:
        return "it gets dark"

    def cells(self, found: Found) -> tuple[str, ...]:
        return (str(found.details["bulb"]),)

    def document(self, found: Found) -> dict[str, object]:
        return {"bulb": found.details["bulb"]}


class SharedLamps(Lamps):
    """Lamps whose sessions the service opens in its own name, so that callers cannot end them."""

    terminates = False


KIND = RegionalKind(Lamps())
HELP = model.HelpTexts("NAME.lamp\n", "", "")
SHARED_KIND = RegionalKind(SharedLamps())
