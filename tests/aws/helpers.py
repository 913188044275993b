"""Clocks, progress objects and sessions that several tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from connector.aws.api import Api
from connector.aws.profile import load_profile
from connector.aws.sdk import ClientFactory
from connector.aws.sso.tokens import BearerTokens
from connector.emulator.api.errors import ApiError
from connector.emulator.api.rest import Proceed
from connector.errors import (
    ConnectorError,
)
from connector.sessions import Waiting
from connector.targets.codecatalyst.api import TOKEN_VARIABLES, light_api, sdk_api
from connector.targets.codecatalyst.calls import Calls
from connector.targets.codecatalyst.environment import CodeCatalystSessions
from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.targets.memory import Memory, cache_file
from connector.targets.model import SSH_SESSION, SessionRequest, StartSettings
from connector.transport.trust import Trust

from .cloud import TOKEN, Cloud

START = "StartDevEnvironmentSession"
STOP = "StopDevEnvironmentSession"
GET = "GetDevEnvironment"
START_ENVIRONMENT = "StartDevEnvironment"
NO_START = StartSettings(allowed=False)
ENVIRON = {"AWS_BEARER_TOKEN_CODECATALYST": TOKEN}


class Clock:
    """A monotonic clock that only ``sleep`` advances."""

    def __init__(self) -> None:
        self.time = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds


@dataclass
class Watcher:
    """A ``StartProgress`` whose pauses advance a clock and call a function.

    :ivar seen: the states that were waited in, in order.
    """

    clock: Clock
    happens: Callable[[Waiting], None] = lambda waiting: None
    seen: list[str] = field(default_factory=list)
    went_on: int = 0

    def wait(self, waiting: Waiting, seconds: float) -> None:
        if waiting.status not in self.seen[-1:]:
            self.seen.append(waiting.status)
        self.clock.time += seconds
        self.happens(waiting)

    def go_on(self) -> None:
        self.went_on += 1

    def may_leave(self, harmless: bool) -> None:
        raise AssertionError("only a look-up may be left")


class Unwatched:
    """A ``StartProgress`` for starts that must not wait."""

    def wait(self, waiting: Waiting, seconds: float) -> None:
        raise AssertionError(f"it waits for {waiting}")

    def go_on(self) -> None:
        raise AssertionError("it has waited")

    def may_leave(self, harmless: bool) -> None:
        raise AssertionError("only a look-up may be left")


UNWATCHED = Unwatched()


def make_sessions(
    cloud: Cloud,
    clock: Clock,
    *,
    endpoint_url: str | None = None,
    ca_file: Path | None = None,
    space: str = "MySpace",
    project: str = "My.Project",
    start_timeout: float = 10,
    environ: Mapping[str, str] = ENVIRON,
    start: StartSettings = NO_START,
    request: SessionRequest = SSH_SESSION,
) -> CodeCatalystSessions:
    profile = load_profile(None, os.environ)
    ca_bundle = str(ca_file or cloud.ca_file)
    clients = ClientFactory(profile.name, Trust(ca_bundle).connect)
    url = endpoint_url or cloud.url
    api: Api = sdk_api(clients, url)
    if cloud.way == "light":
        api = light_api(url, Trust(ca_bundle).connect)
    name = EnvironmentName(space, project, cloud.environment.id, profile=profile.name)
    return CodeCatalystSessions(
        Calls(name, BearerTokens(profile, environ, clients, TOKEN_VARIABLES), api),
        start,
        Memory(cache_file(os.environ, "starts.json"), "a"),
        request,
        start_timeout=start_timeout,
        clock=clock,
        sleep=clock.sleep,
        rand=lambda: 1.0,
    )


def refusal(sessions: CodeCatalystSessions) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        sessions.start(UNWATCHED)
    assert TOKEN not in str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


def always(cloud: Cloud, operation: str, answer: Callable[[], web.Response]) -> None:
    """Answer each call of an operation by ``answer``, which may raise an ApiError."""

    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        return answer() if name == operation else await proceed()

    cloud.intercept(intercept)


def raising(error: ApiError) -> Callable[[], web.Response]:
    def answer() -> web.Response:
        raise error

    return answer
