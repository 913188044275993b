"""The emulator in a thread, with settings, counts and waits for tests."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from connector.emulator.agent.behaviour import REAL, AgentBehaviour
from connector.emulator.api import make_world
from connector.emulator.api.account import Account, Key
from connector.emulator.api.codecatalyst.model import (
    CodeCatalystModel,
    DevEnvironment,
    Project,
    Space,
    Status,
)
from connector.emulator.api.codecatalyst.service import CodeCatalystService
from connector.emulator.api.rest import BearerTokens, Misbehaviours, Proceed, RestServer
from connector.emulator.api.ssm.service import SessionManagerService
from connector.emulator.api.world import DEMO, Services
from connector.emulator.faults.interference import Frame
from connector.emulator.faults.plans import Direction
from connector.emulator.gateway.gateway import Gateway, GatewayBehaviour
from connector.emulator.gateway.relay import RelayBehaviour
from connector.emulator.listener import make_certificates
from connector.emulator.machine.port import Dialer, tcp_dialer
from connector.emulator.machine.sessionprocess import process_opener
from connector.emulator.sessions import Form, Origin, Session, Sessions, data_channel_url

from .waiting import PATIENCE, eventually

Result = TypeVar("Result")

#: The real agent, but one that reads a terminal 0.1 s after the start of its process, not 1 s.
AGENT = replace(REAL, first_output_delay=0.1)

START = "StartDevEnvironmentSession"
STOP = "StopDevEnvironmentSession"


class Cloud:
    """CodeCatalyst with one Dev Environment, EC2 with one instance, their gateway and their agents.

    :param more: other kinds, with one target each.
    :ivar instance: the host name of the instance, which is its id. Its port is that of the Dev
        Environment, as those of all targets are.
    :ivar names: the name of each kind's target, but of CodeCatalyst's.
    :ivar target: the function by which the agents of new sessions connect to their target.
    :ivar stream_base: the gateway in the stream URLs of new sessions, if it is not the emulator's.
    :ivar sessions: all sessions started since the last :meth:`reset`.
    """

    def __init__(self, directory: Path, more: Sequence[str] = ()) -> None:
        certificates = make_certificates(directory)
        self.ca_file = certificates.ca_file
        self.port = 0  # a port that refuses
        self.stream_base: str | None = None
        self.after_start: Callable[[Session], None] | None = None
        self.sessions: list[Session] = []
        self._model = CodeCatalystModel(Sessions())
        self._creator = creator = self._model.add_user("mary")
        self._added: list[DevEnvironment] = []
        self._projects: list[Project] = []  # which :meth:`add` has made
        self._model.add_space(Space("ExampleCorp"))
        project = self._model.add_project(Project("ExampleCorp", "web.site-1"))
        self.environment = self._model.add_environment(project, creator, Status.RUNNING)
        self.tokens = BearerTokens(self._model.now)
        self.token = secrets.token_urlsafe(64)
        self.tokens.accept(self.token, creator.id)
        self.query_secret = secrets.token_hex(24)
        home = directory / "home"
        home.mkdir()
        self.gateway = Gateway(
            self._model.sessions,
            self._connect,
            certificates.server_context,
            open_process=partial(process_opener, home=home),
            is_signed_upgrade=lambda *upgrade: self.account.signs_upgrade(*upgrade),
            seed=1,
        )
        self.gateway.tap = self._see
        service = CodeCatalystService(self._model, self.tokens, self._stream_url)
        self.account = Account(self._model.sessions, self._stream_url)
        ssm = SessionManagerService(self.account)
        services = Services(
            self._model.sessions,
            self.tokens,
            self._stream_url,
            self.account,
            lambda: self.server.url,
            lambda _: self._connect(),
        )
        worlds = {kind: make_world(kind, services, DEMO) for kind in ("ec2", *more)}
        self.instance = worlds["ec2"].targets[0].host
        self.names = {kind: world.targets[0].name for kind, world in worlds.items()}
        endpoints = [*service.endpoints(), *ssm.endpoints()]
        for world in worlds.values():
            endpoints += world.endpoints()
        self.server = RestServer(endpoints, certificates.server_context)
        self.server.intercept = self._intercept
        self._given_tokens: list[str] = []
        self._stopped: list[str] = []
        self._seen = threading.Condition()
        self.reset()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.run(self.gateway.start())
        self.run(self.server.start())

    def close(self) -> None:
        self.run(self.server.stop())
        self.run(self.gateway.stop())
        self.run(_cancel_held_answers())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def reset(self) -> None:
        """Restore the initial state, except for the sessions that still run."""
        self.misbehaviours = Misbehaviours()
        self.account.denials.clear()
        self.behave(AGENT)
        for environment in self._added:
            self._model.delete_environment(environment)
        for project in self._projects:
            self._model.delete_project(project)
        for space in self._model.spaces():
            if not self._model.projects(space.name):
                self._model.delete_space(space)
        self._added, self._projects = [], []
        self.environment.alias = None
        self.stream_base = None
        self.after_start = None
        self.environment.start_seconds = self.environment.stop_seconds = 0.0
        self.environment.start_failure = None
        with self._seen:
            self.sessions = []
            self._arrived: Counter[str] = Counter()
            self._frames: list[tuple[Direction, Frame]] = []
            self._spoken: set[str] = set()

    def behave(self, agent: AgentBehaviour, **relay: float) -> None:
        """Set the behaviour of the agent and the relay in sessions that are opened from now on."""
        self.gateway.behaviour = GatewayBehaviour(agent=agent, relay=RelayBehaviour(**relay))

    def unpaced(self) -> None:
        """Use the real agent without its pace of 1 MB/s, for tests that transfer much data."""
        self.behave(replace(AGENT, message_interval=0.0))

    @property
    def port(self) -> int:
        """Return the target's port on loopback, once a test has set it."""
        return self._port

    @port.setter
    def port(self, port: int) -> None:
        self._port = port
        self.target: Dialer = tcp_dialer(port, "127.0.0.1")

    # Names and secrets

    @property
    def host(self) -> str:
        """Return the Dev Environment's host name for ssh."""
        return host_of(self.environment)

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables by which the connector finds the emulator."""
        return {
            "AWS_BEARER_TOKEN_CODECATALYST": self.token,
            "AWS_CA_BUNDLE": str(self.ca_file),
            "AWS_ENDPOINT_URL_CODECATALYST": self.server.url,
        }

    def secrets(self) -> list[str]:
        """Return what must never be printed: the tokens, and the queries of stream URLs."""
        key = self.account.user_key.secret
        return [self.token, key, self.query_secret, "role=publish", *self._given_tokens]

    def give_role_key(self, seconds: float) -> Key:
        """Return temporary keys of the account, which :meth:`secrets` has too."""

        def give() -> Key:
            return self.account.add_role_key(self.account.add_role("developer"), "mary", seconds)

        key = self.call(give)
        self._given_tokens += [key.secret, key.token or ""]
        return key

    # Actions of tests

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def call(self, work: Callable[[], Result]) -> Result:
        """Call a function in the emulator's thread."""

        async def do() -> Result:
            return work()

        return self.run(do())

    def add(
        self, space: str, project: str, alias: str | None = None, **details: Any
    ) -> DevEnvironment:
        """Add a Dev Environment, RUNNING by default, until the next :meth:`reset`."""

        def add() -> DevEnvironment:
            if space not in [known.name for known in self._model.spaces()]:
                self._model.add_space(Space(space))
            projects = {known.name: known for known in self._model.projects(space)}
            where = projects.get(project)
            if where is None:
                where = self._model.add_project(Project(space, project))
                self._projects.append(where)
            details.setdefault("status", Status.RUNNING)
            return self._model.add_environment(where, self._creator, alias=alias, **details)

        self._added.append(self.call(add))
        return self._added[-1]

    @contextmanager
    def lasting(self) -> Iterator[DevEnvironment]:
        """Add a running Dev Environment that :meth:`reset` does not delete."""
        like = self.environment

        def add() -> DevEnvironment:
            projects = {known.name: known for known in self._model.projects(like.space_name)}
            project = projects[like.project_name]
            return self._model.add_environment(project, self._creator, Status.RUNNING)

        environment = self.call(add)
        try:
            yield environment
        finally:
            self.call(lambda: self._model.delete_environment(environment))

    def delete(self, environment: DevEnvironment) -> None:
        """Delete a Dev Environment at once, as its owner does in the console."""
        self._added.remove(environment)
        self.call(lambda: self._model.delete_environment(environment))

    def start_session(self, *command: str, shell: bool = False, region: str = "") -> dict[str, str]:
        """Start a session without the connector.

        The session leads to the SSH port unless a command or a shell is given.

        :param region: of a session whose upgrade has to be signed, as if a signed request had
            opened it.
        """
        form = Form.COMMAND if command else Form.SHELL if shell else Form.SSH

        def start() -> dict[str, str]:
            if region:
                origin = Origin("i-1", region, self.account.user_key.identity.arn)
                session = self.account.open_session("i-1", origin, form, command, name="mary")
            else:
                session = self._model.start_session(self.environment, form, command)
            return {
                "streamUrl": self._stream_url(session),
                "tokenValue": session.token_value,
                "sessionId": session.id,
            }

        return self.call(start)

    def environment_of(self, session: Session) -> DevEnvironment:
        """Return the Dev Environment that a session leads to."""
        return next(
            environment
            for space in self._model.spaces()
            for environment in self._model.environments(space.name)
            if environment.id == session.machine_id
        )

    def end_session(self, session: Session) -> None:
        """End a session as StopDevEnvironmentSession does. Call this in the emulator's thread."""
        self._model.sessions.end(session, "Stopped by an administrator")

    def stop_session(self, session: Session) -> None:
        """Stop a session as another caller of StopDevEnvironmentSession does."""
        self.call(lambda: self.end_session(session))

    def set_status(self, status: Status, reason: str | None = None) -> None:
        self.call(lambda: self._model.set_status(self.environment, status, reason))

    def set_status_of(
        self, environment: DevEnvironment, status: Status, reason: str | None = None
    ) -> None:
        """Set the status of an added Dev Environment. Call this in the emulator's thread."""
        self._model.set_status(environment, status, reason)

    def stopped(self, start_seconds: float) -> None:
        """Stop the Dev Environment, and let its next start take this time."""
        self.set_status(Status.STOPPED)
        self.environment.start_seconds = start_seconds

    # Waits and counts

    def count(self, operation: str) -> int:
        """Return the number of requests for this operation."""
        with self._seen:
            return self._arrived[operation]

    def wait_for_requests(self, operation: str, count: int = 1) -> None:
        """Wait for this number of requests for an operation, answered or not."""
        self._wait(lambda: self._arrived[operation] >= count)

    def wait_for_sessions(self, count: int = 1) -> None:
        eventually(lambda: len(self.sessions) >= count, f"the start of {count} sessions")

    def wait_for_agents(self, count: int = 1) -> None:
        """Wait until the agents of this number of sessions have sent something."""
        self._wait(lambda: len(self._spoken) >= count)

    def _wait(self, predicate: Callable[[], bool]) -> None:
        with self._seen:
            assert self._seen.wait_for(predicate, PATIENCE)

    def frames(self, direction: Direction) -> list[Frame]:
        with self._seen:
            return [frame for seen, frame in self._frames if seen is direction]

    def stops(self, session: Session) -> int:
        """Return the number of StopDevEnvironmentSession requests for a session."""
        with self._seen:
            return self._stopped.count(session.id)

    def session(self) -> Session:
        """Return the test's only session."""
        (session,) = self.sessions
        return session

    def wait_all_ended(self, timeout: float = PATIENCE) -> None:
        """Wait until all sessions have ended."""
        eventually(
            lambda: all(session.end_reason is not None for session in self.sessions),
            "the end of all sessions",
            timeout,
        )

    def living(self) -> list[str]:
        """Return the ids of all sessions that have not ended."""
        return self.call(lambda: [each.id for each in self._model.sessions.living()])

    # Callbacks of the emulator

    async def _connect(self) -> socket.socket:
        return await self.target()

    def _stream_url(self, session: Session) -> str:
        if session not in self.sessions:
            self.sessions.append(session)
        self._given_tokens.append(session.token_value)
        url = data_channel_url(self.stream_base or self.gateway.url, session)
        # The upgrade of a session that a signed request opened has to be signed too.
        return url if session.origin else f"{url}&X-Amz-Signature={self.query_secret}"

    async def _intercept(
        self, operation: str, request: web.Request, proceed: Proceed
    ) -> web.Response:
        with self._seen:
            self._arrived[operation.rpartition(":")[2]] += 1  # without the service
            if operation == STOP:
                self._stopped.append(request.match_info["sessionId"])
            self._seen.notify_all()
        response = await self.misbehaviours(operation, request, proceed)
        if operation == START and response.status == 200 and self.after_start:
            self.after_start(self.sessions[-1])
        return response

    def _see(self, session_id: str, direction: Direction, frame: Frame) -> None:
        """Note a frame, unless it belongs to a session from before the last :meth:`reset`."""
        known = any(session.id == session_id for session in self.sessions)
        if known and len(self._frames) < 10_000:
            with self._seen:
                self._frames.append((direction, frame))
                if direction is Direction.TO_CLIENT:
                    self._spoken.add(session_id)
                self._seen.notify_all()


def host_of(environment: DevEnvironment) -> str:
    """Return AWS's own host name of a Dev Environment for ssh."""
    return (
        f"codecatalyst-dev-env={environment.space_name}={environment.project_name}={environment.id}"
    )


async def _cancel_held_answers() -> None:
    """Cancel answers that are held back and that no client awaits any more."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
