"""Calls for lists: how they end where a deadline passes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connector.aws.api import CallFailed
from connector.errors import ConnectFailed
from connector.targets.regional.pages import ask


class Silent:
    """An API whose host takes a whole try and does not answer."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        self.timeouts.append(timeout)
        raise CallFailed(ConnectFailed("The host x did not answer in time"), transient=True)


def test_call_without_time_for_another_try_fails_as_the_last_one() -> None:
    api = Silent()
    with pytest.raises(CallFailed) as caught:
        ask(api, "list_lamps", time.monotonic() + 0.05)
    assert caught.value.error.message == "The host x did not answer in time"
    assert len(api.timeouts) == 1


def test_call_after_the_deadline_is_not_made_and_has_failed() -> None:
    api = Silent()
    with pytest.raises(CallFailed) as caught:
        ask(api, "list_lamps", time.monotonic() - 1.0)
    assert caught.value.error.message == "AWS did not answer in time (list_lamps)"
    assert api.timeouts == []
