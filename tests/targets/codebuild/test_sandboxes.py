"""States of sandboxes, their names, the end of their history, and starts without an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, cast

import pytest

from connector.aws.api import CallFailed, Refused
from connector.aws.cloud import Cloud
from connector.aws.responses import check
from connector.aws.services import Service
from connector.errors import ConnectFailed, ConnectorError
from connector.targets.codebuild.api import SERVICE
from connector.targets.codebuild.kind import CodeBuild
from connector.targets.codebuild.names import id_of
from connector.targets.codebuild.sandboxes import Sandboxes, found_of, state_of
from connector.targets.memory import Memory
from connector.targets.model import GONE, RUNNING, STARTING, STOPPING, Query, StartSettings
from connector.targets.regional.place import read_place
from connector.targets.regional.target import Calls
from connector.targets.startup import Startup

from ...aws.helpers import Clock, Watcher

UUID = "0103e0e7-52aa-4a3d-81dd-bfc27226fa54"


@pytest.mark.parametrize(
    ("status", "phase", "expected"),
    [
        ("QUEUED", "QUEUED", STARTING),
        ("IN_PROGRESS", "DOWNLOAD_SOURCE", STARTING),
        ("IN_PROGRESS", "RUN_SANDBOX", RUNNING),
        ("RUN_SANDBOX", "", RUNNING),
        ("STOPPING", "RUN_SANDBOX", STOPPING),
        ("STOPPED", "COMPLETED", GONE),
        ("", "COMPLETED", GONE),
        ("", "", STARTING),
    ],
)
def test_status_comes_before_the_phase(status: str, phase: str, expected: str) -> None:
    state = state_of({"status": status, "currentSession": {"currentPhase": phase}})
    assert state.phase == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"shop:{UUID}", (f"shop:{UUID}", "")),
        (f"shop.{UUID.upper()}", (f"shop:{UUID}", "")),
        (f"arn:aws:codebuild:eu-west-1:1:sandbox/shop:{UUID}", (f"shop:{UUID}", "eu-west-1")),
        (f"codebuild-sandbox-ssh=arn:aws:codebuild:a:1:sandbox/s-1:{UUID}", (f"s-1:{UUID}", "a")),
        (f"arn:aws:codebuild:eu-west-1:1:build/shop:{UUID}", None),
        (f"arn:aws:s3:eu-west-1:1:sandbox/shop:{UUID}", None),
        (f"shop-{UUID}", None),
        (f"a b:{UUID}", None),
        (UUID, None),
        ("shop", None),
    ],
)
def test_id_is_read_from_each_form(name: str, expected: tuple[str, str] | None) -> None:
    assert id_of(name) == expected


@pytest.mark.parametrize(
    ("members", "started"),
    [
        ({"requestTime": 1e9, "startTime": 2e9}, 2e9),
        ({"requestTime": datetime.fromtimestamp(1e9, timezone.utc)}, 1e9),
        ({}, 0.0),
    ],
)
def test_start_of_a_sandbox_is_told(members: dict[str, Any], started: float) -> None:
    told = {"sandbox": {"id": f"shop:{UUID}", **members}}
    answer = check(told, SERVICE.operations["stop_sandbox"].response, "api.example")
    assert found_of(answer["sandbox"]).started == started


class History:
    """An API with three pages of sandboxes that ended long ago."""

    def __init__(self, age: float) -> None:
        self.age = age
        self.pages = 0

    def api(self, service: Service, region: str) -> History:
        """Return itself: it is a cloud with one service."""
        return self

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        if operation == "batch_get_sandboxes":
            told = {"status": "STOPPED", "requestTime": time.time() - self.age}
            answer = {"sandboxes": [{"id": id, **told} for id in members["ids"]]}
            return check(answer, SERVICE.operations[operation].response, "api.example")
        self.pages += 1
        ids = [f"shop:{self.pages}-{number}" for number in range(100)]
        return {"ids": ids, **({"nextToken": str(self.pages)} if self.pages < 3 else {})}


@pytest.mark.parametrize(("age", "pages"), [(7 * 86400.0, 1), (3600.0, 3)])
def test_list_ends_where_no_sandbox_can_live_any_more(age: float, pages: int) -> None:
    history = History(age)
    assert Sandboxes(cast(Cloud, history), "r", time.monotonic() + 60.0).listed() == []
    assert history.pages == pages


FAILURES: dict[str, Callable[[], Refused | CallFailed]] = {
    "lost": lambda: CallFailed(ConnectFailed("no answer")),
    "unconnected": lambda: CallFailed(ConnectFailed("no way to it"), transient=True),
    "refused": lambda: Refused(403, "AccessDeniedException", "no"),
}


class Failing:
    """An API whose calls fail, each in a way of its own. It is a cloud with keys, too."""

    def __init__(self, failures: list[Refused | CallFailed]) -> None:
        self.keys = self
        self._failures = failures

    def load(self, timeout: float) -> None:
        """There is nothing to wait for."""

    def api(self, service: Service, region: str) -> Failing:
        return self

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        raise self._failures.pop(0)


@pytest.mark.parametrize(
    ("failures", "may_be_made"),
    [
        (("lost", "lost", "lost"), True),
        (("lost", "unconnected", "unconnected"), True),
        (("lost", "refused"), True),
        (("unconnected", "unconnected", "unconnected"), False),
        (("refused",), False),
    ],
)
def test_start_without_an_answer_tells_how_to_find_the_sandbox(
    failures: tuple[str, ...], may_be_made: bool, clock: Clock
) -> None:
    left = [FAILURES[each]() for each in failures]
    backend, query = CodeBuild(), Query("docs.codebuild", (("new", True),))
    place = read_place(backend, query, list)
    assert place.found is not None
    calls = Calls(backend, cast(Cloud, Failing(left)), place.found, query, place)
    starts = Memory("/dev/null/starts", "docs")
    startup = Startup(calls, Watcher(clock), StartSettings(), starts, clock)
    with pytest.raises(ConnectorError) as caught:
        startup.until_running(calls.look())
    maybe = "A sandbox may have been started: see `connector list --kind codebuild`"
    assert (maybe in str(caught.value)) == may_be_made
    assert left == []
