"""The calls of a kind that list, describe and change its targets.

They are the second part of what a kind adds to the base; :mod:`.backend` has the first. Sessions on
a target that runs do without them, so that the ProxyCommand imports no module that has them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from ...aws.api import CallFailed, Refused
from ...aws.retry import Retry, may_pass
from ...errors import NETWORK_HINT, ConnectFailed
from ...fast.typed import TYPE_CHECKING, Any, TypeVar
from ..pages import items_of

if TYPE_CHECKING:
    from ...aws.cloud import Cloud
    from ...aws.services import Service, SignedApi
    from ...errors import ConnectorError
    from ...sessions import SessionAccess
    from ..model import Query, SessionRequest, State
    from .backend import Found

_CALL_TIMEOUT = 12.0  # seconds for one try of a call that changes nothing
_TRIES = 3

Item = TypeVar("Item")
Result = TypeVar("Result")


class Region(ABC):
    """Calls of one API in one Region.

    Methods raise ``Refused``, ``CallFailed`` (see :mod:`connector.aws.api`) and ``ConnectorError``.

    :param deadline: of all calls together, on the clock of ``time.monotonic``.
    """

    def __init__(self, cloud: Cloud, region: str, deadline: float) -> None:
        self.cloud = cloud
        self.region = region
        self.deadline = deadline

    @property
    @abstractmethod
    def service(self) -> Service:
        """The API. A class that inherits has it as a plain attribute."""

    @property
    def left(self) -> float:
        """The seconds until the deadline, for one call; a tenth of a second at least."""
        return max(self.deadline - time.monotonic(), 0.1)

    def call(
        self, operation: str, service: Service | None = None, /, **members: Any
    ) -> dict[str, Any]:
        """Make one call, once.

        :param operation: the name of the botocore client's method.
        :param service: another one than :attr:`service`.
        :param members: of the request.
        """
        return self._api(service).call(operation, timeout=self.left, **members)

    def ask(
        self, operation: str, service: Service | None = None, /, **members: Any
    ) -> dict[str, Any]:
        """Make a call that changes nothing; failures that may pass are tried again."""
        retry = Retry(operation, self.deadline, tries=_TRIES)
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise _late(operation)
            try:
                return self._api(service).call(
                    operation, timeout=min(_CALL_TIMEOUT, left), **members
                )
            except (Refused, CallFailed) as failure:
                if not retry.pause(failure, passes=may_pass(failure, idempotent=True)):
                    raise

    def items(
        self, operation: str, member: str, service: Service | None = None, /, **members: Any
    ) -> Iterator[Any]:
        """Yield the items of all pages of a list, asked for by :meth:`ask`.

        :param member: of the answer, that has the items.
        """
        page = partial(self.ask, operation, service, **members)
        return items_of(page, member, operation)

    def in_parallel(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the results of the same work for many items."""
        from ..parallel import for_all  # not for a look

        try:
            return for_all(work, items, self.deadline)
        except TimeoutError:
            raise _late(self.service.name) from None

    def _api(self, service: Service | None) -> SignedApi:
        return self.cloud.api(service or self.service, self.region)


class Targets(Region):
    """The targets of one Region. A room has a class that inherits from this one.

    A kind has to give ``service`` and :meth:`look`. Without :meth:`listed`, only names that need no
    look-up find a target. Without :meth:`start` and :meth:`stop`, it is not started and stopped.
    The base retries, and explains refusals to users.

    :cvar states: the words that the service has for states. Reports of the doctor show them.
    """

    states: Collection[str] = ()

    def listed(self) -> Sequence[Found]:
        """Return all targets of the Region."""
        return ()

    @abstractmethod
    def look(self, found: Found, query: Query) -> Found:
        """Return a target as the service describes it now, with its labels, and with the state.

        The state is the one that matters to the query's options.

        :raises Refused: also when the service does not know the target any more.
        """

    def start(self, found: Found, query: Query) -> Found | None:
        """Ask for the start of a stopped target. The base calls :meth:`look` until it runs.

        Nothing needs to be done where no state of a target means that a start could help.

        :returns: what was started, where that is another target than ``found``; else None.
        :raises Refused: with the status 409 while a change is under way that has to end first.
            The start is then asked for again.
        """
        return None

    def stop(self, found: Found) -> State:
        """Stop a target and return the state that this led to.

        :raises ConfigError: where the connector cannot stop it.
        """
        from ...errors import ConfigError

        raise ConfigError(
            f"the connector cannot stop {found.id}", "Stop it by the service that has started it"
        )

    def detour(self, found: Found, request: SessionRequest, query: Query) -> SessionAccess | None:
        """Return access by another way than :meth:`.Backend.open`; None where there is none.

        Asked once, when a refusal may settle (see :meth:`.Backend.may_settle`).

        :param found: as :meth:`look` has returned it after the refusal.
        """
        return None

    def machine_of(self, found: Found) -> str:
        """Return what tells this start of a target from all others; empty if that is not told.

        Only asked where a kind has the option ``KNOWN_HOSTS`` of the registry. Before ssh sees the
        greeting of a session, its known keys of earlier starts are removed.
        """
        return ""

    @staticmethod
    def explain(refused: Refused, what: str, found: Found, query: Query) -> ConnectorError | None:
        """Return the error for users of a refused call; None for the base's own words.

        :param what: was refused, as in "stop" or "start a session on": the target follows.
        :param query: what the user asked for.
        """
        return None

    @staticmethod
    def advice(found: Found, query: Query) -> str:
        """Return what to do about a target that waiting does not make run.

        :param query: has the Region, profile and API of the user, for a command, and no name.
        :returns: empty for the base's own words: look at the console, or that it cannot be used
            any more.
        """
        return ""


def _late(what: str) -> CallFailed:
    return CallFailed(ConnectFailed(f"AWS did not answer in time ({what})", NETWORK_HINT))
