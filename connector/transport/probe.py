"""Probe: a tunnel that carries no input, and measures how far a session comes.

It waits for the first line of an SSH server, or for that of a command which prints :data:`HELLO`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ConnectFailed, ConnectorError, RemoteProtocolError
from ..sessions import SessionSource
from .address import StreamSettings
from .loop import Alarm, Loop
from .pumps import OnBroken
from .session import Session
from .tunnel import Observer, Tunnel

#: Seconds that the SSH server may take for its greeting once the session is open.
GREETING_TIMEOUT = 6.0

#: What a command prints whose session is probed.
HELLO = "connector-probe"

#: Bytes that may come before the greeting. OpenSSH accepts far more.
MAX_PREFACE = 64 * 1024


class Probe(Observer):
    """A probe of one session, which ends when the SSH server has sent its greeting, or has not.

    :param of_command: whether the session has a command, not an SSH server.

    :ivar steps: the steps that the session reached, and the seconds that each one took:
        ``dial``, ``upgrade``, ``handshake``, ``greeting``.
    :ivar greeting: the server's first line, such as ``SSH-2.0-OpenSSH_9.2``; empty if none came.
    :ivar silence: the reason why no greeting came, if nothing else ended the session.
    """

    def __init__(
        self,
        loop: Loop,
        source: SessionSource,
        settings: StreamSettings,
        *,
        of_command: bool = False,
    ) -> None:
        self._of_command = of_command
        self.steps: dict[str, float] = {}
        self.greeting = ""
        self.silence: ConnectorError | None = None
        self._loop = loop
        self._reached_at = loop.time()
        self._preface = b""
        self._greeting_alarm = Alarm(loop)
        self._tunnel = Tunnel(
            loop,
            Session(loop, source),
            _NoInput(loop),
            _Listener(self._receive),
            settings,
            lambda line: None,
            lambda waiting: None,
            observer=self,
        )

    def run(self) -> None:
        """Open the session, wait for the greeting, and end the session."""
        self._tunnel.run()

    def end(self) -> None:
        """End the session now, greeting or not. Call it in the loop."""
        self._tunnel.end(0)

    @property
    def error(self) -> ConnectorError | None:
        """The error that ended the session; ``None`` if nothing went wrong."""
        return self._tunnel.error

    # What the tunnel calls (Observer).

    def link_dialled(self) -> None:
        self._reach("dial")

    def link_made(self) -> None:
        self._reach("upgrade")

    def session_opened(self, session_type: str | None) -> None:
        self._reach("handshake")
        self._greeting_alarm.set(self._loop.time() + GREETING_TIMEOUT, self._give_up)

    # Inside.

    def _reach(self, step: str) -> None:
        if step not in self.steps:
            now = self._loop.time()
            self.steps[step], self._reached_at = now - self._reached_at, now

    def _receive(self, data: bytes) -> None:
        if self.greeting:
            return
        self._preface += data
        *lines, _ = self._preface.split(b"\n")
        first = HELLO.encode() if self._of_command else b"SSH-"
        found = next((line for line in lines if line.startswith(first)), b"")
        if found:
            self._reach("greeting")
            self.greeting = found[:255].decode("ascii", "replace").strip()
            self._greeting_alarm.cancel()
            self._loop.call_soon(self.end)
        elif len(self._preface) > MAX_PREFACE:
            self._give_up()

    def _give_up(self) -> None:
        self._greeting_alarm.cancel()
        if self._of_command:
            self.silence = ConnectFailed("the command prints nothing", "Try again in a minute")
        elif self._preface:
            self.silence = RemoteProtocolError("the server at the SSH port is not an SSH server")
        else:
            self.silence = ConnectFailed(
                "the SSH server of the target sends no greeting",
                "It may be starting or overloaded: try again, or restart the target",
            )
        self.end()


class _NoInput:
    """An ``Input`` that has no bytes and never ends by itself."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_end = on_end

    def set_wanted(self, wanted: int) -> None:
        """Do nothing: there are no bytes to read."""

    def take_rest(self) -> None:
        self._loop.call_soon(self._on_end)

    def close(self) -> None:
        """Do nothing: no descriptor is open."""


class _Listener:
    """An ``Output`` that calls a function with what it is given."""

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self.pending_bytes = 0
        self._receive = receive

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None:
        """Do nothing: this output has no delay and does not break."""

    def write(self, data: bytes) -> None:
        self._receive(data)

    def close(self) -> None:
        """Do nothing: no descriptor is open."""
