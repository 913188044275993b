"""What every kind of target has: what a user asks for, states, requests, and listed rows.

The ProxyCommand imports this module, so it holds data alone and is cheap to import.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..errors import ConnectorError

#: Phases. Each kind says which of its service's states belongs to which phase. A target that
#: FAILED does not run again by itself; one that is GONE cannot be used any more.
RUNNING, STARTING, STOPPED, STOPPING = "running", "starting", "stopped", "stopping"
FAILED, GONE = "failed", "gone"

#: Forms of a session: to the SSH server, a login shell, or one command.
SSH, SHELL, COMMAND = "ssh", "shell", "command"


class Query(NamedTuple):
    """What a user asks for: a name and options, each empty or ``None`` where it was left out.

    :param name: the target's name, as ``ssh`` is called with it.
    :param options: names and values of the options that belong to a kind of target. The value of
        a flag is True.
    :param profile: the profile of ``~/.aws/config``.
    :param endpoint_url: the URL of another API than the service's own.
    """

    name: str = ""
    options: tuple[tuple[str, str | bool], ...] = ()
    profile: str | None = None
    endpoint_url: str | None = None

    def option(self, name: str) -> str | None:
        """Return the value of an option, or None where it was not given."""
        found = next((value for known, value in self.options if known == name), None)
        return found if isinstance(found, str) else None

    def flag(self, name: str) -> bool:
        """Return whether a flag was given."""
        return (name, True) in self.options

    @property
    def account(self) -> Query:
        """The same login at the same API, without a target."""
        return Query(profile=self.profile, endpoint_url=self.endpoint_url)

    def command(self, *words: str, after: tuple[str, ...] = ()) -> str:
        """Return the command line of the connector that has these words and this query.

        :param after: words behind the query.
        """
        import shlex  # for messages alone

        return shlex.join(["connector", *words, *self.words, *after])

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments that name the same target to any command."""
        words = [self.name] if self.name else []
        shared = (("profile", self.profile), ("endpoint-url", self.endpoint_url))
        for option, value in (*self.options, *shared):
            if value is True:
                words.append(f"--{option}")
            elif value:
                # A value in a word of its own must not begin with a dash.
                dashed = value.startswith("-")
                words += [f"--{option}={value}"] if dashed else [f"--{option}", value]
        return tuple(words)


class State(NamedTuple):
    """The state of a target: the service's word, the service's reason, and the phase."""

    status: str
    reason: str = ""
    phase: str = FAILED


#: The state of a target that no answer has told yet.
UNKNOWN = State("", "", "")


class StartSettings(NamedTuple):
    """Whether and how long to start a target.

    :param allowed: start a target that is stopped. One that starts already is waited for anyway.
    :param timeout: seconds until the target has to run.
    """

    allowed: bool = True
    timeout: float = 600.0


class SessionRequest(NamedTuple):
    """What a session is for; ``words`` are those of the command, for the form ``COMMAND``."""

    form: str
    words: tuple[str, ...] = ()


#: The request of a session to the SSH server.
SSH_SESSION = SessionRequest(SSH)


class SessionInfo(NamedTuple):
    """A session that lives; ``started`` in ISO 8601."""

    id: str
    started: str


class Words(NamedTuple):
    """A kind's own words for help and messages."""

    noun: str
    nouns: str
    service: str
    console: str


class HelpTexts(NamedTuple):
    """What `connector help` says about a kind. Each text ends with a newline, or is empty.

    :param names: which names there are.
    :param listing: the fields and members of what `connector list` prints of each target.
    :param access: where the commands find credentials, and which permissions they need.
    """

    names: str
    listing: str
    access: str


class Row(NamedTuple):
    """A target in a list. Texts are the service's own and not yet fit to be printed.

    :param name: the shortest name that ssh and every command take.
    :param alias: what the target's owner calls it; may be empty.
    :param fields: of a line for programs, after name and state.
    :param cells: of the table for people, one for each column of the listing.
    :param document: what JSON has of the target, besides ``sshName``.
    :param host_key_alias: the name under which ssh keeps the target's host key.
    :param about: describes the target in a comment of ssh's configuration.
    :param user: that the target expects of ssh; empty: the one of the kind's ``SshFacts``.
    """

    name: str
    state: State
    alias: str
    fields: tuple[str, ...]
    cells: tuple[str, ...]
    document: Mapping[str, Any]
    host_key_alias: str
    about: str
    user: str = ""


class Column(NamedTuple):
    """A column of the table of targets, and its least width.

    :param detail: the name of what it shows, for kinds that tell their targets' details so.
    """

    heading: str
    width: int
    detail: str = ""


class ListProblem(NamedTuple):
    """Why a part of a list is missing.

    :param is_refusal: whether that part holds nothing that the user could use.
    """

    error: ConnectorError
    is_refusal: bool


class Listing(NamedTuple):
    """The targets of a query, in the order in which they are shown.

    :param columns: of the table, the most telling first.
    :param problems: what could not be looked at, and may hold more targets of the query.
    :param is_whole: whether all targets are known that the user can use, within the query or not.
    :param malformed: the complaint about the first target whose names cannot be the service's.
    :param where: the place in which the query looks, after a blank; empty: everywhere.
    :param advice: a sentence for a user who has no targets there.
    """

    rows: list[Row]
    columns: tuple[Column, ...]
    problems: list[ListProblem]
    is_whole: bool
    malformed: ConnectorError | None
    where: str
    advice: str


class Account(NamedTuple):
    """The user that a login speaks for.

    :param lines: titles and texts for people; ``document`` is what JSON has.
    :param origin: where the credentials come from, in words.
    :param expires_at: seconds since the epoch; ``None`` when that is unknown.
    :param credentials: what they are, in one word.
    """

    lines: tuple[tuple[str, str], ...]
    document: Mapping[str, Any]
    origin: str
    expires_at: float | None
    credentials: str = "token"


class Remembered(NamedTuple):
    """What earlier commands have left to complete words from.

    :param names: each target's name for ssh, and where the target is.
    :param values: the option of a kind, and the values that it may have.
    """

    names: Mapping[str, str]
    values: Mapping[str, set[str]]
