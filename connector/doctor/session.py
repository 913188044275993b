"""A session of the examination's own, as far as the SSH server's greeting, and its end."""

from __future__ import annotations

import threading
from contextlib import suppress

from ..errors import ConnectorError, ServiceError, TargetNotReady
from ..sessions import SessionAccess, SessionSource, StartProgress, Waiting
from ..transport.loop import Loop
from ..transport.probe import Probe
from . import public
from .case import Case
from .findings import Result, Status
from .network import Way
from .words import Harmless, joined, words

#: Seconds that the end of a session may take.
END_TIMEOUT = 3.5


class _Impatient:
    """A ``StartProgress`` for a Dev Environment that ran a moment ago."""

    def wait(self, waiting: Waiting, seconds: float) -> None:
        state = public.known(waiting.status, public.STATES)
        raise TargetNotReady(words("it is {state}", state=state), words("Try again in a minute"))

    def go_on(self) -> None:
        """Nothing was waited for."""

    def may_leave(self, harmless: bool) -> None:
        """Whoever leaves waits for the start all the same."""


class _OneSession:
    """A ``SessionSource`` whose session is started before a tunnel asks for it."""

    def __init__(self, source: SessionSource) -> None:
        self.access: SessionAccess | None = None
        self.stopped = False
        self.problem: ConnectorError | None = None  # of stopping it
        self._source = source
        self._stopping = threading.Lock()

    def begin(self) -> None:
        self.access = self._source.start(_Impatient())

    def start(self, progress: StartProgress) -> SessionAccess:
        if self.access is None:
            raise RuntimeError("the session was not begun")
        return self.access

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        return self._source.resume(access)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        with self._stopping:
            if self.stopped:
                return
            try:
                self._source.stop(access, timeout)
            except ConnectorError as error:
                self.problem = error
                raise
            self.stopped = True

    def tidy(self) -> None:
        """Do nothing: an examination changes nothing."""


class Visit:
    """The one session. Each method but :meth:`close` is a leg."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._session: _OneSession | None = None
        self._idle = threading.Event()  # no start and no tunnel is under way
        self._idle.set()
        self._loop: Loop | None = None
        self._probe: Probe | None = None

    def start(self) -> Result:
        if self._case.source is None:
            raise RuntimeError("there is no source of sessions")
        self._session = _OneSession(self._case.source)
        self._idle.clear()
        try:
            self._session.begin()
        finally:
            self._idle.set()
        return Result(words("A session was started"))

    def gateway(self) -> tuple[Way | None, Result]:
        """The way to the gateway of the session, or to that of the last one."""
        case, access = self._case, self._session.access if self._session else None
        if case.source is None:  # the API was not reached, which need not be the gateway's fault
            with suppress(ConnectorError):
                case.open()
        if access:
            whose, url = words("the session's"), access.stream_url
        elif case.likely_gateway:
            whose, url = words("the last session's"), f"wss://{case.likely_gateway}/"
        else:
            reason = words("it is not known until a session is started")
            return None, Result(reason, Status.SKIP, blocks=words("the gateway is not known"))
        address = case.settings.check(url)
        host = public.host(address.host)
        facts = {"host": host, "port": address.port, "ofThisSession": bool(access)}
        way = Way(case, address.host, address.port, secure=address.secure)
        text = words("{host}:{port}, {whose}", host=host, port=address.port, whose=whose)
        return way, Result(text, facts=facts)

    def greeting(self) -> Result:
        """Everything that ssh waits for: dial, upgrade, handshake, greeting."""
        if self._session is None:
            raise RuntimeError("there is no session")
        loop = self._loop = Loop()
        try:
            probe = self._probe = Probe(loop, self._session, self._case.settings)
            self._idle.clear()
            probe.run()
        finally:
            self._idle.set()
            loop.close()
        facts = {
            "greeting": public.greeting(probe.greeting) or None,
            "steps": {name: round(seconds, 3) for name, seconds in probe.steps.items()},
        }
        if not probe.greeting:
            early = ServiceError(words("the session ended before the SSH server had greeted"))
            return Result.failed(probe.error or probe.silence or early, facts)
        steps = joined(
            ", ",
            (
                words("{step} {duration:.0f} ms", step=Harmless(name), duration=1000 * seconds)
                for name, seconds in probe.steps.items()
            ),
        )
        text = words("{greeting} ({steps})", greeting=public.greeting(probe.greeting), steps=steps)
        return Result(text, facts=facts)

    def stop(self) -> Result:
        session = self._session
        if session is None or session.access is None:
            raise RuntimeError("there is no session to stop")
        with suppress(ConnectorError):
            session.stop(session.access, END_TIMEOUT)
        facts = {"stopped": session.stopped}
        if session.stopped:
            return Result(words("The session was stopped"), facts=facts)
        why = session.problem.message if session.problem else words("no reason given")
        hint = words("It ends by itself; `connector sessions list` shows it until then")
        text = words("The session could not be stopped: {reason}", reason=why)
        return Result(text, Status.WARN, hint, facts)

    def close(self) -> None:
        """Leave no session behind, whatever was under way; takes twice END_TIMEOUT at most."""
        if self._loop and self._probe:
            self._loop.call_soon(self._probe.end)
        self._idle.wait(END_TIMEOUT)
        session = self._session
        if session and session.access:
            with suppress(ConnectorError):
                session.stop(session.access, END_TIMEOUT)
