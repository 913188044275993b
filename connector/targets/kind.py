"""The contract between the program and a kind of target, for type checkers alone.

A kind is a room of this package that has these three roles. :class:`Kind` answers for the whole
kind, a :class:`Finder` turns one query into a target, and a :class:`Target` is what commands act
on. Commands, the library and ssh's configuration use nothing else of a kind, so that a new kind
needs a room and a row in :mod:`.registry`, and no change elsewhere.

All methods raise ConnectorError and nothing else. Credentials are the kind's own business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..fast.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..doctor.case import Case, KindLegs
    from ..errors import ConfigError
    from ..sessions import SessionSource, StartProgress, Waiting
    from ..ssh.facts import SshFacts
    from ..transport.address import StreamSettings
    from .model import (
        Account,
        Listing,
        Query,
        Remembered,
        SessionInfo,
        SessionRequest,
        StartSettings,
        State,
    )


class Target(Protocol):
    """One target. ``str()`` of it names the target in a message."""

    @property
    def key(self) -> str:
        """Which target this is, whatever it is called; for the ledger and for caches."""

    @property
    def service(self) -> str:
        """Which API serves the target, so that only this API is asked to end its sessions."""

    @property
    def name(self) -> str:
        """A short name for people."""

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments by which every command finds this target without a look-up."""

    @property
    def host_name(self) -> str:
        """The canonical name for ssh."""

    @property
    def host_key_alias(self) -> str:
        """The name under which ssh keeps the target's host key."""

    @property
    def user(self) -> str:
        """The user that this target expects of ssh; empty: the one of the kind's ``SshFacts``."""

    @property
    def stop_warning(self) -> str:
        """What a stop costs the user, to be asked before it; empty: stop without asking."""

    @property
    def billing(self) -> str:
        """How the target is billed while it runs, as in "is billed by the second".

        Where this is not empty, commands offer a stop at their end.
        """

    @property
    def start_command(self) -> str:
        """The command that starts the target, for hints."""

    def state(self) -> State:
        """Ask the service for the state."""

    def confirm(self) -> None:
        """Look the target up again if its name was remembered and means another one by now."""

    def run_until_running(self, progress: StartProgress, settings: StartSettings) -> State:
        """Start the target if need be, and return its state when it runs.

        :raises TargetNotReady: when the target cannot run, or does not in time.
        :raises StartAbandoned: when ``progress`` says that the caller has left.
        """

    def stop(self) -> State:
        """Stop the target and return the state that this led to."""

    def until_stopped(self, state: State, wait: Callable[[Waiting, float], None]) -> State:
        """Return the state of the target once it is no longer stopping.

        :param state: the state now.
        :param wait: shows what is waited for, and pauses for some seconds.
        :raises TargetNotReady: when the target runs again, or has not stopped in time.
        """

    def sessions(self) -> list[SessionInfo]:
        """Return the sessions that live."""

    def stop_session(self, session_id: str) -> None:
        """End one session.

        :raises SessionNotFound: when the target has no such session.
        """

    def source(self, request: SessionRequest, settings: StartSettings) -> SessionSource:
        """Return the source of sessions of this form."""

    def doubter(self) -> Callable[[], bool] | None:
        """Return a check whether a remembered name means another target by now.

        The check runs in another thread while a session starts, and changes nothing. None where
        the name was not remembered. A check that fails returns False.
        """


class Finder(Protocol):
    """Finds the target that one query means.

    :ivar may_leave: called with True before a look-up, during which the caller may leave at any
        time since nothing is started, and with False after it; as ``StartProgress.may_leave``.
    """

    may_leave: Callable[[bool], None]

    @property
    def settings(self) -> StreamSettings:
        """How hosts are reached."""

    def unlock(self, progress: StartProgress | None = None) -> None:
        """Get the keys, which may take long: a program that gives them may wait for its user.

        :param progress: of the start that needs them, which shows the wait. None: no session has
            taken the terminal yet, and the user may be asked for a code there.
        :raises CredentialsError: when there are none.
        """

    def known(self) -> Target | None:
        """Return the target if no network is needed to know it, else None."""

    def find(self) -> Target:
        """Return the target, after a look-up if need be.

        :raises TargetNotFound: when there is none of this name.
        :raises ConfigError: when the name is ambiguous.
        """

    def find_anew(self) -> Target:
        """Return the target after a look-up; raises what :meth:`find` raises."""


class Kind(Protocol):
    """One kind of target. The facts that need no import are in the kind's registry row."""

    @property
    def ssh(self) -> SshFacts:
        """What the configuration of ssh has to know."""

    def legs(self, case: Case) -> KindLegs:
        """Return the legs of ``connector doctor`` that know the service."""

    def open_finder(self, query: Query, environ: Mapping[str, str]) -> Finder:
        """Return what finds the target of a query.

        Nothing is looked up yet, but the connection to the service may be made already.

        :raises ConfigError: when a name, option or variable is not usable.
        """

    def check(self, request: SessionRequest) -> None:
        """:raises ConfigError: when the service cannot start a session of this form."""

    def profile_problem(self, query: Query, environ: Mapping[str, str]) -> ConfigError | None:
        """Return what is wrong with the profile that a query names, or None.

        A token of a variable works without the profile, whose endpoint and CA are then not used.
        """

    def list_targets(self, query: Query, environ: Mapping[str, str], timeout: float) -> Listing:
        """List the targets of a query whose name is empty, within ``timeout`` seconds.

        :raises ConnectorError: when nothing can be listed at all, or not in time.
        """

    def remembered(self, environ: Mapping[str, str]) -> Remembered:
        """Return what shells may complete words with. No network is used."""

    def identify(
        self, query: Query, environ: Mapping[str, str], before_call: Callable[[], None]
    ) -> Account:
        """Ask the service which user the login speaks for.

        :param before_call: called when a login was found, and before the service is asked.
        """
