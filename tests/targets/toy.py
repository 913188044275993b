"""A second kind of target, to test the contract: toys, which a web server on loopback serves.

The connector serves toys by every command without a line about them. ``TOY_URL`` names the server.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from connector.doctor.case import Case
from connector.doctor.findings import Leg, Result
from connector.doctor.words import words
from connector.errors import SessionNotFound, TargetNotFound, TargetNotReady
from connector.sessions import SessionAccess, StartProgress, Waiting
from connector.ssh.facts import SshFacts
from connector.targets import model, registry
from connector.targets.model import Query, SessionRequest, StartSettings, State
from connector.transport.address import StreamSettings
from connector.transport.trust import Trust

ROW = registry.KindRow(
    name="toy",
    module=__name__,
    help_module=__name__,
    words=model.Words(noun="toy", nouns="toys", service="the toy shop", console="the toy shop"),
    prefixes=(),
    suffixes=(".toy",),
    example="bear.toy",
    options=(),
    endpoint_variables=(),
)

Wait = Callable[[Waiting, float], None]


def ask(path: str, **members: Any) -> Any:
    """Ask the shop, which answers with JSON."""
    connection = http.client.HTTPConnection(os.environ["TOY_URL"].removeprefix("http://"))
    connection.request("POST", path, json.dumps(members))
    return json.loads(connection.getresponse().read())


class Toy:
    def __init__(self, name: str) -> None:
        self.id = name
        self.options: dict[str, str | bool] = {}
        self.name, self.key, self.service = name, f"toy {name}", os.environ["TOY_URL"]
        self.host_name = self.host_key_alias = f"{name}.toy"
        self.words: tuple[str, ...] = (self.host_name,)
        self.user = self.stop_warning = ""
        self.billing = os.environ.get("TOY_BILLING", "")
        self.start_command = f"connector start {self.host_name}"

    def __str__(self) -> str:
        return f"toy {self.name}"

    def state(self) -> State:
        status = ask("/state", name=self.id)
        return State(status, phase=model.RUNNING if status == "ON" else model.STOPPED)

    def confirm(self) -> None:
        """A toy never changes its name."""

    doubter = confirm

    def run_until_running(self, progress: StartProgress, settings: StartSettings) -> State:
        if self.state().phase != model.RUNNING:
            if not settings.allowed:
                raise TargetNotReady(f"{self} is OFF")
            progress.wait(Waiting("OFF", 0.0, None), 0.0)
            ask("/switch", name=self.id, status="ON")
        progress.go_on()
        return self.state()

    def stop(self) -> State:
        ask("/switch", name=self.id, status="OFF")
        return self.state()

    def until_stopped(self, state: State, wait: Wait) -> State:
        return state

    def sessions(self) -> list[model.SessionInfo]:
        return [model.SessionInfo(id, "") for id in ask("/sessions")]

    def stop_session(self, session_id: str) -> None:
        if not ask("/end", id=session_id):
            raise SessionNotFound(f"{self} has no session {session_id}")

    def source(self, request: SessionRequest, settings: StartSettings) -> ToySource:
        return ToySource(self, request, settings)


class ToySource:
    def __init__(self, toy: Toy, request: SessionRequest, settings: StartSettings) -> None:
        self._toy, self._request, self._settings = toy, request, settings

    def start(self, progress: StartProgress) -> SessionAccess:
        if self._toy.state().phase != model.RUNNING:
            self._toy.run_until_running(progress, self._settings)
        request, options = self._request, self._toy.options
        answer = ask("/session", form=request.form, words=request.words, options=options)
        return SessionAccess(answer["streamUrl"], answer["tokenValue"], answer["sessionId"])

    def resume(self, access: SessionAccess) -> None:
        """The shop gives no fresh access."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        ask("/end", id=access.session_id)

    def tidy(self) -> None:
        """Do nothing: the ledger knows which sessions are left."""


class ToyFinder:
    def __init__(self, query: Query, environ: Mapping[str, str]) -> None:
        self.may_leave: Callable[[bool], None] = lambda harmless: None
        self.settings = StreamSettings(Trust(environ["AWS_CA_BUNDLE"]), endpoint_overridden=True)
        self._name = query.name.removesuffix(".toy")

    def unlock(self, progress: StartProgress | None = None) -> None:
        """Do nothing: toys need no keys."""

    def known(self) -> None:
        """Only the shop knows its toys."""

    def find(self) -> Toy:
        if self._name not in ask("/list"):
            raise TargetNotFound(f"There is no toy {self._name}")
        return Toy(self._name)

    find_anew = find


class ToyLegs:
    states = ("ON", "OFF")

    def __init__(self, case: Case) -> None:
        self._case = case

    def service(self) -> list[Leg]:
        return [Leg("ca", "CA certificates", self._trust)]

    keys = list[Leg]  # it has none

    def target(self) -> Leg:
        return Leg("toy", "toy", self._look, ("ca",))

    def _trust(self) -> Result:
        self._case.settings = ToyFinder(self._case.query, self._case.environ).settings
        return Result(words("The shop's"))

    def _look(self) -> Result:
        return Result(words("It is {state}", state=self._case.find().state().status))


class ToyKind:
    ssh = SshFacts(
        title="Toys",
        nouns="toys",
        patterns=("*.toy",),
        examples=("a.toy",),
        suffix=".toy",
        service_prefixes=(),
        user="me",
        known_hosts="~/.ssh/toys",
        file_prefix="toy_",
    )
    legs = ToyLegs
    open_finder = ToyFinder

    def check(self, request: SessionRequest) -> None:
        """The shop takes any words."""

    def profile_problem(self, query: Query, environ: Any) -> None:
        """Toys need no profile."""

    def list_targets(self, query: Query, environ: Any, timeout: float) -> model.Listing:
        toys = [Toy(name) for name in ask("/list") if "-" not in name]
        about = [("", ("wood",), ("wood",), {"toy": toy.name}, toy.host_name, "") for toy in toys]
        rows = [
            model.Row(toy.host_name, toy.state(), *more)
            for toy, more in zip(toys, about, strict=True)
        ]
        return model.Listing(rows, (model.Column("MADE OF", 7),), [], True, None, "", "Make one")

    def remembered(self, environ: Mapping[str, str]) -> model.Remembered:
        return model.Remembered({"bear.toy": "in the shop"}, {})

    def identify(self, query: Query, environ: Any, before_call: Any) -> model.Account:
        return model.Account((("user", "child"),), {"user": "child"}, "the nursery", None)


KIND = ToyKind()
HELP = model.HelpTexts("NAME.toy\n", "", "")
