"""The emulator as a whole: APIs, gateway, agents and machines on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeVar

from .access import Access
from .agent.behaviour import REAL, AgentBehaviour
from .agent.farend import Opener
from .agent.plugins import Plugin
from .api import WORLDS, make_world
from .api.account import Account
from .api.rest import BearerTokens, Misbehaviours, RestServer
from .api.ssm.service import SessionManagerService
from .api.sso.oidc import OidcService
from .api.sso.portal import Portal
from .api.sso.signin import SignIn
from .api.sts.service import SecurityTokenService
from .api.world import DEMO, PlannedTarget, Services, World
from .faults.plans import NO_FAULTS, FaultPlan
from .gateway.gateway import Gateway, GatewayBehaviour
from .gateway.relay import RelayBehaviour
from .listener import make_certificates
from .machine.port import Dialer, tcp_dialer
from .sessions import Session, Sessions, data_channel_url

Result = TypeVar("Result")


class Emulator:
    """Services with their targets, to be used with ``async with``.

    Entering it returns the :class:`Access` to the first target of the first kind.

    :param directory: for certificates; only its owner should be able to read it.
    :param port: a TCP port of this machine that stands for the targets' SSH server;
        ``None`` for the embedded server.
    :param agent: how the SSM agents behave.
    :param relay: how the service treats a session.
    :param faults: what goes wrong in every session.
    :param targets: of the first kind, at least one. The other kinds have the usual ones.
    :param kinds: the kinds of targets, of :data:`.api.WORLDS`.
    :param home: the home directory on the machine; ``None`` for the user's own.

    :ivar world: the state of the first kind's service.
    :ivar worlds: the state of each kind's service.
    :ivar services: what the worlds share.
    :ivar account: of the APIs whose requests are signed.
    :ivar misbehaviours: makes the API refuse or delay requests.
    :ivar gateway: the message gateway; ``None`` until the emulator has started.
    :ivar server: the server of the API; ``None`` until the emulator has started.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        agent: AgentBehaviour = REAL,
        relay: RelayBehaviour | None = None,
        faults: FaultPlan = NO_FAULTS,
        targets: Sequence[PlannedTarget] = DEMO,
        kinds: Sequence[str] = (next(iter(WORLDS)),),
        home: Path | None = None,
    ) -> None:
        self.sessions = Sessions()
        self.account = Account(self.sessions, self._stream_url)
        self._tokens = BearerTokens(self.sessions.now)
        self.services = services = Services(
            self.sessions,
            self._tokens,
            self._stream_url,
            self.account,
            lambda: self.server.url if self.server else "",
            lambda machine_id: self._dial(machine_id),
        )
        self.worlds: dict[str, World] = {
            kind: make_world(kind, services, targets if kind == kinds[0] else DEMO)
            for kind in kinds
        }
        self.world = self.worlds[kinds[0]]
        self.misbehaviours = Misbehaviours()
        self.gateway: Gateway | None = None
        self.server: RestServer | None = None
        self._directory = directory
        self._port = port
        self._home = home or Path.home()
        self._behaviour = GatewayBehaviour(
            agent=agent, relay=relay or RelayBehaviour(), faults=faults
        )
        self._stack = AsyncExitStack()
        self._dial: Callable[[str], Awaitable[socket.socket]]  # from the start on

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
        self._stack.enter_context(default_signals_for_children())
        tokens = self._tokens
        token = secrets.token_urlsafe(48)
        tokens.accept(token, self.world.user_id)
        dialer, dialer_of = self._dialers()
        self._dial = lambda machine_id: (dialer_of(machine_id) if dialer_of else dialer)()
        self.gateway = gateway = Gateway(
            self.sessions,
            dialer,
            certificates.server_context,
            dialer_of=dialer_of,
            port_number=self._port or 22,
            open_process=_process_opener(self._home),
            is_signed_upgrade=self.account.signs_upgrade,
            behaviour=self._behaviour,
        )
        await gateway.start()
        self._stack.push_async_callback(gateway.stop)
        oidc = OidcService(tokens, self.sessions.now, self.sessions.random_bytes)
        password = secrets.token_urlsafe(9)
        self.server = server = RestServer(
            [
                *(endpoint for world in self.worlds.values() for endpoint in world.endpoints()),
                *oidc.endpoints(),
                *Portal(tokens, self.account).endpoints(),
                *SessionManagerService(self.account).endpoints(),
                *SecurityTokenService(self.account).endpoints(),
            ],
            certificates.server_context,
            pages=[
                *SignIn(oidc, self.world.users, password).pages(),
                *(page for world in self.worlds.values() for page in world.pages()),
            ],
        )
        server.intercept = self.misbehaviours
        await self._stack.enter_async_context(server)
        oidc.url = server.url
        environment = {
            **{
                name: value
                for world in self.worlds.values()
                for name, value in world.variables(server.url, token).items()
            },
            "AWS_CA_BUNDLE": str(certificates.ca_file),
            "AWS_ENDPOINT_URL_SSO": server.url,
            "AWS_ENDPOINT_URL_SSO_OIDC": server.url,
        }
        return Access(
            self.world.targets[0],
            tuple(world.ssh for world in self.worlds.values()),
            dict(sorted(environment.items())),
            server.url,
            gateway.url,
            certificates.ca_file,
            token,
            self.account.user_key.id,
            self.account.user_key.secret,
            password,
        )

    def _stream_url(self, session: Session) -> str:
        assert self.gateway is not None  # sessions are opened by requests, after the start
        return data_channel_url(self.gateway.url, session)

    def _dialers(self) -> tuple[Dialer, Callable[[str], Dialer] | None]:
        if self._port is not None:
            return tcp_dialer(self._port), None
        from .machine.sshserver import SshServer, make_host_key  # POSIX only

        server = SshServer(make_host_key(), self._home)
        self._stack.push_async_callback(asyncio.to_thread, server.close)
        return server.connect, server.dialer_of


def _process_opener(home: Path) -> Callable[[Plugin], Opener] | None:
    if sys.platform == "win32":
        return None
    from .machine.sessionprocess import process_opener  # POSIX only

    return partial(process_opener, home=home)


class EmulatorThread:
    """An :class:`Emulator` on a thread of its own, for callers that block: ``with``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._signals = default_signals_for_children()

    def __enter__(self) -> Access:
        self._thread.start()
        self._signals.__enter__()
        try:
            starting = self._emulator.__aenter__()
            return asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        except BaseException:
            self._end()
            raise

    def __exit__(self, *details: object) -> None:
        asyncio.run_coroutine_threadsafe(self._emulator.__aexit__(), self._loop).result()
        self._end()

    def call(self, work: Callable[[], Result]) -> Result:
        """Return the result of ``work``, which runs on the emulator's event loop."""

        async def do() -> Result:
            return work()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result()

    def _end(self) -> None:
        self._signals.__exit__(None, None, None)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


#: Python ignores these itself, and :mod:`subprocess` restores their defaults in children.
_RESTORED = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")


@contextlib.contextmanager
def default_signals_for_children() -> Iterator[None]:
    """Give programs that are started in this block the default signal dispositions.

    A shell starts ``connector emulator &`` with SIGINT and SIGQUIT ignored. Programs inherit
    ignored signals, so Ctrl-C would interrupt no program of the machine. They do not inherit
    handlers. So every ignored signal gets a handler that does nothing, and this process still
    ignores it. Only the main thread can set handlers; in other threads nothing changes.
    """
    if not _can_set_handlers():
        yield
        return
    restored = {getattr(signal, name, None) for name in _RESTORED}
    ignored = [
        number
        for number in signal.valid_signals() - restored
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, _do_nothing)
    try:
        yield
    finally:
        if _can_set_handlers():
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)


def _can_set_handlers() -> bool:
    return threading.current_thread() is threading.main_thread()


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass
