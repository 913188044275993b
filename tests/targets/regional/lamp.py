"""A kind behind a regional API, to test the base: lamps, which :mod:`.lampworld` serves.

Their API and its calls are in :mod:`.lamps`, which neither the ProxyCommand nor completion imports:
sessions are started by Systems Manager.

Their ids are ``lamp-<hexadecimal>``, their names ``<lamp>.<room>[.<region>][.<profile>].lamp``.
"""

from __future__ import annotations

from connector.fast.typed import TYPE_CHECKING
from connector.targets import model, registry
from connector.targets.regional.backend import Backend, Found
from connector.targets.regional.kind import RegionalKind

if TYPE_CHECKING:
    from connector.targets.regional.targets import Targets

ROW = registry.KindRow(
    name="lamp",
    module=__name__,
    help_module=f"{__package__}.lamps",
    words=model.Words(noun="lamp", nouns="lamps", service="Lampworks", console="the lamp shop"),
    prefixes=("lamp-",),
    suffixes=(".lamp",),
    options=(registry.REGION, registry.PORT),
    endpoint_variables=(),
)


class LampBackend(Backend):
    row = ROW
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
SHARED_KIND = RegionalKind(SharedLamps())
