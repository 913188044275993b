"""What a kind of target adds to the base of all kinds that AWS's regional APIs serve.

The base, :class:`.kind.RegionalKind`, fulfils the contract of :mod:`connector.targets.kind`: names,
Regions, profiles, caches, retries, sessions, doctor. It asks one :class:`Backend` about all that
differs from service to service, and the backend's :class:`.targets.Targets` to list, describe and
change them. A room has a class that inherits from each, and the line
``KIND = RegionalKind(TheBackend())`` in the module that its row in the registry names.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING, Any, Protocol
from ..model import UNKNOWN, State
from ..registry import STREAM

if TYPE_CHECKING:
    from ...aws.api import Refused
    from ...aws.cloud import Cloud
    from ...aws.services import Service
    from ...sessions import SessionAccess
    from ...ssh.facts import SshFacts
    from ..model import Column, Query, SessionRequest
    from ..registry import KindRow
    from .targets import Targets

#: Seconds after a start in which the agent of a target may still be on its way.
BOOT_SECONDS = 300.0

_NOTHING: Mapping[str, Any] = {}

#: Codes of Systems Manager, and of services that pass it on, for an agent that is not connected.
NOT_CONNECTED = ("TargetNotConnected", "TargetNotConnectedException")

#: What ssh replaces by the value of an option that it tells its ProxyCommand (ssh_config(5)).
_TOKENS: Mapping[str, str] = {"port": "%p", "user": "%r"}


#: The members that JSON has of every target, before those of its kind.
MEMBERS = ("sshName", "kind", "name", "region", "id", "state", "stateReason")


class Found(NamedTuple):
    """A target as its id or an answer of the service describes it.

    :param id: what calls of the API take; unique in its Region.
    :param labels: the parts of its name, from the narrowest place to the widest, without the
        Region: ``("space", "domain")``. The target can be called by the first label alone, by the
        first two, and so on. Empty: it is called by its id.
    :param region: the Region; empty in an answer of :meth:`Backend.exact`: that of the query.
    :param aliases: other whole names that find it: an address, the id of its task.
    :param state: unknown unless an answer told it.
    :param details: facts for lists and for later calls, all JSON; None where an answer does not
        tell one. Names are remembered with them: keep them few.
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

    def texts(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return details as lists show them."""
        return tuple(map(_text_of, map(self.details.get, names)))


def is_young(started: float) -> bool:
    """Return whether the agent of what was started then may still be on its way.

    :param started: see :class:`Found`.
    """
    return time.time() - started < BOOT_SECONDS


def _text_of(detail: object) -> str:
    if isinstance(detail, bool):
        return "on" if detail else "off"
    return "" if detail is None else str(detail)


class Backend(Protocol):
    """A kind's own part. One object for each kind, without any state.

    A kind has to give :attr:`row`, :attr:`targets`, :meth:`exact` and the facts for ssh. All else
    has a default, which is right for targets whose sessions Systems Manager starts.

    The ProxyCommand and completion import the module of this class: methods import what they need,
    and the ``Service`` of an API is in another module.
    """

    #: What the configuration of ssh has to know besides the kind's row: see ``SshFacts``. The user
    #: is empty if it depends on the target, see :meth:`user`.
    ssh_title: str
    patterns: tuple[str, ...]
    examples: tuple[str, ...]
    ssh_user: str
    ssh_user_of: str = ""

    #: The fields of ``PushedKey``; None where the service can push no key of the user.
    pushed_key: tuple[str, str, tuple[str, ...]] | None = None

    #: Seconds for which sessions may be refused after a start, while an agent registers.
    settles: float = 60.0

    #: Whether the caller of a session may end it (ssm:TerminateSession) and rejoin it
    #: (ssm:ResumeSession). If not, both are tried, but a refusal is no error.
    terminates: bool = True

    #: Whether a name never comes to mean another target. Then a remembered name needs no check.
    names_last: bool = False

    #: What messages of refused sessions say where an agent is not connected, and the code is not
    #: Systems Manager's.
    no_agent: str = ""

    #: botocore's names of services besides :attr:`service` that tell where streams lead.
    stream_services: tuple[str, ...] = ("ssm",)

    #: The columns of `connector list`, the most telling first. The base adds the Region.
    columns: tuple[Column, ...] = ()

    @property
    def fields(self) -> Sequence[str]:
        """The details that a line for programs has after name, state, labels, Region and id."""
        return tuple(each.detail for each in self.columns)

    @property
    def members(self) -> Sequence[str]:
        """The details that JSON has of a target that has them."""
        return self.fields

    @property
    def row(self) -> KindRow:
        """The kind's row of the registry."""

    @property
    def targets(self) -> type[Targets]:
        """The calls that list, describe and change targets."""

    @property
    def service(self) -> Service:
        """The API that starts sessions: Systems Manager, unless a kind has another one.

        The base connects to it early, and doctor checks it.
        """
        from .ssm import SSM  # completion needs no network

        return SSM

    @property
    def ssh(self) -> SshFacts:
        """What the configuration of ssh has to know."""
        from ...ssh.facts import PushedKey, SshFacts

        row = self.row
        pushed_key = PushedKey(*self.pushed_key) if self.pushed_key else None
        known_hosts = f"~/.ssh/known_hosts_{row.name}"
        streams = [each.name for each in row.options if each.role == STREAM]
        if pushed_key:  # no configuration tells it
            streams.remove(pushed_key.option)
        return SshFacts(
            title=self.ssh_title,
            nouns=row.words.nouns,
            patterns=self.patterns,
            examples=self.examples,
            suffix=row.suffixes[0],
            service_prefixes=row.prefixes,
            user=self.ssh_user,
            known_hosts=known_hosts,
            file_prefix=f"{row.name}_",
            id_prefixes=row.id_prefixes,
            proxy_options=tuple((name, _TOKENS.get(name, known_hosts)) for name in streams),
            user_of=self.ssh_user_of,
            pushed_key=pushed_key,
        )

    def exact(self, name: str) -> Found | None:
        """Return the target of a name that needs no look-up, such as an id or an ARN; else None.

        It has to return None for a name that is not well formed, such as an ARN with a dot and a
        Region behind it: the base takes these off, and asks again.

        :param name: as the user gave it, without suffix.
        """

    def may_be_cut(self, found: Found) -> bool:
        """Return whether the id that :meth:`exact` has read may be the beginning of another one.

        It is then looked up if the service does not know it.
        """
        return False

    def made(self, name: str, query: Query) -> Found | None:
        """Return the target that a query wants to be made; None: the query means an existing one.

        Nothing is made yet: it has no :meth:`session_target`, ``Targets.look`` says that it is
        stopped, and ``Targets.start`` makes it.

        :param name: as of :meth:`exact`.
        :raises ConfigError: when nothing can be made of this name, as of that of a target.
        """
        return None

    def missing_hint(self, name: str, query: Query) -> str:
        """Return what to do about a name that no target has; empty for the base's words.

        :param query: has the name as the user gave it, and the options.
        """
        return ""

    def first_hint(self, query: Query) -> str:
        """Return what a user does who has no targets, as a sentence.

        :param query: has no name, one Region at most, and the account.
        """
        return f"Create one in {self.row.words.console}"

    def host_name(self, found: Found) -> str:
        """Return a name for ssh that :meth:`exact` reads back, without suffix.

        The base appends the Region, unless the name tells it, and the suffix.
        """
        return found.id

    def title(self, found: Found) -> str:
        """Return what messages call a target, behind the kind's noun."""
        return f"{found.labels[0]} ({found.id})" if found.labels else found.id

    def session_target(self, found: Found) -> str:
        """Return what Systems Manager calls the target of sessions.

        Empty where only ``Targets.look`` can tell, or where there can be no session.
        """
        return found.id

    def ready(self, found: Found) -> bool:
        """Return whether sessions can be opened on a target that runs, as it is set up.

        If not, commands that start a target call ``Targets.start``, which changes it or refuses to.
        """
        return True

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        """Start a session: one try within some seconds. The base adds the signer of its stream.

        A kind whose sessions Systems Manager starts has no need to override this method.

        :param found: has a :meth:`session_target`.
        :param query: has the kind's options.
        """
        from .ssm import start_ssm_session

        target, port = self.session_target(found), int(query.option("port") or 22)
        return start_ssm_session(cloud, found.region, target, request, port, timeout)

    def may_settle(self, refused: Refused) -> bool:
        """Return whether a refused session may be granted once an agent has registered."""
        return refused.code in NOT_CONNECTED

    def user(self, found: Found) -> str:
        """Return the user that the target expects of ssh; empty: :attr:`ssh_user`."""
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

    def cells(self, found: Found) -> tuple[str, ...]:
        """Return the texts of :attr:`columns`."""
        return found.texts(each.detail for each in self.columns)
