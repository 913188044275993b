"""Renewal of an SSO login's token by a call of SSO-OIDC (model 2019-06-10).

botocore makes the call only where settings need it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ...errors import ConfigError
from ...fast.logs import Logger
from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING, Any
from ...files import check_writable, file_lock, reason
from ..api import CallFailed, Operation, Refused
from ..endpoint import EndpointNames, light_endpoint
from ..light import LightApi
from ..regions import domain_of
from ..responses import Object, non_empty, number
from .tokens import (
    REFRESH_WINDOW,
    CachedToken,
    SsoCache,
    Unusable,
    token_of_response,
    with_refresh_token,
)

if TYPE_CHECKING:
    from ..profile import Profile
    from ..sdk import ClientFactory

_YEAR = 366 * 86400.0  # seconds

#: The response of CreateToken. All is lenient: a new refresh token has to be kept even if the rest
#: is malformed, because the old one is no longer valid.
TOKEN = Object(
    lenient={"accessToken": non_empty, "refreshToken": non_empty, "expiresIn": number(0, _YEAR)}
)

_OPERATION = "create_token"
_OPERATIONS = {_OPERATION: Operation("POST", "/token", TOKEN, has_body=True)}

_CONNECT_TIMEOUT = 3.0  # seconds; the request has two kilobytes
_READ_TIMEOUT = 5.0
#: Seconds that the request gets at least: if its response is missed, so is the new refresh token.
_SHORTEST_REQUEST = 2.0

#: Bytes that a token file takes at most.
_ROOM = 1 << 16

logger = Logger(__name__)


class Oidc(NamedTuple):
    """SSO-OIDC in a Region, as a profile reaches it.

    :param environ: the variables of AWS's tools.
    """

    region: str
    profile: Profile
    environ: Mapping[str, str]
    clients: ClientFactory

    def create_token(
        self, request: Mapping[str, str], connect_timeout: float, read_timeout: float
    ) -> dict[str, Any]:
        """Return the members of a new token.

        :raises Refused: when the service answered with an error.
        :raises CallFailed: when there was no response, or a malformed one.
        :raises ConfigError: when the AWS configuration is not usable.
        """
        limits = {"connect_timeout": connect_timeout, "read_timeout": read_timeout}
        members: dict[str, Any] = dict(request)
        domain = domain_of(self.region)
        default = f"https://oidc.{self.region}.{domain}"
        names = EndpointNames(default, "AWS_ENDPOINT_URL_SSO_OIDC", "")
        url = light_endpoint(names, None, self.environ, self.profile) if domain else None
        if url is not None:
            api = LightApi(_OPERATIONS, url, self.clients.connect)
            return api.call(_OPERATION, "", **limits, **members)
        from .oidc import call_once

        return call_once(self.clients, "sso-oidc", self.region, _OPERATION, request, **limits)


def usable_token(
    cache: SsoCache, service: Oidc, now: Callable[[], float], timeout: float
) -> CachedToken:
    """Return the token of a login that has not expired, renewed if it expires soon.

    The parameters and errors are those of :func:`renew`.
    """
    token = cache.read()
    if token.expires_at - now() >= REFRESH_WINDOW:
        return token
    return renewed(token, cache, service, now, timeout)


def renewed(
    token: CachedToken, cache: SsoCache, service: Oidc, now: Callable[[], float], timeout: float
) -> CachedToken:
    """Return the token that replaces one, or that one if it cannot be renewed but is still valid.

    The other parameters and the errors are those of :func:`renew`.
    """
    try:
        return renew(cache, service, now, timeout)
    except Unusable as problem:
        if token.expires_at <= now():
            raise
        logger.info("Using the token that expires soon: %s", problem)
        return token


def renew(cache: SsoCache, service: Oidc, now: Callable[[], float], timeout: float) -> CachedToken:
    """Return a renewed token, from the service or from another process that renewed it first.

    A refresh token can be used once. So only the holder of the lock uses one, and only one
    that it has read while it held the lock.

    :param now: return the seconds since the epoch.
    :param timeout: seconds for lock and request together; below two, nothing is tried.
    :raises Unusable: when the token cannot be renewed now.
    """
    deadline = time.monotonic() + timeout
    if timeout < _SHORTEST_REQUEST:
        raise Unusable("there is not enough time now") from TimeoutError()
    cache.read().refresh_request(now())  # do not wait for the lock if it cannot be renewed
    try:
        with file_lock(cache.lock_path, timeout - _SHORTEST_REQUEST):
            token = cache.read()
            if token.expires_at - now() >= REFRESH_WINDOW:
                return token
            request = token.refresh_request(now())
            _check_room(cache)
            left = max(deadline - time.monotonic(), _SHORTEST_REQUEST)
            try:
                response = _create_token(service, request, left)
            except Unusable:
                # The AWS CLI takes no lock: it may have used the refresh token meanwhile.
                token = cache.read()
                if token.expires_at - now() >= REFRESH_WINDOW:
                    return token
                raise
            # The old refresh token is used up, so a new one is kept even if the response has
            # no usable access token.
            kept = token._replace(document=with_refresh_token(response, token.document))
            try:
                token = token_of_response(response, token.document, now())
            except Unusable:
                _save(cache, kept)
                raise
            _save(cache, token)
            return token
    except OSError as error:
        raise Unusable(f"{cache.lock_path} cannot be locked ({reason(error)})") from error


def _check_room(cache: SsoCache) -> None:
    """Check that the new refresh token can be saved, since the call uses up the old one."""
    try:
        check_writable(cache.path, _ROOM)
    except OSError as error:
        raise Unusable(f"{cache.path} cannot be written ({reason(error)})") from error


def _create_token(service: Oidc, request: Mapping[str, str], timeout: float) -> dict[str, Any]:
    connect_timeout = min(_CONNECT_TIMEOUT, 0.4 * timeout)
    read_timeout = min(_READ_TIMEOUT, timeout - connect_timeout)
    try:
        return service.create_token(request, connect_timeout, read_timeout)
    except Refused as refused:
        # The code, not the message: that might quote the request.
        raise Unusable(f"the SSO service refused ({refused})") from refused
    except (CallFailed, ConfigError) as failure:
        raise Unusable(str(failure)) from failure


def _save(cache: SsoCache, token: CachedToken) -> None:
    try:
        cache.write(token)
    except OSError as error:
        # The token is valid for this connection. The next one needs a new login.
        logger.warning("The renewed SSO token cannot be saved (%s)", reason(error))
