"""Log in and out: get a token for an SSO session, and keep it where the AWS CLI does.

A login uses one of two grants. A browser on this machine brings back an authorization code
(RFC 6749 section 4.1, RFC 7636, RFC 8252), or the user confirms a device code on any device while
we poll (RFC 8628).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

from ...errors import ConfigError, CredentialsError, ServiceError
from ...files import check_writable, file_lock, make_directory_of, reason
from ..api import CallFailed, Refused
from ..profile import SsoSession
from ..sdk import ClientFactory
from .callback import CALLBACK_TIMEOUT, Callback
from .oidc import Oidc, Registration, call_once, register, registration_file, requested_scopes
from .tokens import CachedToken, SsoCache, Unusable

#: Show the user the URL to open, and the device code to compare; None for the other grant.
Show = Callable[[str, "str | None"], None]

_LOGOUT_CONNECT_TIMEOUT, _LOGOUT_READ_TIMEOUT = 3.0, 5.0  # seconds
#: Seconds to wait for a process that renews the token. Whatever it writes is replaced by ours.
_LOCK_TIMEOUT = 15.0

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_DEFAULT_INTERVAL = 5.0  # seconds between polls; RFC 8628, section 3.5
_SLOW_DOWN = 5.0  # seconds to add when the service asks for it or cannot be reached
_DEFAULT_LIFE = 600.0  # seconds that a device code is valid if the service does not say
_URL = re.compile(r"https://[\x21-\x7e]+")

logger = logging.getLogger(__name__)


def log_in(
    session: SsoSession,
    clients: ClientFactory,
    show: Show,
    *,
    device_code: bool,
    now: Callable[[], float] = time.time,
) -> CachedToken:
    """Get a new token with the user's consent, save it, and return it.

    :param now: return the seconds since the epoch.
    :raises CredentialsError: when the service or the user refuses, or the user takes too long.
    :raises ConnectorError: when the service cannot be reached or a file cannot be written.
    """
    cache = SsoCache(session.name)
    _check_savable(cache)  # before the user goes to a browser for a token that would be lost
    by_code = not device_code
    grant = token_by_authorization_code if by_code else token_by_device_code
    try:
        with Oidc(clients, session.region) as oidc:
            registration = register(oidc, session, by_code=by_code, now=now)
            response = grant(oidc, session, registration, show)
    except Refused as refused:
        if refused.status >= 500:
            raise ServiceError(
                f"The SSO service failed ({refused})", "Try again in a minute"
            ) from refused
        hint = "Check the start URL and the region of the sso-session, then log in again"
        if refused.code == "InvalidClientException":  # the kept registration is gone there
            registration_file(session).unlink(missing_ok=True)
            hint = "Log in again, which makes a new registration"
        # The code, not the message: that might quote the request.
        raise CredentialsError(f"The SSO service refused the login ({refused})", hint) from refused
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
        token = CachedToken("", 0.0, document).renewed_by(response, now())
    except Unusable as problem:
        raise CredentialsError(f"The login gave no token: {problem}") from None
    try:
        with file_lock(cache.lock_path, _LOCK_TIMEOUT):
            cache.write(token)
    except OSError as error:
        raise _not_saved(cache, error) from None
    return token


def token_by_authorization_code(
    oidc: Oidc,
    session: SsoSession,
    registration: Registration,
    show: Show,
    *,
    timeout: float = CALLBACK_TIMEOUT,
) -> dict[str, Any]:
    """Return the response of CreateToken for the code that a browser brings back, with PKCE.

    The parameters are named as in the AWS CLI (awscli/botocore/utils.py, version 2): AWS has
    ``scopes`` where the RFC has ``scope``.

    :param timeout: seconds to wait for the browser.
    :raises CredentialsError: when the user refuses or takes too long.
    :raises ConnectFailed: when no port is free to listen on.
    :raises Refused, CallFailed: see :meth:`Oidc.call`.
    """
    verifier = secrets.token_urlsafe(48)  # 64 characters of those that RFC 7636 allows
    state = secrets.token_urlsafe(24)
    digest = hashlib.sha256(verifier.encode()).digest()
    with Callback(state) as callback:
        query = {
            "response_type": "code",
            "client_id": registration.client_id,
            "redirect_uri": callback.url,
            "state": state,
            "code_challenge_method": "S256",
            "scopes": " ".join(requested_scopes(session)),
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        }
        show(f"{oidc.authorize_url}?{urlencode(query, quote_via=quote)}", None)
        code = callback.wait(timeout)
    return oidc.call(
        "create_token",
        grantType="authorization_code",
        clientId=registration.client_id,
        clientSecret=registration.client_secret,
        redirectUri=query["redirect_uri"],
        codeVerifier=verifier,
        code=code,
    )


def token_by_device_code(
    oidc: Oidc,
    session: SsoSession,
    registration: Registration,
    show: Show,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Poll until the user has confirmed the code; return the response of CreateToken.

    :param clock: return the seconds of a monotonic clock, which ``sleep`` advances.
    :raises CredentialsError: when the user refuses or takes too long.
    :raises ServiceError: when the service gives no URL to open.
    :raises Refused, CallFailed: see :meth:`Oidc.call`.
    """
    started = oidc.call(
        "start_device_authorization",
        clientId=registration.client_id,
        clientSecret=registration.client_secret,
        startUrl=session.start_url,
    )
    interval: float = started.get("interval", _DEFAULT_INTERVAL)
    deadline = clock() + started.get("expiresIn", _DEFAULT_LIFE)
    user_code: str = started["userCode"]
    url = started.get("verificationUriComplete") or started.get("verificationUri", "")
    if not _URL.fullmatch(url) or not user_code.isprintable():  # both go to a browser
        raise ServiceError("The SSO service sent no page to open")
    shown = False
    while clock() < deadline:
        try:
            return oidc.call(
                "create_token",
                grantType=_DEVICE_GRANT,
                clientId=registration.client_id,
                clientSecret=registration.client_secret,
                deviceCode=started["deviceCode"],
            )
        except Refused as refused:
            if refused.code == "ExpiredTokenException":
                break
            if refused.code == "AccessDeniedException":
                raise CredentialsError(
                    "The login was denied in the browser", "Log in again, and allow it there"
                ) from refused
            if refused.code == "SlowDownException":
                interval += _SLOW_DOWN
            elif refused.code != "AuthorizationPendingException":
                raise
        except CallFailed as failure:
            if not failure.transient:
                raise
            logger.info("%s; polling again", failure)
            interval += _SLOW_DOWN
        if not shown:  # after the first poll: the service may know the user already
            show(url, user_code)
            shown = True
        sleep(interval)
    raise CredentialsError("The code expired before it was confirmed", "Log in again")


def log_out(session: SsoSession, clients: ClientFactory) -> bool:
    """Delete the token of a session, and end it at the service, as the AWS CLI does.

    A failure at the service is only logged: this machine has no token any more.

    :returns: whether there was a token.
    :raises ConfigError: when the token's file cannot be removed.
    """
    cache = SsoCache(session.name)
    if not os.path.exists(cache.path):
        return False
    try:
        # With the lock, a process that renews the token cannot write it after the removal.
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


def _check_savable(cache: SsoCache) -> None:
    """:raises ConfigError: when a token could not be saved."""
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


def _readable(cache: SsoCache) -> CachedToken | None:
    try:
        return cache.read()
    except Unusable:
        return None  # the file is removed all the same


def _end_at_service(session: SsoSession, clients: ClientFactory, token: CachedToken) -> None:
    try:
        call_once(
            clients,
            "sso",
            session.region,
            "logout",
            {"accessToken": token.access_token},
            connect_timeout=_LOGOUT_CONNECT_TIMEOUT,
            read_timeout=_LOGOUT_READ_TIMEOUT,
        )
    except Refused as refused:
        if refused.status == 401:
            logger.info("The token had already ended")
        else:
            logger.warning("The SSO service did not end the token (%s)", refused)
    except (CallFailed, ConfigError) as failure:
        logger.warning("The SSO service could not be told to end the token: %s", failure)
