"""A third kind of target: dolls, which differ from toys in all that a kind can have of its own.

They have ids, options, a user each, and only an SSH server; a stop warns, and a start costs money.
They live in the same shop as toys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import NoKeys, TargetNotFound
from connector.ssh.facts import SshFacts
from connector.targets import model, registry
from connector.targets.model import Query

from . import toy

ROW = toy.ROW._replace(
    name="doll",
    module=__name__,
    help_module=__name__,
    words=model.Words(noun="doll", nouns="dolls", service="the toy shop", console="the toy shop"),
    suffixes=(".doll",),
    id_prefixes=("d-",),
    options=(
        registry.KindOption("shelf", "text", "where it stands", ("DOLL_SHELF",)),
        registry.PORT,
        registry.KindOption("gently", "flag", "wake it gently", role=registry.START),
        registry.KindOption(
            "hair", "choice", "how it looks", (), registry.SESSION, ("long", "short")
        ),
        registry.KindOption("as", "text", "whose voice it has", role=registry.STREAM),
    ),
    forms=(model.SSH,),
    starts_unasked=False,
    example="anna.doll, d-01234567",
)

#: The dolls of the shop: their names and their ids there.
IDS = {"anna": "d-0123456789abcdef0", "berta": "d-0123456789abcdef1"}
NAMES = {id: name for name, id in IDS.items()}


class Doll(toy.Toy):
    def __init__(self, name: str, query: Query) -> None:
        super().__init__(IDS[name])
        self.name, self.user = name, f"{name}-user"
        self.host_name = f"{name}.doll"
        self.host_key_alias = IDS[name]
        options = tuple((option, value) for option, value in query.options if option != "shelf")
        self.words = Query(self.host_name, options).words
        self.options = dict(options)
        self.start_command = f"connector start {self.host_name}"
        self.stop_warning = f"{name} forgets what she wears"

    def __str__(self) -> str:
        return f"doll {self.name}"


class DollFinder(toy.ToyFinder):
    def __init__(self, query: Query, environ: Mapping[str, str]) -> None:
        super().__init__(query, environ)
        self._query = query
        self._name = query.name.lower().removesuffix(".doll")

    def find(self) -> Doll:
        name = NAMES.get(self._name, self._name)
        if IDS.get(name) not in toy.ask("/list"):
            raise TargetNotFound(f"There is no doll {self._name}")
        return Doll(name, self._query)

    find_anew = find


class DollKind(toy.ToyKind):
    ssh = SshFacts(
        title="Dolls",
        nouns="dolls",
        patterns=("*.doll", "d-?????????????????"),
        examples=("a.doll", "d-0123456789abcdef0"),
        suffix=".doll",
        service_prefixes=(),
        id_prefixes=("d-",),
        user="",
        known_hosts="~/.ssh/dolls",
        file_prefix="doll_",
        proxy_options=(("port", "%p"), ("as", "%r")),
    )
    open_finder = DollFinder

    def list_targets(self, query: Query, environ: Any, timeout: float) -> model.Listing:
        if environ.get("DOLLS_HIDE"):
            raise NoKeys("There is no key to the dolls' house")
        rows = []
        for name in [NAMES[id] for id in toy.ask("/list") if id in NAMES]:
            doll = Doll(name, Query())
            shelf = query.option("shelf") or "top"
            about = (name, (shelf,), (shelf,), {"doll": name, "shelf": shelf})
            rows.append(
                model.Row(doll.host_name, doll.state(), *about, doll.host_key_alias, "", doll.user)
            )
        return model.Listing(rows, (model.Column("SHELF", 5),), [], True, None, "", "Make one")

    def remembered(self, environ: Mapping[str, str]) -> model.Remembered:
        return model.Remembered({"anna.doll": "in the shop"}, {"shelf": {"top", "low"}})

    def identify(self, query: Query, environ: Any, before_call: Any) -> model.Account:
        return model.Account(
            (("user", "child of dolls"),), {"user": "child of dolls"}, "the nursery", None
        )


KIND = DollKind()
HELP = model.HelpTexts("NAME.doll, d-01234567\n", "", "Dolls need no credentials.\n")
