"""The emulator as a whole: API, gateway, agents, shells and SSH server on one event loop."""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .agent.behaviour import REAL, AgentBehaviour
from .agent.farend import Opener
from .agent.kinds import Kind
from .api.codecatalyst.bearer import BearerTokens
from .api.codecatalyst.model import CodeCatalystModel
from .api.codecatalyst.resources import (
    DevEnvironment,
    Project,
    Repository,
    Space,
    Status,
    User,
)
from .api.codecatalyst.service import CodeCatalystService, data_channel_url
from .api.rest import RestServer
from .api.ssm import SessionManagerService
from .api.sso.oidc import OidcService
from .api.sso.portal import portal_endpoints
from .api.sso.signin import SignIn
from .certificates import make_certificates
from .gateway.gateway import Gateway, GatewayBehaviour
from .gateway.relay import RelayBehaviour
from .machine.hostkeys import make_host_key
from .machine.port import Target, tcp_target

#: Names with all that real ones may have: capitals, a dot, a dash.
SPACE, PROJECT = "ExampleCorp", "web.site-1"


@dataclass(frozen=True)
class PlannedEnvironment:
    """A Dev Environment that an emulator starts with.

    ``start_seconds`` is how long a start takes; stopping takes as long, 2 s at most.
    """

    alias: str
    project: str = PROJECT
    status: Status = Status.RUNNING
    start_seconds: float = 0.0


#: What an emulator has where nothing else is asked for.
DEMO = (PlannedEnvironment("demo"),)


@dataclass(frozen=True)
class Access:
    """All that is needed to reach an emulated Dev Environment. It holds a bearer token.

    ``password`` is that of the pages of a login. ``access_key_id`` is whose requests
    ssm:ResumeSession takes; their secret key is anything.
    """

    space: str
    project: str
    dev_environment_id: str
    endpoint_url: str
    gateway_url: str
    ca_file: Path
    bearer_token: str
    access_key_id: str
    password: str
    alias: str

    @property
    def name(self) -> str:
        """The name that ``connector list`` shows."""
        return f"{self.alias}.codecatalyst"

    @property
    def host(self) -> str:
        """The name that ssh knows it by."""
        return f"codecatalyst-dev-env={self.space}={self.project}={self.dev_environment_id}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the connector, and any AWS SDK, here."""
        return {
            "AWS_BEARER_TOKEN_CODECATALYST": self.bearer_token,
            "AWS_CA_BUNDLE": str(self.ca_file),
            "AWS_ENDPOINT_URL_CODECATALYST": self.endpoint_url,
            "AWS_ENDPOINT_URL_SSO": self.endpoint_url,
            "AWS_ENDPOINT_URL_SSO_OIDC": self.endpoint_url,
        }


class Emulator:
    """One space with its projects and Dev Environments: ``async with``.

    The access that it gives names the first Dev Environment.

    :param directory: for the certificates; its owner alone should get in.
    :param port: a TCP service on this machine that stands for the environment's SSH
        server; ``None``: an embedded one.
    :param agent: how the SSM agents behave.
    :param relay: how far away they are.
    :param environments: at least one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        agent: AgentBehaviour = REAL,
        relay: RelayBehaviour | None = None,
        environments: Sequence[PlannedEnvironment] = DEMO,
    ) -> None:
        self.model = CodeCatalystModel()
        self._directory = directory
        self._port = port
        self._environments = environments
        self._behaviour = GatewayBehaviour(agent=agent, relay=relay or RelayBehaviour())
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Access:
        try:
            return await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def __aexit__(self, *details: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> Access:
        certificates = make_certificates(self._directory)
        model = self.model
        owner = model.add_user("mde-user")
        model.add_space(Space(SPACE))
        first, *_ = [self._add(owner, planned) for planned in self._environments]
        tokens = BearerTokens(model.now)
        token = secrets.token_urlsafe(48)
        tokens.accept(token, owner.id)

        if self._port is None:
            from .machine.sshserver import SshServer  # POSIX only

            server = SshServer(make_host_key())
            self._stack.push_async_callback(asyncio.to_thread, server.close)
            target: Target = server.connect
        else:
            target = tcp_target(self._port)
        gateway = Gateway(
            model,
            target,
            certificates.server_context,
            port_number=self._port or 22,
            open_process=_process_opener(),
            behaviour=self._behaviour,
        )
        await gateway.start()
        self._stack.push_async_callback(gateway.stop)
        service = CodeCatalystService(model, tokens, partial(data_channel_url, gateway.url))
        oidc = OidcService(tokens, model.now, model.random_bytes)
        password = secrets.token_urlsafe(9)
        access_key_id = f"AKIA{secrets.token_hex(8).upper()}"
        ssm = SessionManagerService(model, partial(data_channel_url, gateway.url), access_key_id)
        api = RestServer(
            [
                *service.endpoints(),
                *oidc.endpoints(),
                *portal_endpoints(tokens),
                *ssm.endpoints(),
            ],
            certificates.server_context,
            pages=SignIn(oidc, model.users, password).pages(),
        )
        await self._stack.enter_async_context(api)
        oidc.url = api.url
        return Access(
            SPACE,
            first.project_name,
            first.id,
            api.url,
            gateway.url,
            certificates.ca_file,
            token,
            access_key_id,
            password,
            self._environments[0].alias,
        )

    def _add(self, owner: User, planned: PlannedEnvironment) -> DevEnvironment:
        projects = {project.name: project for project in self.model.projects(SPACE)}
        project = projects.get(planned.project)
        return self.model.add_environment(
            project or self.model.add_project(Project(SPACE, planned.project)),
            owner,
            planned.status,
            alias=planned.alias,
            repositories=(Repository("web.site", "main"),) if planned.alias == "demo" else (),
            start_seconds=planned.start_seconds,
            stop_seconds=min(planned.start_seconds, 2.0),
        )


def _process_opener() -> Callable[[Kind], Opener] | None:
    if sys.platform == "win32":
        return None
    from .machine.sessionprocess import process_opener  # POSIX only

    return partial(process_opener, home=Path.home())


class EmulatorThread:
    """An :class:`Emulator` for programs that do something else themselves: ``with``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Access:
        self._thread.start()
        try:
            starting = self._emulator.__aenter__()
            return asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        except BaseException:
            self._end_loop()
            raise

    def __exit__(self, *details: object) -> None:
        asyncio.run_coroutine_threadsafe(self._emulator.__aexit__(), self._loop).result()
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
