"""Renew a token that expires soon: once, however many processes need it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import ConfigError
from ...files import reason
from ...locks import file_lock
from ..api import CallFailed, Refused
from ..sdk import ClientFactory
from .cache import (
    REFRESH_WINDOW,
    CachedToken,
    SsoCache,
    Unusable,
    token_of_response,
    with_refresh_token,
)
from .oidc import call_once

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT = 3.0  # seconds; the request has two kilobytes
_READ_TIMEOUT = 5.0
#: Seconds that the request gets at least: if its response is missed, so is the new refresh token.
_SHORTEST_REQUEST = 2.0


def renew(
    cache: SsoCache,
    clients: ClientFactory,
    region: str,
    now: Callable[[], float],
    timeout: float,
) -> CachedToken:
    """Return a renewed token, from the service or from another process that renewed it first.

    A refresh token can be used once. So only the holder of the lock uses one, and only one
    that it has read while it held the lock.

    :param region: the region of the SSO session.
    :param now: return the seconds since the epoch.
    :param timeout: seconds for lock and request together; below two, nothing is tried.
    :raises Unusable: when the token cannot be renewed now.
    """
    deadline = time.monotonic() + timeout
    if timeout < _SHORTEST_REQUEST:
        raise Unusable("there is not enough time now")
    cache.read().refresh_request(now())  # do not wait for the lock if it cannot be renewed
    try:
        with file_lock(cache.lock_path, timeout - _SHORTEST_REQUEST):
            token = cache.read()
            if token.expires_at - now() >= REFRESH_WINDOW:
                return token
            request = token.refresh_request(now())
            left = max(deadline - time.monotonic(), _SHORTEST_REQUEST)
            response = _create_token(clients, region, request, left)
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


def _create_token(
    clients: ClientFactory, region: str, request: Mapping[str, str], timeout: float
) -> dict[str, Any]:
    connect_timeout = min(_CONNECT_TIMEOUT, 0.4 * timeout)
    try:
        return call_once(
            clients,
            "sso-oidc",
            region,
            "create_token",
            request,
            connect_timeout=connect_timeout,
            read_timeout=min(_READ_TIMEOUT, timeout - connect_timeout),
        )
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
