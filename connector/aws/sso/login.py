"""Logging in and out: a token of an SSO session, in the cache that the AWS CLI shares."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import closing, suppress

from ...errors import (
    ConfigError,
    CredentialsError,
    ServiceError,
)
from ...files import (
    check_writable,
    make_directory_of,
    reason,
)
from ...locks import file_lock
from ..calls import (
    CallFailed,
    Refused,
    call,
)
from ..clients import ClientFactory
from .authcode import token_by_authorization_code
from .cache import (
    CachedToken,
    SsoCache,
    Unusable,
    token_of_answer,
)
from .devicecode import token_by_device_code
from .oidc import Oidc
from .registration import register, registration_file
from .session import SsoSession

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT = 3.0  # seconds each, for the service to be told of a logout
_READ_TIMEOUT = 5.0
# Seconds to wait for whoever renews the token now. Afterwards what it writes is our token's.
_LOCK_TIMEOUT = 15.0


def log_in(
    session: SsoSession,
    clients: ClientFactory,
    show: Callable[[str, str | None], None],
    *,
    device_code: bool,
    now: Callable[[], float] = time.time,
) -> CachedToken:
    """Get a new token by the user's consent, and save it.

    :param show: is given the URL that the user has to open, and with ``device_code`` the
        code that belongs to it.
    :param now: seconds since the epoch.
    :raises CredentialsError: when the service or the user refuses, or nobody answers in time.
    :raises ConnectorError: when the service cannot be reached or a file cannot be written.
    """
    cache = SsoCache(session.name)
    _check_savable(cache)  # the user is not sent to a browser for a token that would be lost
    by_code = not device_code
    flow = token_by_authorization_code if by_code else token_by_device_code
    try:
        with Oidc(clients, session.region) as oidc:
            registration = register(oidc, session, by_code=by_code, now=now)
            answer = flow(oidc, session, registration, show)
    except Refused as refused:
        if refused.status >= 500:
            raise ServiceError(
                f"The SSO service fails ({refused})", "Try again in a minute"
            ) from refused
        hint = "Log in again; check the start URL and the region of the sso-session"
        if refused.code == "InvalidClientException":  # it knows the kept registration no more
            registration_file(session).unlink(missing_ok=True)
            hint = "Log in again: a new registration will be made"
        # Its code, not its message: that might quote the request.
        raise CredentialsError(f"The SSO service refuses the login ({refused})", hint) from refused
    except CallFailed as failure:
        raise failure.error from failure
    document = {
        "startUrl": session.start_url,
        "region": session.region,
        "clientId": registration.client_id,
        "clientSecret": registration.client_secret,
        "registrationExpiresAt": registration.expires_at,
    }
    try:
        token = token_of_answer(answer, document, now())
    except Unusable as problem:
        raise CredentialsError(f"The login gave no token: {problem}") from None
    try:
        with file_lock(cache.lock_path, _LOCK_TIMEOUT):
            cache.write(token)
    except OSError as error:
        raise _not_saved(cache, error) from None
    return token


def _check_savable(cache: SsoCache) -> None:
    """:raises ConfigError: when the token could not be saved."""
    try:
        make_directory_of(cache.path)
        check_writable(cache.path)
        with file_lock(cache.lock_path, _LOCK_TIMEOUT):
            pass
    except OSError as error:
        raise _not_saved(cache, error) from None


def _not_saved(cache: SsoCache, error: OSError) -> ConfigError:
    return ConfigError(
        f"The token cannot be saved in {cache.path} ({reason(error)})",
        "Make the folder writable and log in again",
    )


def log_out(session: SsoSession, clients: ClientFactory) -> bool:
    """Forget the token of a session, and have the service end it, as the AWS CLI does.

    What the service does with it is of no matter for this machine: a failure there is logged.

    :returns: whether there was a token.
    :raises ConfigError: when its file cannot be removed.
    """
    cache = SsoCache(session.name)
    if not os.path.exists(cache.path):
        return False
    try:
        # Not while somebody renews it, who would write it anew.
        with file_lock(cache.lock_path, _LOCK_TIMEOUT):
            token = _readable(cache)
            with suppress(FileNotFoundError):
                os.unlink(cache.path)
    except OSError as error:
        raise ConfigError(
            f"The token file {cache.path} cannot be removed ({reason(error)})", "Remove it by hand"
        ) from None
    if token is not None:
        _end_at_service(session, clients, token)
    return True


def _readable(cache: SsoCache) -> CachedToken | None:
    try:
        return cache.read()
    except Unusable:
        return None  # it is removed all the same


def _end_at_service(session: SsoSession, clients: ClientFactory, token: CachedToken) -> None:
    try:
        client = clients.create(
            "sso",
            region=session.region,
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
        )
        with closing(client):
            call(client, "logout", accessToken=token.access_token)
    except Refused as refused:
        if refused.status == 401:
            logger.info("The token had ended already")
        else:
            logger.warning("The SSO service did not end the token (%s)", refused)
    except (CallFailed, ConfigError) as failure:
        logger.warning("The SSO service was not told that the token has ended: %s", failure)
