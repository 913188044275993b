"""CodeCatalyst's Dev Environments as a kind of target: the door of this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...fast.typed import TYPE_CHECKING
from ..model import Account, Listing, Query, Remembered, SessionRequest

if TYPE_CHECKING:
    from ...doctor.case import Case, KindLegs
    from ...errors import ConfigError
    from ...ssh.facts import SshFacts
    from .finder import Finder

#: Seconds to renew the login for a user at a prompt.
_TOKEN_TIMEOUT = 10.0

_NO_ID = "00000000-0000-0000-0000-000000000000"


class CodeCatalyst:
    """The kind of :class:`connector.targets.kind.Kind`. Each method imports what it needs."""

    @property
    def ssh(self) -> SshFacts:
        from ...ssh.facts import SshFacts
        from .hosts import SERVICE_PREFIXES
        from .names import SUFFIX

        return SshFacts(
            title="Amazon CodeCatalyst Dev Environments",
            nouns="Dev Environments",
            patterns=(f"*{SUFFIX}", "codecatalyst-dev-env*", "aws-devenv-*"),
            examples=(
                f"a.b{SUFFIX}",
                f"codecatalyst-dev-env=Aa=b.c={_NO_ID}",
                f"aws-devenv-{_NO_ID}",
            ),
            suffix=SUFFIX,
            service_prefixes=SERVICE_PREFIXES,
            user="mde-user",
            known_hosts="~/.ssh/known_hosts_codecatalyst",
            file_prefix="codecatalyst_",
        )

    def legs(self, case: Case) -> KindLegs:
        from .doctor import CodeCatalystLegs

        return CodeCatalystLegs(case)

    def open_finder(self, query: Query, environ: Mapping[str, str]) -> Finder:
        from .hosts import resolve
        from .service import open_service

        wanted = resolve(
            query.name,
            space=query.option("space"),
            project=query.option("project"),
            dev_environment_id=query.option("id"),
            environ=environ,
        )
        service = open_service(query.profile, query.endpoint_url, environ)
        from .finder import Finder  # while the connection of the service is made

        return Finder(service, wanted, query)

    def check(self, request: SessionRequest) -> None:
        from .requests import configuration_of

        configuration_of(request)

    def profile_problem(self, query: Query, environ: Mapping[str, str]) -> ConfigError | None:
        from .service import profile_problem

        return profile_problem(query.profile, environ)

    def list_targets(self, query: Query, environ: Mapping[str, str], timeout: float) -> Listing:
        from ...errors import AccessDenied, CredentialsError, NoLogin
        from .listing import list_environments
        from .rows import rows_of
        from .service import LOGIN, open_service

        service = open_service(query.profile, query.endpoint_url, environ)
        token = service.tokens.load(_TOKEN_TIMEOUT)
        try:
            listing = list_environments(service.api, token, timeout)
        except (AccessDenied, CredentialsError) as error:
            if service.tokens.asks_for(LOGIN.scope):
                raise
            # An SSO login for AWS accounts is none for this service.
            raise NoLogin(error.message, error.hint) from error
        if listing.is_whole:
            service.names.note(listing.usable)
        return rows_of(listing, query)

    def remembered(self, environ: Mapping[str, str]) -> Remembered:
        from .remembered import remembered

        return remembered(environ)

    def identify(
        self, query: Query, environ: Mapping[str, str], before_call: Callable[[], None]
    ) -> Account:
        from .account import account_of
        from .service import open_service

        service = open_service(query.profile, query.endpoint_url, environ)
        return account_of(service, before_call)


KIND = CodeCatalyst()
