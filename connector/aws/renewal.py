"""Renewal of the token in a file by a refresh token, which can be used once.

Several processes share the file: ours, the AWS CLI and the SDKs. Ours take turns by a lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..errors import ConfigError
from ..fast.logs import Logger
from ..fast.typed import Any, Protocol, TypeVar
from ..files import check_writable, file_lock, reason
from .api import CallFailed, Refused
from .sso.tokens import Unusable

_CONNECT_TIMEOUT = 3.0  # seconds; the request has two kilobytes
_READ_TIMEOUT = 5.0
#: Seconds that the request gets at least: if its response is missed, so is the new refresh token.
SHORTEST_REQUEST = 2.0

#: Bytes that a token file takes at most.
_ROOM = 1 << 16

logger = Logger(__name__)

_Self = TypeVar("_Self", bound="Token")


class Token(Protocol):
    """The content of a token file."""

    @property
    def expires_at(self) -> float:
        """Seconds since the epoch."""

    def is_fresh(self, now: float) -> bool:
        """Return whether the token needs no renewal yet."""

    def refresh_request(self, now: float) -> dict[str, str]:
        """Return the members of the call that renews this token.

        :raises Unusable: when it cannot be renewed.
        """

    def renewed_by(self: _Self, response: Mapping[str, Any], now: float) -> _Self:
        """Return the token in a response.

        :param response: the checked response.
        :raises Unusable: when the response holds no token.
        """

    def with_refresh_token(self: _Self, response: Mapping[str, Any]) -> _Self:
        """Return this token with the refresh token of a response."""


_Token = TypeVar("_Token", bound=Token)


class Cache(Protocol[_Token]):
    """A token file."""

    path: str
    lock_path: str

    def read(self) -> _Token:
        """Return the token in the file, expired or not.

        :raises Unusable: when it holds none.
        """

    def write(self, token: _Token) -> None:
        """Replace the file atomically.

        :raises OSError: when it cannot be written.
        """


class Service(Protocol):
    """The service that renews tokens."""

    def create_token(
        self, request: Mapping[str, str], connect_timeout: float, read_timeout: float
    ) -> dict[str, Any]:
        """Return the members of a new token.

        :raises Refused: when the service answered with an error.
        :raises CallFailed: when there was no response, or a malformed one.
        :raises ConfigError: when the AWS configuration is not usable.
        """


def usable_token(
    cache: Cache[_Token], service: Service, now: Callable[[], float], timeout: float
) -> _Token:
    """Return the token of a file that has not expired, renewed if it expires soon.

    The parameters and errors are those of :func:`renew`.
    """
    token = cache.read()
    if token.is_fresh(now()):
        return token
    return renewed(token, cache, service, now, timeout)


def renewed(
    token: _Token, cache: Cache[_Token], service: Service, now: Callable[[], float], timeout: float
) -> _Token:
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


def renew(
    cache: Cache[_Token], service: Service, now: Callable[[], float], timeout: float
) -> _Token:
    """Return a renewed token, from the service or from another process that renewed it first.

    A refresh token can be used once. So only the holder of the lock uses one, and only one
    that it has read while it held the lock.

    :param now: return the seconds since the epoch.
    :param timeout: seconds for lock and request together; below two, nothing is tried.
    :raises Unusable: when the token cannot be renewed now.
    """
    deadline = time.monotonic() + timeout
    if timeout < SHORTEST_REQUEST:
        raise Unusable("there is not enough time now") from TimeoutError()
    cache.read().refresh_request(now())  # do not wait for the lock if it cannot be renewed
    try:
        with file_lock(cache.lock_path, timeout - SHORTEST_REQUEST):
            token = cache.read()
            if token.is_fresh(now()):
                return token
            request = token.refresh_request(now())
            _check_room(cache)
            left = max(deadline - time.monotonic(), SHORTEST_REQUEST)
            try:
                response = _create_token(service, request, left)
            except Unusable:
                # The AWS CLI takes no lock: it may have used the refresh token meanwhile.
                token = cache.read()
                if token.is_fresh(now()):
                    return token
                raise
            # The old refresh token is used up, so a new one is kept even if the response has
            # no usable access token.
            kept = token.with_refresh_token(response)
            try:
                token = token.renewed_by(response, now())
            except Unusable:
                _save(cache, kept)
                raise
            _save(cache, token)
            return token
    except OSError as error:
        raise Unusable(f"{cache.lock_path} cannot be locked ({reason(error)})") from error


def _check_room(cache: Cache[_Token]) -> None:
    """Check that the new refresh token can be saved, since the call uses up the old one."""
    try:
        check_writable(cache.path, _ROOM)
    except OSError as error:
        raise Unusable(f"{cache.path} cannot be written ({reason(error)})") from error


def _create_token(service: Service, request: Mapping[str, str], timeout: float) -> dict[str, Any]:
    connect_timeout = min(_CONNECT_TIMEOUT, 0.4 * timeout)
    read_timeout = min(_READ_TIMEOUT, timeout - connect_timeout)
    try:
        return service.create_token(request, connect_timeout, read_timeout)
    except Refused as refused:
        # The code, not the message: that might quote the request.
        raise Unusable(f"the service refused ({refused})") from refused
    except (CallFailed, ConfigError) as failure:
        raise Unusable(str(failure)) from failure


def _save(cache: Cache[_Token], token: _Token) -> None:
    try:
        cache.write(token)
    except OSError as error:
        # The token is valid for this connection. The next one needs a new login.
        logger.warning("The renewed token cannot be saved in %s (%s)", cache.path, reason(error))
