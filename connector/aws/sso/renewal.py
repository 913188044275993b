"""A new token for one that expires soon, got once however many processes want it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from ...errors import ConfigError
from ...files import reason
from ...locks import file_lock
from ..calls import (
    CallFailed,
    Refused,
    call,
)
from ..clients import ClientFactory
from .cache import (
    REFRESH_WINDOW,
    CachedToken,
    SsoCache,
    Unusable,
    token_of_answer,
    with_refresh_token,
)

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT = 3.0  # seconds each: it is one request of two kilobytes
_READ_TIMEOUT = 5.0
_SHORTEST_REQUEST = 2.0  # seconds; a new refresh token that comes too late is lost for good


def renew(
    cache: SsoCache,
    clients: ClientFactory,
    region: str,
    now: Callable[[], float],
    timeout: float,
) -> CachedToken:
    """The token that this process, or another one meanwhile, has renewed and saved.

    Refresh tokens are used up by their use: only the holder of the lock may spend one, and
    only one that it has read since it got the lock.

    :param region: of the SSO session.
    :param now: seconds since the epoch.
    :param timeout: seconds, for the lock and the request together; with less than two
        it is not tried.
    :raises Unusable: when there is none to be had now.
    """
    deadline = time.monotonic() + timeout
    if timeout < _SHORTEST_REQUEST:
        raise Unusable("there is no time for it now")
    cache.read().refresh_request(now())  # nothing to wait for where nothing can be renewed
    try:
        with file_lock(cache.lock_path, timeout - _SHORTEST_REQUEST):
            token = cache.read()
            if token.expires_at - now() >= REFRESH_WINDOW:
                return token
            request = token.refresh_request(now())
            left = max(deadline - time.monotonic(), _SHORTEST_REQUEST)
            answer = _create_token(clients, region, request, left)
            # First of all: the service has used up the old one, whatever else it answered.
            kept = token._replace(document=with_refresh_token(answer, token.document))
            try:
                token = token_of_answer(answer, token.document, now())
            except Unusable:
                _save(cache, kept)
                raise
            _save(cache, token)
            return token
    except OSError as error:
        raise Unusable(f"{cache.lock_path} cannot be locked ({reason(error)})") from error


def _create_token(
    clients: ClientFactory, region: str, request: Mapping[str, str], timeout: float
) -> dict[str, Any]:
    connect_timeout = min(_CONNECT_TIMEOUT, 0.4 * timeout)
    try:
        client = clients.create(
            "sso-oidc",
            region=region,
            connect_timeout=connect_timeout,
            read_timeout=min(_READ_TIMEOUT, timeout - connect_timeout),
        )
        with closing(client):
            return call(client, "create_token", **request)
    except Refused as refused:
        # Its code, not its message: that might quote the request.
        raise Unusable(f"the SSO service refuses ({refused})") from refused
    except CallFailed as failure:
        raise Unusable(str(failure)) from failure
    except ConfigError as error:
        raise Unusable(str(error)) from error


def _save(cache: SsoCache, token: CachedToken) -> None:
    try:
        cache.write(token)
    except OSError as error:
        # It is good for this session all the same. The next one has to log in.
        logger.warning("The renewed SSO token cannot be saved (%s)", reason(error))
