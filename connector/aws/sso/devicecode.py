"""The login on any device: a code to type in there, and polls here (RFC 8628)."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from ...errors import CredentialsError, ServiceError
from ..calls import CallFailed, Refused
from .oidc import Oidc
from .registration import Registration
from .session import SsoSession

logger = logging.getLogger(__name__)

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
_DEFAULT_INTERVAL = 5.0  # seconds between polls; RFC 8628, section 3.5
_SLOW_DOWN = 5.0  # seconds more whenever the service asks for it, or cannot be reached
_URL = re.compile(r"https://[\x21-\x7e]+")
_DEFAULT_LIFE = 600.0  # seconds; the service says it, and this


def token_by_device_code(
    oidc: Oidc,
    session: SsoSession,
    registration: Registration,
    show: Callable[[str, str | None], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The answer of CreateToken, once the user has said yes.

    :param show: is given the URL to open, and the code that it asks for or has in it.
    :param clock: seconds of a monotonic clock; ``sleep`` goes with it.
    :raises CredentialsError: when the user said no, or nothing in time.
    :raises ServiceError: when the service names no place to go to.
    :raises Refused, CallFailed: see ``Oidc.call``.
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
    if not _URL.fullmatch(url) or not user_code.isprintable():  # it goes to a browser
        raise ServiceError("The SSO service names no page to go to")
    shown = False
    while clock() < deadline:
        try:
            return oidc.call(
                "create_token",
                grantType=_GRANT_TYPE,
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
            logger.info("%s; asking again", failure)
            interval += _SLOW_DOWN
        if not shown:  # before that, one try: whoever is known to the service need do nothing
            show(url, user_code)
            shown = True
        sleep(interval)
    raise CredentialsError("The code has expired before it was entered", "Log in again")
