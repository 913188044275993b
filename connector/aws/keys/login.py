"""AWS keys of ``aws login``, from the cache that the AWS CLI shares with the SDKs.

Paths, format and limits are those of botocore's ``LoginCredentialFetcher``. The keys live for 15
minutes, so most connections renew them: :mod:`.signin` does.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping

from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING, Any
from ...files import write_private
from ..regions import region_of
from ..sso.tokens import Unusable, parse_time, token_document
from ..times import format_time
from .source import AwsKeys

if TYPE_CHECKING:
    from ..light import Connect
    from ..profile import Profile
    from .places import Login

#: Seconds before their end in which botocore renews the keys.
REFRESH_WINDOW = 5 * 60

#: The variable with the path of the cache.
DIRECTORY = "AWS_LOGIN_CACHE_DIRECTORY"

#: Seconds that are left, if there are more, for the call that the keys sign.
_CALL = 2.0

_KEYS = ("accessKeyId", "secretAccessKey", "sessionToken", "expiresAt")
_NEEDED = ("clientId", "refreshToken", "dpopKey")


class LoginToken(NamedTuple):
    """The content of a login's file."""

    keys: AwsKeys
    document: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"LoginToken({self.keys!r})"

    @property
    def expires_at(self) -> float:
        """Seconds since the epoch."""
        return self.keys.expires_at or 0.0

    def is_fresh(self, now: float) -> bool:
        """Return whether botocore would not renew the keys yet."""
        return self.expires_at - now > REFRESH_WINDOW

    def refresh_request(self, now: float) -> dict[str, str]:
        """Return the members of the call that renews the keys, its private key, and its Region."""
        members = {name: self.document[name] for name in _NEEDED}
        region = self.document.get("signInRegion")
        return {**members, "signInRegion": region if isinstance(region, str) else ""}

    def renewed_by(self, response: Mapping[str, Any], now: float) -> LoginToken:
        """Return the token with the keys in a response of CreateOAuth2Token.

        :param response: the checked response.
        :raises Unusable: when it has no keys.
        """
        if "accessToken" not in response or "expiresIn" not in response:
            raise Unusable("the service sent no keys")
        end = format_time(now + response["expiresIn"])
        old, new = self.document["accessToken"], response["accessToken"]
        document = self.with_refresh_token(response).document
        return _token({**document, "accessToken": {**old, **new, "expiresAt": end}})

    def with_refresh_token(self, response: Mapping[str, Any]) -> LoginToken:
        """Return this token with the refresh token of a response."""
        new = response.get("refreshToken")
        return self._replace(document={**self.document, "refreshToken": new}) if new else self


class LoginCache:
    """The file of a login.

    :param session: the profile's ``login_session``.
    """

    def __init__(self, session: str, environ: Mapping[str, str]) -> None:
        given = environ.get(DIRECTORY)
        path = "~/.aws/login/cache" if given is None else os.path.expandvars(given)
        key = hashlib.sha256(session.encode()).hexdigest()
        directory = os.path.expanduser(path)
        self.path = os.path.join(directory, f"{key}.json")
        self.lock_path = os.path.join(directory, f"{key}.lock")

    def read(self) -> LoginToken:
        """Return the token in the file, expired or not.

        :raises Missing: when there is no file.
        :raises Unusable: when it lacks what botocore needs.
        """
        document = token_document(self.path)
        keys = document.get("accessToken")
        parts = ((document, _NEEDED), (keys if isinstance(keys, dict) else {}, _KEYS))
        for name, value in ((name, part.get(name)) for part, names in parts for name in names):
            if not isinstance(value, str) or not value:
                raise Unusable(f"the token file {self.path} has no valid {name}")
        try:
            return _token(document)
        except Unusable as problem:
            raise Unusable(f"the token file {self.path} is damaged: {problem}") from None

    def write(self, token: LoginToken) -> None:
        """Replace the file atomically.

        :raises OSError: when it cannot be written.
        """
        write_private(self.path, json.dumps(token.document))


def _token(document: Mapping[str, Any]) -> LoginToken:
    key, secret, token, end = (document["accessToken"][name] for name in _KEYS)
    return LoginToken(AwsKeys(key, secret, token, parse_time(end)), document)


def keys_of_login(
    login: Login,
    profile: Profile,
    environ: Mapping[str, str],
    connect: Connect,
    *,
    now: Callable[[], float],
    timeout: float,
) -> AwsKeys | None:
    """Return the keys of a login, or None if only botocore can renew them.

    :param profile: whose keys are searched. Its settings choose the host, not those of a source.
    :param timeout: seconds.
    :raises ConnectorError: when there is no usable login.
    """
    cache = LoginCache(login.session, environ)
    try:
        token = cache.read()
        if token.is_fresh(now()):
            return token.keys
        from importlib.util import find_spec

        if find_spec("cryptography") is None:
            return token.keys if token.expires_at > now() else None
        from ..renewal import SHORTEST_REQUEST, renewed
        from ..sdk import ClientFactory
        from .signin import Signin

        clients = ClientFactory(profile.known_name, connect)
        # As botocore has it: AWS_REGION counts least.
        region = environ.get("AWS_DEFAULT_REGION") or profile.region or region_of(environ) or ""
        service = Signin(region, profile, environ, clients)
        most = max(timeout - _CALL, min(timeout, SHORTEST_REQUEST))
        return renewed(token, cache, service, now, most).keys
    except Unusable as problem:
        from .errors import no_aws_login

        raise no_aws_login(problem, login.name) from problem
