"""The login in a browser of this machine: an authorization code, proved by PKCE.

RFC 6749 section 4.1, RFC 7636 and RFC 8252, with the names that the AWS CLI sends
(awscli/botocore/utils.py, version 2): AWS has ``scopes`` where the RFC has ``scope``.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from .callback import CALLBACK_TIMEOUT, Callback
from .oidc import Oidc
from .registration import Registration, requested_scopes
from .session import SsoSession


def token_by_authorization_code(
    oidc: Oidc,
    session: SsoSession,
    registration: Registration,
    show: Callable[[str, str | None], None],
    *,
    timeout: float = CALLBACK_TIMEOUT,
) -> dict[str, Any]:
    """The answer of CreateToken, once the browser has brought the code.

    :param show: is given the URL to open; there is no code to type.
    :param timeout: seconds that the user has.
    :raises CredentialsError: when the user said no, or nothing in time.
    :raises ConnectFailed: when no port can be listened on.
    :raises Refused, CallFailed: see ``Oidc.call``.
    """
    verifier = secrets.token_urlsafe(48)  # 64 characters, of those that RFC 7636 allows
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
