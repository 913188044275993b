"""What a kind of target adds to the base of all kinds that AWS's regional APIs serve.

The base, :class:`.kind.RegionalKind`, fulfils the contract of :mod:`connector.targets.kind`: names,
Regions, profiles, caches, retries, sessions, doctor. It asks one :class:`Backend` about all that
differs from service to service. A room has a class that inherits from ``Backend``, and the line
``KIND = RegionalKind(TheBackend())`` in the module that its row in the registry names.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING, Any, Protocol
from ..model import UNKNOWN, State

if TYPE_CHECKING:
    from ...aws.api import Refused
    from ...aws.cloud import Cloud
    from ...aws.signed import Service
    from ...errors import ConnectorError
    from ...sessions import SessionAccess
    from ...ssh.facts import SshFacts
    from ..model import Column, Query, SessionRequest
    from ..registry import KindRow

#: Seconds after a start in which the agent of a target may still be on its way.
BOOT_SECONDS = 300.0

_NOTHING: Mapping[str, Any] = {}


class Found(NamedTuple):
    """A target as its id or an answer of the service describes it.

    :param id: what calls of the API take; unique in its Region.
    :param labels: the parts of its name, from the narrowest place to the widest, without the
        Region: ``("space", "domain")``. The target can be called by the first label alone, by the
        first two, and so on. Empty: it is called by its id.
    :param region: the Region; empty in an answer of :meth:`Backend.exact`: that of the query.
    :param aliases: other whole names that find it: an address, the id of its task.
    :param state: unknown unless an answer told it.
    :param details: facts for later calls, all JSON. Names are remembered with them: keep them few.
    :param started: when what answers sessions was started, in seconds since the epoch; 0 unless
        an answer told it.
    """

    id: str
    labels: tuple[str, ...] = ()
    region: str = ""
    aliases: tuple[str, ...] = ()
    state: State = UNKNOWN
    details: Mapping[str, Any] = _NOTHING
    started: float = 0.0


def is_young(started: float) -> bool:
    """Return whether the agent of what was started then may still be on its way.

    :param started: see :class:`Found`.
    """
    return time.time() - started < BOOT_SECONDS


class Backend(Protocol):
    """A kind's own part. One object for each kind, without any state.

    Calls raise ``Refused``, ``CallFailed`` (see :mod:`connector.aws.api`) and ``ConnectorError``.
    The base retries, and explains refusals to users. A method that takes a ``timeout`` makes one
    try within that many seconds. The ProxyCommand imports the module of this class: methods import
    what they need.
    """

    #: Seconds for which sessions may be refused after a start, while an agent registers.
    settles: float = 60.0

    #: Whether the caller of a session may end it (ssm:TerminateSession) and rejoin it
    #: (ssm:ResumeSession). If not, both are tried, but a refusal is no error.
    terminates: bool = True

    #: Whether a name never comes to mean another target. Then a remembered name needs no check.
    names_last: bool = False

    #: Whether each start of a target has an SSH host key of its own, see :meth:`machine_of`.
    changes_host_keys: bool = False

    #: botocore's names of services besides :attr:`service` that tell where streams lead.
    stream_services: tuple[str, ...] = ("ssm",)

    @property
    def row(self) -> KindRow:
        """The kind's row of the registry."""

    @property
    def ssh(self) -> SshFacts:
        """What the configuration of ssh has to know."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of `connector list`, the most telling first. The base adds the Region."""

    @property
    def states(self) -> Collection[str]:
        """The words that the service has for states. Reports of the doctor show them."""

    @property
    def service(self) -> Service:
        """The API that starts sessions. The base connects to it early, and doctor checks it."""

    def exact(self, name: str) -> Found | None:
        """Return the target of a name that needs no look-up, such as an id or an ARN; else None.

        It has to return None for a name that is not well formed, such as an ARN with a dot and a
        Region behind it: the base takes these off, and asks again.

        :param name: as the user gave it, without suffix.
        """

    def made(self, name: str, query: Query) -> Found | None:
        """Return the target that a query wants to be made; None: the query means an existing one.

        Nothing is made yet: a session is refused, :meth:`look` says that it is stopped, and
        :meth:`start` makes it.

        :param name: as of :meth:`exact`.
        :raises ConfigError: when nothing can be made of this name, as of that of a target.
        """
        return None

    def missing_hint(self, name: str, query: Query) -> str:
        """Return what to do about a name that no target has; empty for the base's words.

        :param query: has the name as the user gave it, and the options.
        """
        return ""

    def host_name(self, found: Found) -> str:
        """Return a name for ssh that :meth:`exact` reads back, without suffix.

        The base appends the Region, unless the name tells it, and the suffix.
        """
        return found.id

    def title(self, found: Found) -> str:
        """Return what messages call a target, behind the kind's noun."""
        return f"{found.labels[0]} ({found.id})" if found.labels else found.id

    def session_target(self, found: Found) -> str:
        """Return what Systems Manager calls the target of sessions, to list those that live.

        Empty where only :meth:`look` can tell, or where there can be no session.
        """
        return found.id

    def check(self, request: SessionRequest) -> None:
        """:raises ConfigError: when the service cannot start a session of this form."""
        return

    def list_region(self, cloud: Cloud, region: str, deadline: float) -> Sequence[Found]:
        """Return all targets of a Region; :func:`.pages.items_of` reads pages.

        :param deadline: on the clock of ``time.monotonic``.
        """

    def look(self, cloud: Cloud, found: Found, timeout: float) -> Found:
        """Return the target as the service describes it now, with its state, and its labels.

        :raises Refused: also when the service does not know the target any more.
        """

    def look_for(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> Found:
        """Return what :meth:`look` does, with the state that matters to a query's options."""
        return self.look(cloud, found, timeout)

    def ready(self, found: Found) -> bool:
        """Return whether sessions can be opened on a target that runs, as it is set up.

        If not, commands that start a target call :meth:`start`, which changes it or refuses to.
        """
        return True

    def start(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> Found | None:
        """Ask for the start of a stopped target. The base calls :meth:`look` until it runs.

        :returns: what was started, where that is another target than ``found``; else None.
        :raises Refused: with the status 409 while a change is under way that has to end first.
            The start is then asked for again.
        """

    def stop(self, cloud: Cloud, found: Found, timeout: float) -> State:
        """Stop the target and return the state that this led to."""

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        """Start a session. The base adds the signer of its stream.

        :param query: has the kind's options; :meth:`look` finds details that ``found`` lacks.
        """

    def detour(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess | None:
        """Return access by another way than :meth:`open`; None where there is none.

        Asked once, when a refusal may settle (see :meth:`may_settle`).

        :param found: as :meth:`look` has returned it after the refusal.
        """
        return None

    def machine_of(self, cloud: Cloud, found: Found, timeout: float) -> str:
        """Return what tells this start of the target from all others; empty if that is not told.

        Only asked where :attr:`changes_host_keys`. Before ssh sees the greeting of a session, its
        known keys of earlier starts are removed.
        """
        return ""

    def may_settle(self, refused: Refused) -> bool:
        """Return whether a refused session may be granted once an agent has registered."""
        return refused.code == "TargetNotConnected"

    def explain(
        self, refused: Refused, what: str, found: Found | None, query: Query
    ) -> ConnectorError | None:
        """Return the error for users of a refused call; None for the base's own words.

        :param what: was refused, as in "stop" or "start a session on": the target follows.
        :param query: what the user asked for.
        """
        return None

    def advice(self, found: Found) -> str:
        """Return what to do about a target that waiting does not make run.

        Empty for the base's own words: look at the console, or that it cannot be used any more.
        """
        return ""

    def user(self, found: Found) -> str:
        """Return the user that the target expects of ssh; empty: that of :attr:`ssh`."""
        return ""

    def host_key_alias(self, found: Found) -> str:
        """Return the name under which ssh keeps the target's host key."""
        return f"{self.row.name}-{found.id}"

    def stop_warning(self, found: Found) -> str:
        """Return what a stop costs the user, to be asked before it; empty: stop without asking."""
        return ""

    def billing(self, found: Found) -> str:
        """Return how a running target is billed, as in "is billed by the second".

        Where this is not empty, commands offer a stop at their end.
        """
        return ""

    def fields(self, found: Found) -> tuple[str, ...]:
        """Return what a line for programs has after name, state, labels, Region and id."""
        return ()

    def cells(self, found: Found) -> tuple[str, ...]:
        """Return the texts of :attr:`columns`."""

    def document(self, found: Found) -> dict[str, Any]:
        """Return what JSON has of a target besides sshName, name, id, region and state."""
        return {}
