"""What the base asks of each kind, and how calls for lists end where a deadline passes."""

from __future__ import annotations

import inspect
import time
from typing import Any, cast

import pytest

from connector.aws.api import CallFailed
from connector.aws.cloud import Cloud
from connector.aws.services import Service
from connector.errors import ConfigError, ConnectFailed
from connector.targets import registry
from connector.targets.regional.backend import Found
from connector.targets.regional.kind import RegionalKind
from connector.targets.regional.targets import Targets

from .lamps import Lamps


class Silent:
    """An API whose host takes a whole try and does not answer."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    def api(self, service: Service, region: str) -> Silent:
        """Return itself: it is a cloud with one service."""
        return self

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        self.timeouts.append(timeout)
        raise CallFailed(ConnectFailed("The host x did not answer in time"), transient=True)


def lamps(api: Silent, deadline: float) -> Targets:
    return Lamps(cast(Cloud, api), "us-west-2", deadline)


def test_call_without_time_for_another_try_fails_as_the_last_one() -> None:
    api = Silent()
    with pytest.raises(CallFailed) as caught:
        lamps(api, time.monotonic() + 0.05).ask("list_lamps")
    assert caught.value.error.message == "The host x did not answer in time"
    assert len(api.timeouts) == 1


def test_call_after_the_deadline_is_not_made_and_has_failed() -> None:
    api = Silent()
    with pytest.raises(CallFailed) as caught:
        lamps(api, time.monotonic() - 1.0).ask("list_lamps")
    assert caught.value.error.message == "AWS did not answer in time (list_lamps)"
    assert api.timeouts == []


@pytest.mark.parametrize("row", registry.KINDS, ids=lambda row: row.name)
def test_targets_of_each_kind_are_complete(row: registry.KindRow) -> None:
    kind = row.load()
    if isinstance(kind, RegionalKind):
        assert not inspect.isabstract(kind.backend.targets)
        assert kind.backend.targets.states


def test_targets_without_a_look_are_refused_at_once() -> None:
    class Dark(Targets):
        service = Lamps.service

    assert inspect.isabstract(Dark)


def test_stop_is_refused_where_a_kind_has_none() -> None:
    with pytest.raises(ConfigError, match="cannot stop lamp-0"):
        Targets.stop(lamps(Silent(), 0.0), Found("lamp-0"))
