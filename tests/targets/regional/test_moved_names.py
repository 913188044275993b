"""Remembered names that mean another target by now."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from connector.errors import AccessDenied
from connector.sessions import Waiting
from connector.targets.ledger import held
from connector.targets.memory import cache_file
from connector.targets.model import SSH_SESSION
from connector.targets.regional.sessions import RegionalSessions
from connector.targets.regional.target import RegionalTarget
from connector.targets.source import LateSource
from connector.targets.source import source_of as ledger_source_of

from ...aws.helpers import Clock
from ...endtoend.waiting import eventually
from . import lamp
from .lampworld import Lamp
from .works import NO_START, Lampworks, source_of


def move(works: Lampworks) -> Lamp:
    """Remember `desk`, and give its name to another lamp."""
    works.listing()
    next(iter(works.world.lamps.values())).name = "bed"
    return works.world.add_lamp("desk")


def late(works: Lampworks, clock: Clock) -> LateSource:
    finder = lamp.KIND.open_finder(works.query("desk.lamp"), works.environ)

    def source(target: object) -> RegionalSessions:
        assert isinstance(target, RegionalTarget)
        return source_of(target, clock)

    known = finder.known()
    assert known is not None
    return LateSource(finder, known, source)


class Leaving:
    """A ``StartProgress`` that need not wait. A look-up may be left."""

    def wait(self, waiting: Waiting, seconds: float) -> None:
        raise AssertionError(f"it waits for {waiting}")

    def go_on(self) -> None:
        raise AssertionError("it has waited")

    def may_leave(self, harmless: bool) -> None:
        """A look-up begins or ends."""


@pytest.mark.usefixtures("desk")
def test_session_on_a_target_that_has_another_name_is_replaced(
    lampworks: Lampworks, clock: Clock
) -> None:
    fresh = move(lampworks)
    late(lampworks, clock).start(Leaving())
    (session,) = lampworks.living()
    found = lampworks.account.sessions.find(session)
    assert found is not None
    assert found.machine_id == fresh.id


def test_session_on_a_target_of_another_name_that_does_not_end_stays_in_the_ledger(
    lampworks: Lampworks, desk: Lamp
) -> None:
    move(lampworks)
    lampworks.refuse("TerminateSession", "InternalServerError", 500)
    finder = lamp.KIND.open_finder(lampworks.query("desk.lamp"), lampworks.environ)
    source = LateSource(
        finder, finder.known(), lambda target: ledger_source_of(target, SSH_SESSION, NO_START)
    )
    access = source.start(Leaving())
    ledger = Path(cache_file(os.environ, "sessions"))
    eventually(lambda: len(list(ledger.glob("*"))) == 2, "both entries")
    eventually(lambda: len(held) == 1, "the release of one entry")
    (left,) = (path for path in ledger.iterdir() if path.name not in held)
    assert json.loads(left.read_text())[2:] == [f"lamp us-west-2 {desk.id}", lampworks.living()[0]]
    source.stop(access, 5)
    eventually(lambda: not held, "the end of the other entry")


def test_refused_session_on_a_remembered_target_leads_to_a_look_up(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    fresh = move(lampworks)
    desk.life.set("BROKEN")
    late(lampworks, clock).start(Leaving())
    (session,) = lampworks.living()
    found = lampworks.account.sessions.find(session)
    assert found is not None
    assert found.machine_id == fresh.id


def test_remembered_target_that_is_unknown_by_now_is_looked_up(
    lampworks: Lampworks, desk: Lamp
) -> None:
    fresh = move(lampworks)
    del lampworks.world.lamps[desk.id]
    target = lampworks.target("desk.lamp")
    target.confirm()
    assert target.calls.found.id == fresh.id


def test_session_that_is_refused_for_good_leads_to_a_look_up(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    fresh = move(lampworks)
    del lampworks.world.lamps[desk.id]
    lampworks.refuse("StartSession", "LampNotFoundException")
    late(lampworks, clock).start(Leaving())
    (session,) = lampworks.living()
    found = lampworks.account.sessions.find(session)
    assert found is not None
    assert found.machine_id == fresh.id


def test_target_whose_labels_an_answer_has_told_is_not_another_one(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    target = lampworks.target(desk.id)
    lampworks.refuse("StartSession", "AccessDeniedException", times=50)
    with pytest.raises(AccessDenied):
        source_of(target, clock).start(Leaving())
    assert target.calls.found.labels
    assert lampworks.operations() == ["StartSession", "DescribeLamp"]


def test_remembered_target_that_is_gone_leaves_its_name_to_another(
    lampworks: Lampworks, desk: Lamp
) -> None:
    lampworks.listing()
    fresh = lampworks.world.add_lamp("desk")
    desk.life.set("BROKEN")
    target = lampworks.target("desk.lamp")
    assert target.calls.found.id == desk.id
    target.confirm()
    assert target.calls.found.id == fresh.id


@pytest.mark.usefixtures("desk")
def test_doubt_is_unfounded_while_the_name_stays(lampworks: Lampworks) -> None:
    lampworks.listing()
    doubter = lampworks.target("desk.lamp").doubter()
    assert doubter is not None
    assert doubter() is False
    lampworks.refuse("DescribeLamp", "AccessDeniedException")
    assert doubter() is False
