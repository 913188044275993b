"""What the emulator's core and the room of one service know of each other.

A service's room (``api/…``) holds a *world*: users, targets and the API that serves them. The
core adds what every service needs: TLS, sign-in, sessions, the gateway, agents and machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .api.bearer import BearerTokens
from .api.rest import Endpoint
from .api.sso.signin import SignInUser
from .sessions import Session

#: The group of targets that are not given one. It has all that a name may have: a dot, a dash.
DEFAULT_GROUP = "web.site-1"


@dataclass(frozen=True)
class PlannedTarget:
    """A target that an emulator starts with.

    :ivar group: what the service files the target under, such as a project.
    :ivar running: whether its machine runs; otherwise it is stopped.
    :ivar start_seconds: the time that a start takes. A stop takes as long, but at most 2 s.
    """

    alias: str
    group: str = DEFAULT_GROUP
    running: bool = True
    start_seconds: float = 0.0


#: The targets of an emulator when the caller asks for no others.
DEMO = (PlannedTarget("demo"),)


@dataclass(frozen=True)
class Names:
    """The names of one target.

    :ivar alias: the user's name for it.
    :ivar name: the name that ``connector list`` shows.
    :ivar host: the service's own name for it in ssh.
    :ivar members: the parts of that name, as the service calls them.
    """

    alias: str
    name: str
    host: str
    members: Mapping[str, str]


@dataclass(frozen=True)
class Access:
    """All that a client needs to reach an emulated target. It holds a bearer token.

    :ivar names: the names of the first target.
    :ivar environment: variables that lead the connector, and any AWS SDK, to the emulator.
    :ivar access_key_id: the key whose requests ssm:ResumeSession accepts, with any secret key.
    :ivar password: the password of the sign-in pages.
    """

    names: Names
    environment: Mapping[str, str]
    endpoint_url: str
    gateway_url: str
    ca_file: Path
    bearer_token: str
    access_key_id: str
    password: str

    @property
    def alias(self) -> str:
        return self.names.alias

    @property
    def name(self) -> str:
        return self.names.name

    @property
    def host(self) -> str:
        return self.names.host


class World(Protocol):
    """The state of one service."""

    @property
    def user_id(self) -> str:
        """The user whom the emulator's bearer token speaks for."""

    @property
    def targets(self) -> Sequence[Names]:
        """The names of all targets; the first is the one that instructions use."""

    def users(self) -> Iterable[SignInUser]:
        """Return the users who can sign in."""

    def endpoints(
        self, tokens: BearerTokens, stream_url: Callable[[Session], str]
    ) -> list[Endpoint]:
        """Return the API's operations.

        :param tokens: the tokens that the API accepts.
        :param stream_url: returns the URL of a new session's data channel.
        """

    def variables(self, endpoint_url: str, token: str) -> dict[str, str]:
        """Return the environment variables that lead clients of this service to the emulator."""

    def state(self, alias: str) -> str:
        """Return the state of a target in the service's word, such as ``RUNNING``.

        :raises KeyError: if no target has this alias.
        """

    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        """Force a target into a state. Any state but ``RUNNING`` ends its sessions.

        :param reason: why, as the service's API tells its callers.
        :raises KeyError: if no target has this alias.
        :raises ValueError: if the service knows no such state.
        """
