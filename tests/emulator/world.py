"""A small CodeCatalyst for tests: two users, a space, a project, an environment."""

from __future__ import annotations

import io
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
from yarl import URL

from connector.emulator.api.account import Account
from connector.emulator.api.codecatalyst.model import (
    CodeCatalystModel,
    DevEnvironment,
    Project,
    Repository,
    Space,
    Status,
    User,
)
from connector.emulator.api.codecatalyst.service import CodeCatalystService
from connector.emulator.api.rest import BearerTokens, Misbehaviours, RestServer
from connector.emulator.api.sso.oidc import OidcService
from connector.emulator.api.sso.portal import Portal
from connector.emulator.api.sso.signin import SignIn
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Sessions, data_channel_url

TOKEN = "token-of-alice"
PASSWORD = "password of all"
OTHER_TOKEN = "token-of-bob"
GATEWAY = "wss://127.0.0.1:7777"


class FakeClock:
    """A clock that only the test advances, in seconds since the epoch."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class RawAnswer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def error(self) -> str:
        return self.headers.get("x-amzn-errortype", "")

    @property
    def members(self) -> dict[str, Any]:
        members = json.loads(self.text)
        assert isinstance(members, dict)
        return members


@dataclass
class World:
    """The parts of the emulated API."""

    clock: FakeClock
    model: CodeCatalystModel
    tokens: BearerTokens
    account: Account
    oidc: OidcService
    server: RestServer
    misbehaviours: Misbehaviours
    certificates: Certificates
    user: User
    other_user: User
    project: Project
    environment: DevEnvironment

    @property
    def ids(self) -> dict[str, str]:
        """The members that name the environment in boto3's calls."""
        return {
            "spaceName": self.environment.space_name,
            "projectName": self.environment.project_name,
            "id": self.environment.id,
        }

    @property
    def path(self) -> str:
        """The environment's path in the API."""
        return "/v1/spaces/{spaceName}/projects/{projectName}/devEnvironments/{id}".format(
            **self.ids
        )

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawAnswer:
        """Send a request that botocore would not send. ``path`` and bytes are not encoded."""
        data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        headers = {"Authorization": f"Bearer {TOKEN}"} if headers is None else headers
        context = ssl.create_default_context(cafile=str(self.certificates.ca_file))
        url = URL(self.server.url + path, encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, url, data=None if body is None else data, headers=headers, ssl=context
            ) as answer,
        ):
            return RawAnswer(answer.status, answer.headers, await answer.text())


@asynccontextmanager
async def open_world(certificates: Certificates) -> AsyncIterator[World]:
    """Start the emulated API on a clock of the test."""
    clock = FakeClock()
    model = CodeCatalystModel(Sessions(clock))
    tokens = BearerTokens(clock)
    user, other_user = model.add_user("alice"), model.add_user("bob")
    tokens.accept(TOKEN, user.id)
    tokens.accept(OTHER_TOKEN, other_user.id)
    model.add_space(Space("MySpace"))
    project = model.add_project(Project("MySpace", "My.Project"))
    environment = model.add_environment(
        project,
        user,
        Status.RUNNING,
        alias="main",
        repositories=(Repository("code", "trunk"),),
        start_seconds=60.0,
        stop_seconds=10.0,
    )
    oidc = OidcService(tokens, clock, model.sessions.random_bytes)
    service = CodeCatalystService(model, tokens, partial(data_channel_url, GATEWAY))
    account = Account(model.sessions, partial(data_channel_url, GATEWAY))
    portal = Portal(tokens, account)
    endpoints = [*service.endpoints(), *oidc.endpoints(), *portal.endpoints()]
    pages = SignIn(oidc, model.users, PASSWORD).pages()
    async with RestServer(endpoints, certificates.server_context, pages=pages) as server:
        oidc.url = server.url
        misbehaviours = Misbehaviours()
        server.intercept = misbehaviours
        yield World(
            clock,
            model,
            tokens,
            account,
            oidc,
            server,
            misbehaviours,
            certificates,
            user,
            other_user,
            project,
            environment,
        )
