"""The base of all kinds that AWS's regional APIs serve: their door."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...fast.typed import TYPE_CHECKING
from ..model import Account, Listing, Query, Remembered, SessionRequest

if TYPE_CHECKING:
    from ...doctor.case import Case, KindLegs
    from ...errors import ConfigError
    from ...ssh.facts import SshFacts
    from ..kind import Finder
    from .backend import Backend


class RegionalKind:
    """A kind of :class:`connector.targets.kind.Kind`. Each method imports what it needs.

    :param backend: the kind's own part.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @property
    def ssh(self) -> SshFacts:
        return self.backend.ssh

    def legs(self, case: Case) -> KindLegs:
        from .doctor import RegionalLegs

        return RegionalLegs(self.backend, case)

    def open_finder(self, query: Query, environ: Mapping[str, str]) -> Finder:
        from .finder import RegionalFinder

        return RegionalFinder(self.backend, query, environ)

    def check(self, request: SessionRequest) -> None:
        try:
            "".join(request.words).encode()
        except UnicodeEncodeError:  # arguments that Python could not decode
            from ...errors import ConfigError

            raise ConfigError(
                "An argument of the command is not UTF-8",
                "Have a shell make it at the far end (sh -c)",
            ) from None

    def profile_problem(self, query: Query, environ: Mapping[str, str]) -> ConfigError | None:
        from .account import profile_problem

        return profile_problem(query, environ)

    def list_targets(self, query: Query, environ: Mapping[str, str], timeout: float) -> Listing:
        from .listing import list_targets

        return list_targets(self.backend, query, environ, timeout)

    def remembered(self, environ: Mapping[str, str]) -> Remembered:
        from .remembered import remembered

        return remembered(self.backend, environ)

    def identify(
        self, query: Query, environ: Mapping[str, str], before_call: Callable[[], None]
    ) -> Account:
        from .account import account_of

        return account_of(query, environ, before_call)
