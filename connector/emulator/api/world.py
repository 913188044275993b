"""The contract between the emulator and a service that has targets.

The service's room holds a *world*: users, targets and the API that serves them. ``app.py`` adds
what all services share: TLS, sign-in, signatures, sessions, the gateway, agents and machines.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..access import Names, SshDefaults
from ..sessions import Session, Sessions
from .account import Account
from .rest import BearerTokens, Endpoint, Page
from .sso.signin import SignInUser

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


class Services(NamedTuple):
    """What the worlds of an emulator share.

    :ivar tokens: the bearer tokens that APIs accept.
    :ivar stream_url: returns the URL of a session's data channel.
    :ivar account: of the APIs whose requests are signed.
    :ivar api_url: returns the URL of all APIs, once they are served.
    :ivar dial: connects to the SSH server of a machine by its id; raises OSError if that refuses.
    """

    sessions: Sessions
    tokens: BearerTokens
    stream_url: Callable[[Session], str]
    account: Account
    api_url: Callable[[], str]
    dial: Callable[[str], Awaitable[socket.socket]]


class World(Protocol):
    """The state of one service. It is made for ``Services`` and at least one planned target."""

    @property
    def user_id(self) -> str:
        """The user whom the emulator's bearer token speaks for."""

    @property
    def ssh(self) -> SshDefaults:
        """How ssh's configuration describes the targets."""

    @property
    def targets(self) -> Sequence[Names]:
        """The names of all targets; the first is the one that instructions use."""

    def add(self, target: PlannedTarget) -> Names:
        """Add a target and return its names."""

    def users(self) -> Iterable[SignInUser]:
        """Return the users who can sign in."""

    def endpoints(self) -> list[Endpoint]:
        """Return the API's operations."""

    def pages(self) -> list[Page]:
        """Return what the API's port serves besides operations."""

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
