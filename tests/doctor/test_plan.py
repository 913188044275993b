"""The legs of an examination and their order, with a kind of target that exists for this test."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from connector.cli.target import query_of
from connector.doctor.case import Case, Commands
from connector.doctor.findings import Finding, Leg, Result, Status, examine
from connector.doctor.plan import Plan
from connector.doctor.session import _NoPatience
from connector.doctor.words import Report, words
from connector.errors import ConnectorError, TargetNotFound, TargetNotReady
from connector.sessions import Waiting
from connector.targets.kind import Kind

from ..ssh.test_kinds import BOATS
from .test_installed import NOTHING

OF_THE_SESSION = ["session", "gateway", "gateway-dns", "gateway-proxy", "gateway-tls"]
OF_THE_SESSION += ["greeting", "session-end"]


class BoatLegs:
    states = ("AFLOAT", "SUNK")

    def __init__(self, case: Case) -> None:
        self._case = case

    def service(self) -> list[Leg]:
        return [Leg("harbour", "harbour", lambda: Result(words("It is open")))]

    def target(self) -> Leg:
        return Leg("boat", "boat", self._look, ("harbour",))

    def _look(self) -> Result:
        self._case.find()
        return Result(words("It is afloat"))


class Boats:
    """A kind without any target."""

    ssh = BOATS
    legs = BoatLegs

    def open_finder(self, query: object, environ: object) -> Boats:
        return self

    def find(self) -> None:
        raise TargetNotFound("there is no such boat")


def refuse(arguments: object, cure: object) -> argparse.Namespace:
    raise AssertionError("there is no ProxyCommand to read")


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., Case]:
    def make(**options: str) -> Case:
        given = argparse.Namespace(**{**vars(NOTHING), **options})
        commands = Commands(query_of, refuse, lambda options, proxy: options, lambda ssh: False)
        kind, environ = cast("Kind", Boats()), {"PATH": str(tmp_path)}
        return Case(given, "none", environ, commands, kind, has_target=bool(options))

    return make


def examined(case: Case) -> dict[str, Finding]:
    plan = Plan(case)
    try:
        return {finding.leg.name: finding for finding in examine(plan.legs(), lambda leg: None)}
    finally:
        plan.close()


def test_legs_of_the_kind_stand_between_those_of_ssh_and_of_the_session(
    case: Callable[..., Case],
) -> None:
    names = [leg.name for leg in Plan(case(host="anna.boat")).legs()]

    assert names == [
        *("versions", "ssh-client", "ssh-config"),
        *("harbour", "boat"),
        *OF_THE_SESSION,
        "ssh-login",
    ]


def test_without_a_target_the_legs_end_with_the_service(case: Callable[..., Case]) -> None:
    assert list(examined(case())) == ["versions", "ssh-client", "harbour"]


def test_without_a_host_name_there_are_no_legs_of_ssh(case: Callable[..., Case]) -> None:
    names = [leg.name for leg in Plan(case(id="1")).legs()]

    assert names == ["versions", "ssh-client", "harbour", "boat", *OF_THE_SESSION]


def test_target_that_is_not_found_blocks_the_session(case: Callable[..., Case]) -> None:
    found = examined(case(id="1"))

    assert found["boat"].result.text == "There is no such boat"
    assert found["boat"].result.exit_code == TargetNotFound.exit_code
    assert found["session"].result.text == "boat: failed, see above"
    assert found["gateway"].result.text == "Unknown until a session is started"
    assert {found[name].result.status for name in OF_THE_SESSION} == {Status.SKIP}


@pytest.mark.parametrize(("state", "shown"), [("SUNK", "it is SUNK"), ("LOST", "it is <state-1>")])
def test_report_shows_only_states_of_the_kind(state: str, shown: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        _NoPatience().wait(Waiting(state, 0.0, None), 1.0)

    assert isinstance(caught.value, TargetNotReady)
    message = caught.value.message
    assert message == f"it is {state}"
    assert Report(BoatLegs.states).value("text", message) == shown
