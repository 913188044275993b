"""The bearer token of a call to CodeCatalyst: found, and renewed before it expires.

In this order: the variable AWS_BEARER_TOKEN_CODECATALYST (as botocore has it), the file
that BEARER_TOKEN_LOCATION names (as the AWS Toolkit for VS Code has it), the SSO session
of the profile, in the cache of the AWS CLI.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping

from ...errors import CredentialsError
from ...fast.records import NamedTuple
from ...files import FileProblem, read_text
from ..clients import ClientFactory
from ..settings import Profile
from .cache import (
    REFRESH_WINDOW,
    SsoCache,
    Unusable,
    check_token,
)
from .session import sso_session

#: Variables that give a token, or the file of one; either goes before any login.
TOKEN_VARIABLES = ("AWS_BEARER_TOKEN_CODECATALYST", "BEARER_TOKEN_LOCATION")

#: Seconds that renewing a token gets from who has the time: what its own limits come to.
RENEWAL_TIMEOUT = 8.0

logger = logging.getLogger(__name__)


class BearerToken(NamedTuple):
    """A token fit for an ``Authorization`` header.

    ``expires_at``: seconds since the epoch, ``None`` when its origin does not say.
    ``remedy``: what the user can do when the service refuses it. ``origin``: where it was
    found.
    """

    value: str
    expires_at: float | None
    remedy: str
    origin: str = ""

    def __repr__(self) -> str:
        return f"BearerToken(expires_at={self.expires_at})"


class BearerTokens:
    """Finds the token anew at each call, since other processes renew it too.

    :param environ: for the two variables above. botocore, which renews the token, reads
        its own settings, such as AWS_ENDPOINT_URL_SSO_OIDC, from ``os.environ``.
    :param clients: makes the client that renews the token.
    :param now: seconds since the epoch.
    """

    def __init__(
        self,
        profile: Profile,
        environ: Mapping[str, str],
        clients: ClientFactory,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._profile = profile
        self._environ = environ
        self._clients = clients
        self._now = now

    def load(self, timeout: float = RENEWAL_TIMEOUT) -> BearerToken:
        """A token that has not expired.

        :param timeout: seconds that renewing it, or waiting for another process that
            does, may take. Without need for that, nothing is waited for.
        :raises CredentialsError: when there is none; says how to log in.
        :raises ConfigError: when the profile that was asked for cannot have one.
        """
        variable = "AWS_BEARER_TOKEN_CODECATALYST"
        if value := self._environ.get(variable):
            return _given(value, variable, f"Renew or unset {variable}")
        variable = "BEARER_TOKEN_LOCATION"
        if location := self._environ.get(variable):
            return _given_by_file(location, variable)
        return self._from_session(timeout)

    @property
    def origin(self) -> str:
        """What tells one login from another; without a secret, so that it can be kept."""
        if value := self._environ.get("AWS_BEARER_TOKEN_CODECATALYST"):
            # A token has far too much randomness to be found again from its digest.
            return f"token {hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}"
        if location := self._environ.get("BEARER_TOKEN_LOCATION"):
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
            from .renewal import renew

            try:
                token = renew(cache, self._clients, session.region, self._now, timeout)
            except Unusable as problem:
                if token.expires_at <= self._now():
                    raise CredentialsError(
                        f"The SSO login has expired and cannot be renewed: {problem}", remedy
                    ) from problem
                logger.info("Going on with the token that expires soon: %s", problem)
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
    # Editors and echo end a file with a newline.
    return _given(text.strip(), f"the file {location} of {variable}", remedy)


def _given(value: str, origin: str, remedy: str) -> BearerToken:
    try:
        check_token(value)
    except Unusable as problem:
        raise CredentialsError(f"The token in {origin} is of no use: {problem}", remedy) from None
    return BearerToken(value, None, remedy, origin)
