"""Find the bearer token of a call, and renew it before it expires.

A token comes from the first of these places that has one: a variable with the token, a variable
with the path of a token file, the SSO session of the profile in the AWS CLI's cache. That token
file is shared with the AWS CLI and the SDKs: format and path are those of botocore's
``SSOTokenProvider``.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping

from ...errors import CredentialsError, NoLogin
from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING, Any
from ...files import (
    FileProblem,
    read_own_text,
    read_text,
    write_private,
)
from ..profile import Profile, sso_session
from ..times import epoch_of, format_time

if TYPE_CHECKING:
    from ..sdk import ClientFactory

#: Seconds before its end in which a token is renewed. botocore's SSOTokenProvider has the same.
REFRESH_WINDOW = 15 * 60


class Unusable(Exception):
    """There is no token, or no new one. The text says why on one line, without secrets."""

    def remedy(self, login: str) -> str:
        """Return what to do next.

        :param login: how to log in, which helps where neither time nor room was missing.
        """
        cause = self.__cause__
        if isinstance(cause, TimeoutError):
            return "Try again"
        no_room = isinstance(cause, OSError)  # a login would need it too
        return "Make its directory writable, or free disk space" if no_room else login


class Missing(Unusable):
    """There is no token file."""

    def __str__(self) -> str:
        return "there is no SSO login"


class CachedToken(NamedTuple):
    """The content of a token file. ``expires_at`` is in seconds since the epoch."""

    access_token: str
    expires_at: float
    document: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"CachedToken(expires_at={self.expires_at})"

    def refresh_request(self, now: float) -> dict[str, str]:
        """Return the members of the CreateToken call that renews this token.

        :raises Unusable: when the file lacks one of them, or the registration has expired.
        """
        names = ("clientId", "clientSecret", "refreshToken", "registrationExpiresAt")
        values: dict[str, Any] = {name: self.document.get(name) for name in names}
        missing = [name for name, value in values.items() if not (isinstance(value, str) and value)]
        if missing:
            raise Unusable(f"the login has no {missing[0]} to renew it with")
        if parse_time(values.pop("registrationExpiresAt")) <= now:
            raise Unusable("the client registration of the login has expired too")
        return {"grantType": "refresh_token", **values}

    def is_fresh(self, now: float) -> bool:
        """Return whether botocore would not renew it yet."""
        return self.expires_at - now >= REFRESH_WINDOW

    def renewed_by(self, response: Mapping[str, Any], now: float) -> CachedToken:
        """Return the token in a response of CreateToken, without saving it.

        Members of the file that the response does not replace stay. By RFC 6749 section 6 the old
        refresh token stays valid if the response has no new one.

        :param response: the checked response.
        :param now: seconds since the epoch.
        :raises Unusable: when the response holds no token.
        """
        if "accessToken" not in response or "expiresIn" not in response:
            raise Unusable("the SSO service sent no token")
        token = response["accessToken"]
        check_token(token)
        expires_at = now + response["expiresIn"]
        document = {
            **self.with_refresh_token(response).document,
            "accessToken": token,
            "expiresAt": format_time(expires_at),
        }
        return CachedToken(token, expires_at, document)

    def with_refresh_token(self, response: Mapping[str, Any]) -> CachedToken:
        """Return this token with the refresh token of CreateToken's response."""
        new = response.get("refreshToken")
        return self._replace(document={**self.document, "refreshToken": new}) if new else self


class SsoCache:
    """The token file of one SSO session."""

    def __init__(self, session_name: str) -> None:
        directory = cache_directory()
        key = hashlib.sha1(session_name.encode(), usedforsecurity=False).hexdigest()
        self.path = os.path.join(directory, f"{key}.json")
        self.lock_path = os.path.join(directory, f"{key}.lock")

    def read(self) -> CachedToken:
        """Return the token in the file, expired or not.

        :raises Missing: when there is no file.
        :raises Unusable: when it holds no token.
        """
        document = token_document(self.path)
        for name in ("accessToken", "expiresAt"):
            if not isinstance(document.get(name), str) or not document[name]:
                raise Unusable(f"the token file {self.path} has no valid {name}")
        try:
            check_token(document["accessToken"])
            expires_at = parse_time(document["expiresAt"])
        except Unusable as problem:
            raise Unusable(f"the token file {self.path} is damaged: {problem}") from None
        return CachedToken(document["accessToken"], expires_at, document)

    def write(self, token: CachedToken) -> None:
        """Replace the file atomically.

        :raises OSError: when it cannot be written.
        """
        write_private(self.path, json.dumps(token.document))


def cache_directory() -> str:
    """Return the directory that the AWS CLI and the SDKs use for SSO. No variable changes it."""
    return os.path.join(os.path.expanduser("~"), ".aws", "sso", "cache")


def token_document(path: str) -> dict[str, Any]:
    """Return the JSON object in a token file.

    :raises Missing: when there is no file.
    :raises Unusable: when it holds no object.
    """
    try:
        document = json.loads(read_own_text(path))
    except FileNotFoundError:
        raise Missing from None
    except FileProblem as problem:
        raise Unusable(f"the token file {path} {problem}") from None
    except (ValueError, RecursionError):
        raise Unusable(f"the token file {path} is not JSON") from None
    if not isinstance(document, dict):
        raise Unusable(f"the token file {path} is not a JSON object")
    return document


def check_token(token: str) -> None:
    """Refuse a token that would break an ``Authorization`` header.

    RFC 6750 section 2.1 allows fewer characters still.

    :raises Unusable: when it is empty, or holds blanks, control or non-ASCII characters.
    """
    if not token:
        raise Unusable("the token is empty")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise Unusable("the token contains blanks, line breaks or invalid characters")


def parse_time(text: str) -> float:
    """Return the seconds since the epoch of a time; see :func:`connector.aws.times.epoch_of`.

    :raises Unusable: when the text is no time.
    """
    epoch = epoch_of(text)
    if epoch is None:
        raise Unusable(f"{ascii(text)[:60]} is not a time")
    return epoch


#: Seconds that renewing a token may take where time is not short.
RENEWAL_TIMEOUT = 8.0


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

    :param environ: the variables of AWS's tools. botocore, which renews the token where settings
        need it, reads them from ``os.environ``.
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
        :raises NoLogin: when there is no token and no login; the hint says how to log in.
        :raises CredentialsError: when a token or login is not usable.
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

    def asks_for(self, scope: str) -> bool:
        """Return whether the token may have a scope; False if its login does not ask for it."""
        if any(map(self._environ.get, self._variables)):
            return True
        return scope in sso_session(self._profile).scopes

    def _from_session(self, timeout: float) -> BearerToken:
        session = sso_session(self._profile)
        remedy = f"Run `{self._profile.login_command}`"
        cache = SsoCache(session.name)
        try:
            token = cache.read()
        except Missing:
            raise NoLogin("there is no SSO login", remedy) from None
        except Unusable as problem:
            raise CredentialsError(str(problem), remedy) from None
        if not token.is_fresh(self._now()):
            from ..renewal import renewed
            from .renewal import Oidc

            service = Oidc(session.region, self._profile, self._environ, self._clients)
            try:
                token = renewed(token, cache, service, self._now, timeout)
            except Unusable as problem:
                raise CredentialsError(
                    f"The SSO login has expired and cannot be renewed: {problem}",
                    problem.remedy(remedy),
                ) from problem
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
