"""The sessions of a Dev Environment, as the API lists them."""

from __future__ import annotations

from typing import Any

from ...aws.sso.tokens import BearerToken
from ...fast.records import NamedTuple
from .environment import Environment
from .lists import iso_time, items_of


class SessionSummary(NamedTuple):
    """A session that lives; ``started`` in ISO 8601."""

    id: str
    started: str


def sessions_of(
    environment: Environment, token: BearerToken, timeout: float
) -> list[SessionSummary]:
    """All that live; ``timeout`` is that of each page, in seconds."""

    def ask(more: dict[str, str]) -> dict[str, Any]:
        return environment.call(
            token,
            timeout,
            "list_dev_environment_sessions",
            id_name="devEnvironmentId",
            **more,
        )

    return [_summary(item) for item in items_of(ask, "sessions")]


def _summary(item: dict[str, Any]) -> SessionSummary:
    return SessionSummary(item["id"], iso_time(item.get("startedTime")))
