"""From a query to a Dev Environment: by its name alone, from memory, or by a look-up."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import AccessDenied, ConfigError, NoLogin, TargetNotFound, one_line
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING
from ..model import Query
from ..registry import other_kinds_hint
from .calls import Calls
from .environment import Environment
from .hosts import EnvironmentName, Search, Where
from .service import Service

if TYPE_CHECKING:
    from ...sessions import StartProgress
    from ...transport.address import StreamSettings
    from .listing import Listing, Problem
    from .names import Names

#: Seconds for a look-up. VS Code gives ssh 15 s, in which either the reason has to be seen why
#: there is no such environment, or the environment has to be reached.
LOOK_UP_TIMEOUT = 6.0
_TOKEN_TIMEOUT = 4.0  # seconds to renew the login before that

_ANY = Query()

logger = Logger(__name__)


class Finder:
    """Finds the one Dev Environment that a query means.

    A name that means exactly one environment of the last listing needs no network. A name that
    means none or several, or one that the service does not know any more or calls by another
    alias, triggers a fresh listing.

    :param query: for hints.
    :ivar may_leave: see :class:`connector.targets.kind.Finder`.
    """

    def __init__(
        self, service: Service, wanted: EnvironmentName | Search, query: Query = _ANY
    ) -> None:
        self.service = service
        self.may_leave: Callable[[bool], None] = lambda harmless: None
        self._wanted = wanted
        self._query = query

    @property
    def settings(self) -> StreamSettings:
        return self.service.settings

    def find(self) -> Environment:
        return self.known() or self.find_anew()

    def unlock(self, progress: StartProgress | None = None) -> None:
        """Do nothing: a login is made by `connector login` alone."""

    def known(self) -> Environment | None:
        wanted = self._wanted
        if isinstance(wanted, EnvironmentName):
            return self._environment(self._named(wanted), None)
        remembered = self.service.names.recall()
        if remembered is None:
            return None
        from .names import Names

        found = _matches(Names(remembered), wanted)
        if len(found) != 1:
            return None
        try:
            name = found[0].check()
        except ConfigError:  # another program wrote the file
            return None
        return self._environment(self._named(name), self._look_up)

    def find_anew(self) -> Environment:
        return self._environment(self._look_up(), None)

    def _look_up(self) -> EnvironmentName:
        """Return what a look-up finds.

        Users of other kinds alone have no login, and get the same advice as for a wrong name.
        """
        try:
            return self._found()
        except (TargetNotFound, NoLogin) as error:
            error.hint = ". ".join(filter(None, (error.hint, other_kinds_hint(self._query))))
            raise

    def _found(self) -> EnvironmentName:
        from .names import Names

        wanted = self._wanted
        assert isinstance(wanted, Search)
        logger.info("looking up %s", ascii(wanted.name))
        listing = self._list()
        if listing.is_whole:
            self.service.names.note(listing.usable)
        names = Names(listing.usable)
        if not _matches(names, wanted):
            names = Names(listing.names)  # the service then says that it is deleted
        where = _where(names, wanted)
        for problem in listing.problems:  # a part that was not listed may hold the same name
            if not problem.is_refusal and problem.may_hide(*where):
                raise problem.error
        try:
            found = names.one(wanted.name, *where, self._query.account.command("list"))
        except TargetNotFound as error:
            listing.check_place(*where)
            closed = ", ".join(
                _place(each) for each in listing.problems if isinstance(each.error, AccessDenied)
            )
            if not closed:
                raise
            hint = f"{error.hint}. You have no access to {closed}"
            raise TargetNotFound(error.message, hint) from None
        return self._named(found.check())

    def _list(self) -> Listing:
        from .listing import list_environments

        self.may_leave(True)
        token = self.service.tokens.load(_TOKEN_TIMEOUT)
        listing = list_environments(self.service.api, token, LOOK_UP_TIMEOUT)
        self.may_leave(False)
        return listing

    def _named(self, name: EnvironmentName) -> EnvironmentName:
        """Return it with all that messages need."""
        profile, alias = self.service.profile, one_line(name.alias)
        return name._replace(alias=alias, profile=profile, words=self._query.words)

    def _environment(
        self, name: EnvironmentName, find_again: Callable[[], EnvironmentName] | None
    ) -> Environment:
        service = self.service
        calls = Calls(name, service.tokens, service.api, find_again)
        return Environment(calls, service.endpoint, service.starts)


def _where(names: Names, wanted: Search) -> Where:
    """Return the first place that has the name, else the last place."""
    found = (where for where in wanted.places if names.find(wanted.name, *where))
    return next(found, wanted.places[-1])


def _matches(names: Names, wanted: Search) -> list[EnvironmentName]:
    return names.find(wanted.name, *_where(names, wanted))


def _place(problem: Problem) -> str:
    return f"{problem.space}/{problem.project}" if problem.project else problem.space
