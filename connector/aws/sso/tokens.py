"""Find the bearer token of a call, and renew it before it expires.

A token comes from the first of these places that has one: a variable with the token, a variable
with the path of a token file, the SSO session of the profile in the AWS CLI's cache.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping

from ...errors import CredentialsError
from ...fast.records import NamedTuple
from ...files import FileProblem, read_text
from ..profile import Profile, sso_session
from ..sdk import ClientFactory
from .cache import REFRESH_WINDOW, SsoCache, Unusable, check_token

#: Seconds that renewing a token may take where time is not short.
RENEWAL_TIMEOUT = 8.0

logger = logging.getLogger(__name__)


class TokenVariables(NamedTuple):
    """The environment variables of a service that give a token.

    :param token: the variable with the token itself.
    :param file: the variable with the path of a file that holds the token.
    """

    token: str
    file: str


class BearerToken(NamedTuple):
    """A token that can stand in an ``Authorization`` header.

    :param expires_at: seconds since the epoch; None if unknown.
    :param remedy: what the user can do when the service refuses the token.
    :param origin: where the token was found, for messages.
    """

    value: str
    expires_at: float | None
    remedy: str
    origin: str = ""

    def __repr__(self) -> str:
        return f"BearerToken(expires_at={self.expires_at})"


class BearerTokens:
    """Finds the token anew at each call, because other processes renew it too.

    :param environ: read for ``variables`` only. botocore, which renews the token, reads its
        settings, such as AWS_ENDPOINT_URL_SSO_OIDC, from ``os.environ``.
    :param clients: creates the client that renews the token.
    :param variables: the service's variables that give a token.
    :param now: return the seconds since the epoch.
    """

    def __init__(
        self,
        profile: Profile,
        environ: Mapping[str, str],
        clients: ClientFactory,
        variables: TokenVariables,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._profile = profile
        self._environ = environ
        self._clients = clients
        self._variables = variables
        self._now = now

    def load(self, timeout: float = RENEWAL_TIMEOUT) -> BearerToken:
        """Return a token that has not expired.

        :param timeout: seconds for renewing it, or for waiting while another process does.
        :raises CredentialsError: when there is no token; the hint says how to log in.
        :raises ConfigError: when the profile that was asked for cannot have one.
        """
        variable = self._variables.token
        if value := self._environ.get(variable):
            return _given(value, variable, f"Renew or unset {variable}")
        variable = self._variables.file
        if location := self._environ.get(variable):
            return _given_by_file(location, variable)
        return self._from_session(timeout)

    @property
    def origin(self) -> str:
        """A text that differs between logins and holds no secret. Caches use it as a key."""
        if value := self._environ.get(self._variables.token):
            # A digest is no secret: tokens are too random to be guessed from it.
            return f"token {hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}"
        if location := self._environ.get(self._variables.file):
            return f"file {location}"
        settings = self._profile.values or {}
        session = settings.get("sso_session")
        return f"login {session}" if session else f"profile {self._profile.shown_name}"

    def _from_session(self, timeout: float) -> BearerToken:
        session = sso_session(self._profile)
        remedy = f"Run `{self._profile.login_command}`"
        cache = SsoCache(session.name)
        try:
            token = cache.read()
        except Unusable as problem:
            raise CredentialsError(str(problem), remedy) from None
        if token.expires_at - self._now() < REFRESH_WINDOW:
            from .oidc import renew

            try:
                token = renew(cache, self._clients, session.region, self._now, timeout)
            except Unusable as problem:
                if token.expires_at <= self._now():
                    raise CredentialsError(
                        f"The SSO login has expired and cannot be renewed: {problem}", remedy
                    ) from problem
                logger.info("Using the token that expires soon: %s", problem)
        origin = f"the SSO login of the profile {self._profile.shown_name}"
        return BearerToken(token.access_token, token.expires_at, remedy, origin)


def _given_by_file(location: str, variable: str) -> BearerToken:
    shown = f"The token file {location} of {variable}"
    remedy = f"Renew it or unset {variable}"
    try:
        text = read_text(location)
    except FileNotFoundError:
        raise CredentialsError(f"{shown} does not exist", remedy) from None
    except FileProblem as problem:
        raise CredentialsError(f"{shown} {problem}", remedy) from None
    # Editors and `echo` end a file with a newline.
    return _given(text.strip(), f"the file {location} of {variable}", remedy)


def _given(value: str, origin: str, remedy: str) -> BearerToken:
    try:
        check_token(value)
    except Unusable as problem:
        raise CredentialsError(f"The token in {origin} is not valid: {problem}", remedy) from None
    return BearerToken(value, None, remedy, origin)
