"""AWS's message gateway: WebSockets of clients on one side, agents on the other.

The agents run in this process. AWS's gateway is known through its clients only; where its
behaviour is unknown, the text calls ours a choice.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from ..agent.behaviour import REAL, AgentBehaviour
from ..agent.farend import Opener, Owner
from ..agent.plugins import (
    ContainerCommand,
    InteractiveCommand,
    NonInteractiveCommand,
    Plugin,
    Port,
    Shell,
    command_plugin,
)
from ..agent.worker import Worker
from ..faults.interference import LOG_MAX, Frame, Interference, Log
from ..faults.plans import (
    NO_FAULTS,
    FaultPlan,
    How,
    Incident,
    Restart,
)
from ..listener import HOST, Listener
from ..machine.port import Dialer, port_opener, tcp_dialer
from ..sessions import (
    DATA_CHANNEL_PATH,
    DATA_CHANNEL_ROLE,
    Form,
    Session,
    Sessions,
    cell_number,
)
from .link import WRITE_HIGH_WATER, Link
from .relay import Relay, RelayBehaviour, Tap

#: The maximum of a frame in bytes. AWS's is unknown; the real agent accepts payloads of 4 MiB.
MAX_FRAME = 4 * 1024 * 1024 + 64 * 1024

#: The close code for a refused token: "policy violation" of RFC 6455. A choice.
REFUSED = 1008

#: The timeout of a closing handshake in seconds.
CLOSE_TIMEOUT = 1.0

# At DEBUG, websockets logs frames, and the first frame of every link holds a token.
_websockets_logger = logging.getLogger(f"{__name__}.websockets")
_websockets_logger.setLevel(logging.INFO)
_logger = logging.getLogger(__name__)


class Rejoin(Enum):
    """What a client needs to open a session's data channel again."""

    SAME_TOKEN = "the token that opened it before"
    #: An old token closes the link at once, as every bad token does.
    FRESH_TOKEN = "an unused token of ssm:ResumeSession"
    #: An old URL gets a 403.
    FRESH_URL = "the URL of the last ssm:ResumeSession, which has a newer cell-number"
    #: Every upgrade gets a 403.
    FORBIDDEN = "nothing opens it again"


@dataclass(frozen=True)
class GatewayBehaviour:
    """How the gateway treats its sessions. All times are in seconds."""

    #: The timeout of the frame that opens the data channel, from the end of the upgrade.
    open_timeout: float = 10.0
    #: What a reconnecting client needs; or a function that returns this for a session. AWS's rule
    #: is unknown.
    rejoin: Rejoin | Callable[[Session], Rejoin] = Rejoin.SAME_TOKEN
    #: The time after which the gateway closes each link with code 1000, "Bye"; an hour at AWS.
    #: ``None`` means never.
    link_lifetime: float | None = None
    #: The faults of every session, with chances of its own for each; or a function that returns
    #: the plan of the n-th session, counted from 0.
    faults: FaultPlan | Callable[[int], FaultPlan] = NO_FAULTS
    relay: RelayBehaviour = field(default_factory=RelayBehaviour)
    agent: AgentBehaviour = REAL


class Gateway:
    """The WebSocket server, to be used with ``start`` and ``stop``.

    :param sessions: the table of sessions and their tokens.
    :param dialer: connects to the port of sessions for SSH.
    :param dialer_of: returns the dialer of a machine by its id; without it, ``dialer`` is that of
        all.
    :param port_number: the number of that port in the agents' handshakes.
    :param open_process: returns the opener of the process that a plugin runs.
    :param is_signed_upgrade: returns whether an upgrade has a good signature, for its session,
        target and headers. Sessions that signed requests open need one. Without this none does.
    :param seed: makes the agents' chances repeatable.

    :ivar behaviour: may be replaced at any time; applies to sessions that open afterwards.
    :ivar tap: gets all frames of sessions that open afterwards.
    :ivar fault_log: what the fault plans have done so far.
    """

    def __init__(
        self,
        sessions: Sessions,
        dialer: Dialer,
        ssl_context: ssl.SSLContext,
        *,
        dialer_of: Callable[[str], Dialer] | None = None,
        port_number: int = 22,
        open_process: Callable[[Plugin], Opener] | None = None,
        is_signed_upgrade: Callable[[Session, str, Mapping[str, str]], bool] | None = None,
        behaviour: GatewayBehaviour | None = None,
        seed: int | None = None,
    ) -> None:
        self.behaviour = behaviour or GatewayBehaviour()
        self.tap: Tap | None = None
        self._sessions = sessions
        self._dialer_of = dialer_of or (lambda machine_id: dialer)
        self._open_process = open_process or _no_process
        self._is_signed_upgrade = is_signed_upgrade
        self._ssl_context = ssl_context
        self._port_number = port_number
        self._rng = random.Random(seed)
        self._port = 0  # any free port, until the first start
        self._server: Server | None = None
        self._listener: Listener | None = None
        self._relays: dict[str, Relay] = {}
        self._closing: dict[asyncio.Task[None], Relay] = {}
        self._numbers = itertools.count()
        self._restarting: asyncio.Task[None] | None = None
        self._relistening: asyncio.Task[Server] | None = None
        self.fault_log: Log = deque(maxlen=LOG_MAX)
        self._refusals: deque[tuple[int, Mapping[str, str]]] = deque()
        sessions.on_end(self._session_ended)

    @property
    def url(self) -> str:
        """``wss://127.0.0.1:port``, after the start."""
        return f"wss://{HOST}:{self._port}"

    @property
    def listening(self) -> bool:
        """Whether clients can connect; they cannot during a restart."""
        return self._server is not None and self._server.is_serving()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await self._listen()

    async def _listen(self) -> Server:
        self._listener = Listener(self._port)
        self._port = self._listener.port
        return await serve(
            self._serve_link,
            sock=self._listener,
            ssl=self._ssl_context,
            create_connection=Link,
            process_request=self._check_request,
            compression=None,
            max_size=MAX_FRAME,
            max_queue=None,
            write_limit=WRITE_HIGH_WATER,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT,
            logger=_websockets_logger,
        )

    def restart(self, seconds: float) -> bool:
        """Cut all links and stop listening for ``seconds``. Return ``False`` during a restart."""
        if self._server is None or self._restarting is not None:
            return False
        self._restarting = asyncio.get_running_loop().create_task(self._restart(seconds))
        return True

    async def _restart(self, seconds: float) -> None:
        assert self._server is not None
        assert self._listener is not None
        await self._listener.accept_no_more()
        self._server.close(close_connections=False)
        for relay in self._relays.values():
            relay.cut(How.RESET)
        await self._hang_up()
        await asyncio.sleep(seconds)
        # A cancelled start would leave a server that no attribute holds.
        self._relistening = asyncio.get_running_loop().create_task(self._listen())
        self._server = await asyncio.shield(self._relistening)
        self._relistening = self._restarting = None

    async def stop(self) -> None:
        """End all sessions and close everything. Harmless before a start."""
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.wait([self._restarting])
            self._restarting = None
        if self._relistening is not None:
            self._server = await self._relistening
            self._relistening = None
        for relay in [*self._relays.values(), *self._closing.values()]:
            relay.abort()
        while self._closing:
            await asyncio.wait(self._closing)
        if self._listener is not None:
            await self._listener.accept_no_more()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        await self._hang_up()

    async def _hang_up(self) -> None:
        if self._listener is not None:
            await self._listener.hang_up()
            self._listener = None

    def relay(self, session_id: str) -> Relay:
        """Return the relay of a living session that a client has opened.

        :raises KeyError: if there is none.
        """
        return self._relays[session_id]

    def cut_links(self, how: How) -> int:
        """Break the links of all sessions and return their number. The sessions live on."""
        return sum(relay.cut(how) for relay in self._relays.values())

    def refuse_upgrades(
        self, status: int, headers: Mapping[str, str] | None = None, times: int = 1
    ) -> None:
        """Answer the next upgrades with an HTTP status and headers, such as ``Location``."""
        self._refusals.extend([(status, headers or {})] * times)

    # A link

    def _check_request(self, connection: ServerConnection, request: Request) -> Response | None:
        if self._refusals:
            status, headers = self._refusals.popleft()
            response = connection.respond(HTTPStatus(status), "")
            response.headers.update(headers)
            return response
        path, _, text = request.path.partition("?")
        if not path.startswith(DATA_CHANNEL_PATH):
            return connection.respond(HTTPStatus.NOT_FOUND, "")
        session_id = _session_id(path)
        again = session_id in self._relays
        query = parse_qs(text)
        if (
            query.get("role") != [DATA_CHANNEL_ROLE]
            or (again and not self._may_rejoin(session_id, text))
            or not self._is_signed(session_id, request)
        ):
            return connection.respond(HTTPStatus.FORBIDDEN, "")
        return None

    def _is_signed(self, session_id: str, request: Request) -> bool:
        """Return whether an upgrade has the signature that its session needs, if any."""
        session = self._sessions.find(session_id)
        if self._is_signed_upgrade is None or session is None or session.origin is None:
            return True
        return self._is_signed_upgrade(session, request.path, request.headers)

    async def _serve_link(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Link)
        assert connection.request is not None
        link = connection
        session_id = _session_id(connection.request.path)
        try:
            first = await asyncio.wait_for(link.first, self.behaviour.open_timeout)
        except asyncio.TimeoutError:
            await link.close(REFUSED)
            return
        relay = self._open(link, session_id, first)
        if relay is None:
            _logger.info("refused a token for session %s", session_id)
            link.set_reading(True)
            await link.close(REFUSED)
            return
        try:
            await asyncio.wait_for(link.wait_closed(), self.behaviour.link_lifetime)
        except asyncio.TimeoutError:
            link.set_reading(True)
            await link.close(1000, "Bye")
        relay.detach(link)

    def _may_rejoin(self, session_id: str, query: str) -> bool:
        """Return whether a data channel that was open before accepts this upgrade."""
        session = self._sessions.find(session_id)
        if session is None:
            return False
        rejoin = self._rejoin_of(session)
        if rejoin is Rejoin.FRESH_URL:
            return f"cell-number={cell_number(session)}" in query
        return rejoin is not Rejoin.FORBIDDEN

    def _rejoin_of(self, session: Session) -> Rejoin:
        rejoin = self.behaviour.rejoin
        return rejoin if isinstance(rejoin, Rejoin) else rejoin(session)

    def _open(self, link: Link, session_id: str, first: Frame) -> Relay | None:
        """Give the link to its session's relay. Return ``None`` if the token is not valid."""
        token_value = _token_value(first)
        session = self._sessions.authenticate(session_id, token_value)
        if session is None:
            return None
        relay = self._relays.get(session_id)
        if relay is None:
            relay = self._relays[session_id] = self._make_relay(session)
            relay.start(link)
        elif self._rejoin_of(session) is Rejoin.FRESH_TOKEN and relay.token_value == token_value:
            return None
        else:
            relay.attach(link)
        relay.token_value = token_value
        return relay

    # Sessions

    def _make_relay(self, session: Session) -> Relay:
        behaviour = self.behaviour

        def make_worker(
            send: Callable[[list[bytes]], None],
            pause_input: Callable[[bool], None],
            ended: Callable[[str], None],
        ) -> Worker:
            plugin, open_far_end = self._plugin(session, behaviour.agent)
            return Worker(
                session.id,
                plugin,
                open_far_end,
                behaviour=behaviour.agent,
                rng=random.Random(self._rng.getrandbits(64)),
                send=send,
                on_input_paused=pause_input,
                on_ended=ended,
            )

        def ended(output: str) -> None:
            task = asyncio.get_running_loop().create_task(relay.closed())
            self._closing[task] = relay
            task.add_done_callback(self._closing.pop)
            del self._relays[session.id]
            self._sessions.end(session, output or "The agent ended the session")

        def interfere(act: Callable[[Incident], bool]) -> Interference | None:
            number, faults = next(self._numbers), behaviour.faults
            plan = faults if isinstance(faults, FaultPlan) else faults(number)
            if not plan.faults:
                return None

            def do(incident: Incident) -> bool:
                if isinstance(incident, Restart):
                    return self.restart(incident.seconds)
                return act(incident)

            return Interference(plan, session.id, number, do, self.fault_log)

        relay = Relay(
            session.id, session.machine_id, behaviour.relay, make_worker, self.tap, ended, interfere
        )
        return relay

    def _plugin(self, session: Session, behaviour: AgentBehaviour) -> tuple[Plugin, Opener]:
        if session.form in (Form.SSH, Form.FORWARD):
            own = session.port in (None, 22, self._port_number)
            number = self._port_number if own else session.port or 0
            # Every other port of the machine is that port of this one.
            dialer = self._dialer_of(session.machine_id) if own else tcp_dialer(number)
            return Port(number, forwards=session.form is Form.FORWARD), port_opener(dialer)
        plugin = self._process_plugin(session, behaviour)
        return plugin, self._open_process(plugin)

    def _process_plugin(self, session: Session, behaviour: AgentBehaviour) -> Plugin:
        if session.form is Form.SHELL:
            return Shell()
        if session.form is Form.COMMAND:
            return command_plugin(session.command, behaviour.execute_as)
        (line,) = session.command
        if session.form is Form.CONTAINER_LINE:
            return ContainerCommand(line, session.path)
        if session.form is Form.LINE:
            return InteractiveCommand(line)
        # Output and errors come together: a choice, AWS's document is not public.
        return NonInteractiveCommand(("sh", "-c", line))

    def _session_ended(self, session: Session) -> None:
        relay = self._relays.get(session.id)
        if relay is not None:
            relay.end(session.end_reason or "")


def _no_process(plugin: Plugin) -> Opener:
    async def refuse(owner: Owner) -> None:
        raise OSError("processes are not supported here")

    return refuse


def _session_id(target: str) -> str:
    """Return the id of the session in an upgrade's path, which may have a query."""
    return unquote(target.partition("?")[0][len(DATA_CHANNEL_PATH) :])


def _token_value(first: Frame) -> str:
    """Return the token of an OpenDataChannelInput; empty for any other frame."""
    try:
        document = json.loads(first) if isinstance(first, str) else None
    except (ValueError, RecursionError):
        return ""
    value = document.get("TokenValue") if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""
