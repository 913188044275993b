"""Probe: a tunnel that carries nothing, and tells how far it came and how long that took."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ConnectFailed, ConnectorError, RemoteProtocolError
from ..sessions import SessionSource
from .dialler import DialSettings
from .loop import Alarm, Loop
from .pumps import OnBroken
from .session import Session
from .tunnel import Onlooker, Tunnel

#: Seconds that the SSH server may take to greet once the session is open.
GREETING_TIMEOUT = 6.0

#: Bytes that may come before the greeting, of which OpenSSH takes far more.
MAX_PREFACE = 64 * 1024


class Probe(Tunnel, Onlooker):
    """A tunnel that ends by itself when the SSH server greets, or does not.

    :ivar steps: those that were reached, and the seconds that each one took: ``dial``,
        ``upgrade``, ``handshake``, ``greeting``.
    :ivar greeting: the server's first line, such as ``SSH-2.0-OpenSSH_9.2``; empty: none came.
    :ivar silence: why none came, where nothing else ended it.
    """

    def __init__(self, loop: Loop, source: SessionSource, settings: DialSettings) -> None:
        self.steps: dict[str, float] = {}
        self.greeting = ""
        self.silence: ConnectorError | None = None
        self._probe_loop = loop
        self._reached_at = loop.time()
        self._preface = b""
        self._greeting_alarm = Alarm(loop)
        watched = settings._replace(connected=lambda: self._reached("dial"))
        super().__init__(
            loop,
            Session(loop, source),
            _Silence(loop),
            _Ear(self._hear),
            watched,
            _ignore,
            _ignore,
            onlooker=self,
        )

    def connection_made(self, token: str) -> None:
        self._reached("upgrade")
        super().connection_made(token)

    def session_opened(self, session_type: str | None) -> None:
        self._reached("handshake")
        limit = self._probe_loop.time() + GREETING_TIMEOUT
        self._greeting_alarm.set(limit, self._not_greeted)

    def _reached(self, step: str) -> None:
        if step not in self.steps:
            now = self._probe_loop.time()
            self.steps[step], self._reached_at = now - self._reached_at, now

    def _hear(self, data: bytes) -> None:
        if self.greeting:
            return
        self._preface += data
        *lines, _ = self._preface.split(b"\n")
        found = next((line for line in lines if line.startswith(b"SSH-")), b"")
        if found:
            self._reached("greeting")
            self.greeting = found[:255].decode("ascii", "replace").strip()
            self._greeting_alarm.cancel()
            self._probe_loop.call_soon(self.end, 0)
        elif len(self._preface) > MAX_PREFACE:
            self._not_greeted()

    def _not_greeted(self) -> None:
        self._greeting_alarm.cancel()
        if self._preface:
            self.silence = RemoteProtocolError("what answers at the SSH port is no SSH server")
        else:
            self.silence = ConnectFailed(
                "the SSH server of the Dev Environment does not greet",
                "It may be starting or overloaded: try again, or restart the environment",
            )
        self.end(self.silence.exit_code)


class _Silence:
    """An ``Input`` that says nothing."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_end = on_end

    def set_wanted(self, wanted: int) -> None:
        """There is nothing to give."""

    def take_rest(self) -> None:
        self._loop.call_soon(self._on_end)

    def close(self) -> None:
        """There is nothing to close."""


class _Ear:
    """An ``Output`` that hands over what comes, in memory."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self.pending_bytes = 0
        self._hear = hear

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None:
        """It never breaks."""

    def write(self, data: bytes) -> None:
        self._hear(data)

    def close(self) -> None:
        """There is nothing to close."""


def _ignore(*_: object) -> None:
    """What a tunnel would show a user."""
