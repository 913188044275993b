"""One target of a regional API, and the calls about it.

:class:`RegionalTarget` fulfils the contract of :class:`connector.targets.kind.Target`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ...aws.api import CallFailed, Refused
from ...errors import ConnectorError, SessionNotFound, one_line
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING
from ..basics import CALL_TIMEOUT, BasicCalls, BasicTarget
from ..memory import Memory, cache_file
from ..model import (
    FAILED,
    GONE,
    RUNNING,
    SSH_SESSION,
    STARTING,
    STOPPED,
    Query,
    SessionInfo,
    SessionRequest,
    StartSettings,
    State,
)
from ..registry import KNOWN_HOSTS, START
from .backend import NOT_CONNECTED

if TYPE_CHECKING:
    from ...aws.cloud import Cloud
    from ...sessions import SessionAccess, SessionSource, StartProgress
    from .backend import Backend, Found
    from .place import Place
    from .targets import Targets

#: Seconds that waits and checks give a call.
POLL_TIMEOUT = 6.0
_DOUBT_TIMEOUT = 4.0

logger = Logger(__name__)


class Calls(BasicCalls):
    """Calls about one target: what a kind adds, and what all regional kinds need.

    Keys are loaded before a timeout begins: a user who is asked for a code takes longer.

    :param place: what the name of the query says.
    :param find_again: see :class:`BasicCalls`. It is called when the service does not know the
        remembered target any more, or calls it by another name.
    """

    def __init__(
        self,
        backend: Backend,
        cloud: Cloud,
        found: Found,
        query: Query,
        place: Place,
        find_again: Callable[[], Found] | None = None,
    ) -> None:
        super().__init__(find_again)
        self.backend = backend
        self.cloud = cloud
        self.found = found
        self.query = query
        self.place = place
        self._may_be_made = False

    def __str__(self) -> str:
        return f"{self.backend.row.words.noun} {one_line(self.backend.title(self.found))}"

    @property
    def console(self) -> str:
        return self.backend.row.words.console

    @property
    def makes(self) -> str:
        """See ``Waiting.makes``: a target that is stopped and billed is one that is made."""
        from .place import list_command

        if self.found.state.phase != STOPPED or not self.backend.billing(self.found):
            return ""
        return list_command(self.backend.row.name, self.query, self.place)

    @property
    def session_target(self) -> str:
        """See :meth:`.Backend.session_target`."""
        return self.backend.session_target(self.found)

    def look(self, timeout: float = POLL_TIMEOUT) -> State:
        """Return the state. A remembered target that has moved is looked up."""
        try:
            fresh = self._look(self.found, timeout)
        except Refused as refused:
            if refused.keys_error or refused.status not in (400, 404) or not self.has_moved():
                raise
            fresh = self._look(self.found, timeout)
        else:
            if self._find_again and not self._is_meant(fresh) and self.has_moved():
                fresh = self._look(self.found, timeout)
        self._find_again = None
        self.found = fresh
        return fresh.state

    def start(self) -> None:
        try:
            started = self._targets(POLL_TIMEOUT).start(self.found, self.query)
        except CallFailed as failure:
            # The service may have made a target, whatever becomes of the next tries.
            self._may_be_made = self._may_be_made or not failure.transient
            raise
        if started:
            self.found = started._replace(region=started.region or self.found.region)
            # The options that made it would make another one.
            made_by = {option.name for option in self.backend.row.options if option.role == START}
            kept = tuple(pair for pair in self.query.options if pair[0] not in made_by)
            self.query = self.query._replace(options=kept)
            self.made = self._made_words()

    def stop(self, timeout: float) -> State:
        """Stop the target and return the state that this led to."""
        return self._targets(timeout).stop(self.found)

    def open(self, request: SessionRequest, timeout: float) -> SessionAccess:
        """Start a session on a target of which the :attr:`session_target` is known."""
        self.cloud.keys.load(timeout)
        known_hosts = self.query.option(KNOWN_HOSTS.name)
        if not known_hosts:
            return self._open(request, timeout)
        from .freshkeys import MachineQuestion

        question = MachineQuestion(self, known_hosts, timeout)
        access = self._open(request, timeout)
        question.settle()
        return access

    def _open(self, request: SessionRequest, timeout: float) -> SessionAccess:
        backend = self.backend
        try:
            return backend.open(self.cloud, self.found, request, self.query, timeout)
        except Refused as refused:
            if not backend.no_agent or backend.no_agent not in refused.message:
                raise
            raise Refused(refused.status, NOT_CONNECTED[0], refused.message) from refused

    def detour(self, request: SessionRequest, timeout: float) -> SessionAccess | None:
        """Return access by another way, after a refusal and a :meth:`look`; None without one."""
        return self._targets(timeout).detour(self.found, request, self.query)

    def for_ssh(self, state: State) -> State:
        """Return the state that matters to ssh: it may have another way to a target that runs."""
        hopeful = state.phase in (STARTING, FAILED)
        if hopeful and self.detour(SSH_SESSION, POLL_TIMEOUT):
            return state._replace(phase=RUNNING)
        return state

    def doubter(self) -> Callable[[], bool] | None:
        return None if self.backend.names_last else super().doubter()

    def question(self) -> Callable[[], bool]:
        found = self.found
        return lambda: self._is_meant(self._look(found, _DOUBT_TIMEOUT))

    def take(self, found: Found) -> bool:
        before, self.found = self.found, found
        return (found.region, found.id) != (before.region, before.id)

    def may_start_later(self, failure: Refused | CallFailed) -> bool:
        from ...aws.retry import may_pass
        from .refusals import BUSY

        is_busy = isinstance(failure, Refused) and failure.code in BUSY
        return is_busy or may_pass(failure, idempotent=True)

    def error_of(self, failure: Refused | CallFailed, what: str = "start") -> ConnectorError:
        error = super().error_of(failure, what)
        if self._may_be_made and self.makes:
            maybe = f"A {self.backend.row.words.noun} may have been started: see `{self.makes}`"
            error.hint = f"{error.hint}. {maybe}" if error.hint else maybe
        return error

    def explain(self, refused: Refused, what: str) -> ConnectorError:
        from .place import list_command
        from .refusals import explain

        own = self.backend.targets.explain(refused, what, self.found, self.query)
        listing = list_command(self.backend.row.name, self.query, self.place)
        words = self.backend.row.words
        return own or explain(refused, f"{what} {self}", words.service, listing)

    def not_running(self, state: State) -> ConnectorError:
        from ..refusals import not_running
        from .place import place_query

        at = place_query(self.query, self.place)
        advice = self.backend.targets.advice(self.found, at)
        return not_running(str(self), state, self.command("start"), self.console, advice=advice)

    def command(self, *words: str) -> str:
        """Return a command of the connector about this target, in the user's own words."""
        return self.backend.row.command(self.query, *words)

    def _made_words(self) -> str:
        """Return the words of a command that name this very target; empty if it costs nothing."""
        if not self.backend.billing(self.found):
            return ""
        import shlex

        name = host_name(self.backend, self.found, self.place.profile)
        return shlex.join(self.query._replace(name=name, options=()).words)

    def _targets(self, timeout: float) -> Targets:
        """Return what makes calls about the target, within some seconds from now."""
        self.cloud.keys.load(timeout)
        deadline = time.monotonic() + timeout
        return self.backend.targets(self.cloud, self.found.region, deadline)

    def _look(self, found: Found, timeout: float) -> Found:
        fresh = self._targets(timeout).look(found, self.query)
        return fresh._replace(region=fresh.region or found.region)

    def _is_meant(self, fresh: Found) -> bool:
        """Return whether the name still means a remembered target, and it can be used."""
        from .naming import means

        exact = self.place.found
        return fresh.state.phase != GONE and means(exact.id if exact else self.place.name, fresh)


class RegionalTarget(BasicTarget):
    """One target."""

    calls: Calls

    @property
    def key(self) -> str:
        return f"{self.calls.backend.row.name} {self.calls.found.region} {self.calls.found.id}"

    @property
    def service(self) -> str:
        return f"ssm for {self.calls.cloud.origin('ssm')}"

    @property
    def name(self) -> str:
        found = self.calls.found
        return one_line(found.labels[0]) if found.labels else found.id

    @property
    def words(self) -> tuple[str, ...]:
        options = tuple(pair for pair in self.calls.query.options if pair[0] != "region")
        return Query(self.host_name, options).words

    @property
    def host_name(self) -> str:
        return host_name(self.calls.backend, self.calls.found, self.calls.place.profile)

    @property
    def host_key_alias(self) -> str:
        return self.calls.backend.host_key_alias(self.calls.found)

    @property
    def user(self) -> str:
        return self.calls.backend.user(self.calls.found)

    @property
    def stop_warning(self) -> str:
        return self.calls.backend.stop_warning(self.calls.found)

    @property
    def billing(self) -> str:
        return self.calls.backend.billing(self.calls.found)

    def run_until_running(self, progress: StartProgress, settings: StartSettings) -> State:
        from ..startup import Startup

        state = self.calls.for_ssh(self.state())
        ready = self.calls.backend.ready(self.calls.found)
        if state.phase == RUNNING and settings.allowed and not ready:
            state = state._replace(phase=STOPPED)
        calls = self.calls
        startup = Startup(calls, progress, settings, self.starts(), judge=calls.for_ssh)
        return startup.until_running(state)

    def sessions(self) -> list[SessionInfo]:
        from .listing import sessions_of

        with self.calls.explained("list the sessions of"):
            return sessions_of(self.calls, CALL_TIMEOUT)

    def stop_session(self, session_id: str) -> None:
        if session_id not in [each.id for each in self.sessions()]:
            raise SessionNotFound(
                f"{self} has no session {session_id}",
                f"List them with `{self.calls.command('sessions', 'list')}`",
            )
        from .ssm import terminate

        with self.calls.explained("end a session of"):
            terminate(self.calls.cloud, self.calls.found.region, session_id, CALL_TIMEOUT)

    def source(self, request: SessionRequest, settings: StartSettings) -> SessionSource:
        from .sessions import RegionalSessions

        return RegionalSessions(self.calls, settings, self.starts(), request)

    def starts(self) -> Memory:
        import os

        return Memory(cache_file(os.environ, "starts.json"), self.key)


def host_name(backend: Backend, found: Found, profile: str | None) -> str:
    """Return the name for ssh by which the target is found without a look-up.

    :param profile: that the name has to tell, if any.
    """
    name = backend.host_name(found)
    exact = backend.exact(name)
    labels = [] if exact and exact.region else [found.region]
    labels += [profile] if profile else []
    suffix = next(iter(backend.row.suffixes), "")
    return ".".join((name, *labels)) + suffix if labels else name
