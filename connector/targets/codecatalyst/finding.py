"""From the name that a user gave to a Dev Environment: by itself, from memory, by a look-up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import (
    AccessDenied,
    ConfigError,
    ConnectorError,
    TargetNotFound,
)
from ...sessions import (
    SessionAccess,
    SessionSource,
    StartProgress,
)
from .environment import Environment
from .hosts import (
    DevEnvironment,
    Sought,
    Where,
)
from .refusals import Target, one_line
from .service import Service

if TYPE_CHECKING:
    from .listing import Listing, Problem
    from .names import Env, Names

#: Seconds for a look-up. ssh gets 15 from VS Code, in which the reason should be seen
#: why there is no such environment, or there should still be time to reach it.
LOOK_UP_TIMEOUT = 6.0
_TOKEN_TIMEOUT = 4.0  # before it, for renewing the login if need be

#: Seconds that an answer may still take once the session has started; VS Code gives 15 for all.
_DOUBT_PATIENCE = 1.0
_STOP_TIMEOUT = 2.0

logger = logging.getLogger(__name__)


class Finder:
    """Finds the one Dev Environment that a command is about.

    A name is taken from the last listing if it means exactly one there; if it means none or
    more, it is listed anew, for either may have changed. So it is if the service does not
    know that one any more, or by another alias.

    :param words: the arguments by which the user named it, for hints.
    :ivar may_leave: is told before a look-up that what follows starts nothing, and after it
        that this is over; as ``StartProgress.may_leave``.
    """

    def __init__(
        self, service: Service, wanted: DevEnvironment | Sought, words: tuple[str, ...] = ()
    ) -> None:
        self.service = service
        self.may_leave: Callable[[bool], None] = lambda harmless: None
        self._wanted = wanted
        self._words = words

    def find(self) -> Environment:
        """It, be it by a look-up.

        :raises TargetNotFound: when there is none of this name.
        :raises ConfigError: when there are several.
        :raises ConnectorError: when it cannot be looked up.
        """
        return self.known() or self.find_anew()

    def known(self) -> Environment | None:
        """It, if that can be said without the network."""
        wanted = self._wanted
        if isinstance(wanted, DevEnvironment):
            return self._environment(self._target(wanted), None)
        names = self.service.names.recall()
        if names is None:
            return None
        from .names import Names

        found = _matches(Names(names), wanted)
        if len(found) != 1:
            return None
        try:
            named = DevEnvironment(found[0].space, found[0].project, found[0].id)
        except ConfigError:  # whoever wrote the file
            return None
        return self._environment(self._target(named, found[0].alias), self._look_up)

    def find_anew(self) -> Environment:
        """It, by a look-up; raises what :meth:`find` does."""
        return self._environment(self._look_up(), None)

    def _look_up(self) -> Target:
        from .names import Names

        wanted = self._wanted
        assert isinstance(wanted, Sought)
        logger.info("looking %s up", ascii(wanted.name))
        listing = self._list()
        if listing.is_whole:
            self.service.names.note(listing.environments)
        names = Names(each for each in listing.environments if not each.is_going)
        if not _matches(names, wanted):
            names = Names(listing.environments)  # for the service to say that it is going
        where = _where(names, wanted)
        for problem in listing.problems:  # what was not listed might hold one of the same name
            if not problem.is_refusal and problem.may_hide(*where):
                raise problem.error
        try:
            found = names.one(wanted.name, *where)
        except TargetNotFound as error:
            closed = ", ".join(
                _place(each) for each in listing.problems if isinstance(each.error, AccessDenied)
            )
            if not closed:
                raise
            hint = f"{error.hint}. You have no access to {closed}"
            raise TargetNotFound(error.message, hint) from None
        return self._target(DevEnvironment(found.space, found.project, found.id), found.alias)

    def _list(self) -> Listing:
        from .listing import list_environments

        self.may_leave(True)
        token = self.service.tokens.load(_TOKEN_TIMEOUT)
        listing = list_environments(self.service.api, token, LOOK_UP_TIMEOUT)
        self.may_leave(False)
        return listing

    def _target(self, named: DevEnvironment, alias: str = "") -> Target:
        profile = self.service.profile
        return Target(named.space, named.project, named.id, profile, one_line(alias), self._words)

    def _environment(self, target: Target, find_again: Callable[[], Target] | None) -> Environment:
        service = self.service
        return Environment(target, service.tokens, service.api, find_again, service.endpoint)


class _Doubt:
    """Whether a name means another Dev Environment by now, asked while a session is started.

    So that it takes no time of its own.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._answers: list[bool] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(ask()), daemon=True)
        self._thread.start()

    def is_founded(self) -> bool:
        self._thread.join(_DOUBT_PATIENCE)
        return self._answers == [True]


class LateSource:
    """A session source that may have to look up first which Dev Environment it is for.

    One that a name meant the last time is used at once. Should it turn out to have another
    name by now, its session is stopped before anything is sent to it, and it is looked up.

    :param environment: it, where that is known.
    """

    def __init__(
        self,
        finder: Finder,
        environment: Environment | None,
        source_of: Callable[[Environment], SessionSource],
    ) -> None:
        self._finder = finder
        self._environment = environment
        self._source_of = source_of
        self._source: SessionSource | None = None

    def start(self, progress: StartProgress) -> SessionAccess:
        self._finder.may_leave = progress.may_leave
        environment = self._environment or self._finder.find()
        self._source = source = self._source_of(environment)
        doubter = environment.doubter()
        if doubter is None:
            return source.start(progress)
        remembered, doubt = environment.target, _Doubt(doubter)
        access = source.start(progress)
        if environment.target.place != remembered.place or not doubt.is_founded():
            return access
        logger.info("%s is called otherwise by now", remembered)
        try:
            source.stop(access, _STOP_TIMEOUT)
        except ConnectorError as error:
            logger.info("the service was not told of the end: %s", error)
        self._source = self._source_of(self._finder.find_anew())
        return self._source.start(progress)

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        return self._started().resume(access)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self._started().stop(access, timeout)

    def tidy(self) -> None:
        self._started().tidy()

    def _started(self) -> SessionSource:
        if self._source is None:
            raise RuntimeError("no session was started")
        return self._source


def _where(names: Names[Env], wanted: Sought) -> Where:
    """The place where one of these has the name; the last, if there is none."""
    found = (where for where in wanted.places if names.find(wanted.name, *where))
    return next(found, wanted.places[-1])


def _matches(names: Names[Env], wanted: Sought) -> list[Env]:
    return names.find(wanted.name, *_where(names, wanted))


def _place(problem: Problem) -> str:
    return f"{problem.space}/{problem.project}" if problem.project else problem.space
