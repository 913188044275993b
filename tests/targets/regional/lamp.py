"""A kind behind a regional API, to test the base: lamps, which :mod:`.lampworld` serves.

Their calls are in :mod:`.lamps`, which the ProxyCommand does not import.

Their ids are ``lamp-<hexadecimal>``, their names ``<lamp>.<room>[.<region>][.<profile>].lamp``.
"""

from __future__ import annotations

from connector.aws.responses import Object, list_of, non_empty, page_of, text
from connector.aws.signed import Service, SignedOperation
from connector.fast.typed import TYPE_CHECKING
from connector.targets import model, registry
from connector.targets.regional.backend import Backend, Found
from connector.targets.regional.kind import RegionalKind

if TYPE_CHECKING:
    from connector.targets.regional.targets import Targets

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
        "list_lamps": SignedOperation("ListLamps", page_of("Lamps", _LAMP)),
        "describe_lamp": SignedOperation("DescribeLamp", _LAMP),
        "switch_lamp": SignedOperation("SwitchLamp", _LAMP),
    },
)


class LampBackend(Backend):
    row = ROW
    service = SERVICE
    columns = (model.Column("BULB", 6, "bulb"),)
    settles = 30.0
    ssh_title = "Lamps"
    patterns = ("*.lamp", "lamp-*")
    examples = ("a.lamp", "lamp-0123")
    ssh_user = "me"

    @property
    def targets(self) -> type[Targets]:
        from .lamps import Lamps

        return Lamps

    def exact(self, name: str) -> Found | None:
        digits = name.removeprefix("lamp-")
        if digits == name or not digits or set(digits) - set("0123456789abcdef"):
            return None
        return Found(name)

    def stop_warning(self, found: Found) -> str:
        return "it gets dark"


class SharedLamps(LampBackend):
    """Lamps whose sessions the service opens in its own name, so that callers cannot end them."""

    terminates = False


KIND = RegionalKind(LampBackend())
HELP = model.HelpTexts("NAME.lamp\n", "", "")
SHARED_KIND = RegionalKind(SharedLamps())
