"""A session of the examination's own: its start, the SSH server's greeting, and its end."""

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
from .words import Harmless, joined, words

#: Seconds for stopping the session.
END_TIMEOUT = 3.5


#: What to do about a target that is starting, or whose agent is.
NOT_YET = words("This may take minutes after a start. ssh waits for it; or try again in a minute")


class _NoPatience:
    """A ``StartProgress`` for a target that was running a moment ago: it does not wait.

    :ivar ended: whether ssh would have waited here.
    """

    ended = False

    def wait(self, waiting: Waiting, seconds: float) -> None:
        self.ended = True
        raise TargetNotReady(words("it is {state}", state=waiting.status), NOT_YET)

    def go_on(self) -> None:
        """Do nothing: there was no wait."""

    def may_leave(self, harmless: bool) -> None:
        """Do nothing: :meth:`Visit.close` always waits until the start is over."""


class _OneSession:
    """A ``SessionSource`` with one session, which starts before the tunnel asks for it."""

    def __init__(self, source: SessionSource) -> None:
        self.access: SessionAccess | None = None
        self.stopped = False
        self.problem: ConnectorError | None = None  # the reason why it could not be stopped
        self._source = source
        self._stopping = threading.Lock()

    def begin(self, progress: StartProgress) -> None:
        """Start the session."""
        self.access = self._source.start(progress)

    def start(self, progress: StartProgress) -> SessionAccess:
        """Return access to the session that :meth:`begin` has started."""
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
        """Do nothing: an examination does not clean up after other processes."""


class Visit:
    """The session of one examination. Each method except :meth:`close` is a leg."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._session: _OneSession | None = None
        self._idle = threading.Event()  # no start and no tunnel is in progress
        self._idle.set()
        self._loop: Loop | None = None
        self._probe: Probe | None = None

    def start(self) -> Result:
        """Start the session."""
        case = self._case
        if case.source is None:
            raise RuntimeError("there is no source of sessions")
        self._session = _OneSession(case.source)
        self._idle.clear()
        patience = _NoPatience()
        try:
            self._session.begin(patience)
        except TargetNotReady as error:
            if not patience.ended:
                raise
            result = Result.failed(error)
            result.status, result.exit_code, result.blocks = Status.WARN, 0, error.message
            return result
        finally:
            self._idle.set()
        return Result(words("A session was started"))

    def gateway(self) -> Result:
        """Find out which gateway this session uses, or which one the last session used."""
        case, access = self._case, self._session.access if self._session else None
        if case.source is None:
            # An earlier leg failed, perhaps because the API cannot be reached. The gateway is
            # another host, and a target whose name is known has a last gateway.
            with suppress(ConnectorError):
                case.find()
        if access:
            whose, url = words("the session's"), access.stream_url
        elif case.likely_gateway:
            whose, url = words("the last session's"), f"wss://{case.likely_gateway}/"
        else:
            reason = words("Unknown until a session is started")
            return Result(reason, Status.SKIP, blocks=words("the gateway is not known"))
        address = case.settings.check(url)
        host = public.host(address.host)
        facts = {"host": host, "port": address.port, "ofThisSession": bool(access)}
        case.ways.add("gateway", address.host, address.port, secure=address.secure)
        text = words("{host}:{port}, {whose}", host=host, port=address.port, whose=whose)
        return Result(text, facts=facts)

    def greeting(self) -> Result:
        """Do everything that ssh waits for, or else that a command needs, to its first line."""
        if self._session is None:
            raise RuntimeError("there is no session")
        loop = self._loop = Loop()
        try:
            of_command = not self._case.is_for_ssh
            probe = self._probe = Probe(
                loop, self._session, self._case.settings, of_command=of_command
            )
            self._idle.clear()
            probe.run()
        finally:
            self._idle.set()
            loop.close()
        facts = {
            "greeting": (not of_command and public.greeting(probe.greeting)) or None,
            "steps": {name: round(seconds, 3) for name, seconds in probe.steps.items()},
        }
        if not probe.greeting:
            early = ServiceError(words("the session ended before the SSH server sent its greeting"))
            if of_command:
                early = ServiceError(words("the session ended before the command printed anything"))
            return Result.failed(probe.error or probe.silence or early, facts)
        steps = joined(
            ", ",
            (
                words("{step} {duration:.0f} ms", step=Harmless(name), duration=1000 * seconds)
                for name, seconds in probe.steps.items()
            ),
        )
        first = words("A command ran") if of_command else public.greeting(probe.greeting)
        text = words("{greeting} ({steps})", greeting=first, steps=steps)
        return Result(text, facts=facts)

    def stop(self) -> Result:
        """Stop the session."""
        session = self._session
        if session is None or session.access is None:
            raise RuntimeError("there is no session to stop")
        with suppress(ConnectorError):
            session.stop(session.access, END_TIMEOUT)
        facts = {"stopped": session.stopped}
        if session.stopped:
            return Result(words("The session was stopped"), facts=facts)
        why = session.problem.message if session.problem else words("no reason given")
        hint = words(
            "It will end by itself; until then `{command}` shows it",
            command=self._case.query.command("sessions", "list"),
        )
        text = words("The session could not be stopped: {reason}", reason=why)
        return Result(text, Status.WARN, hint, facts)

    def close(self) -> None:
        """Stop the session if it still runs. This takes at most twice END_TIMEOUT."""
        if self._loop and self._probe:
            self._loop.call_soon(self._probe.end)
        self._idle.wait(END_TIMEOUT)
        session = self._session
        if session and session.access:
            with suppress(ConnectorError):
                session.stop(session.access, END_TIMEOUT)
