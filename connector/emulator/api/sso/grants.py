"""Grants, for which a client gets a token, and the errors of SSO-OIDC.

A grant is a user's permission. Authorization codes follow RFC 6749 with RFC 7636, device codes
RFC 8628. Their lifetimes and the interval between polls are those of the examples in AWS's API
reference. The errors are those of botocore's model ``sso-oidc/2019-06-10``."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ApiError


class OidcError(ApiError):
    """An error with the members of RFC 6749. ``error`` is its code there."""

    error = ""

    def body(self) -> dict[str, str]:
        """Return the members of the JSON answer."""
        return {"error": self.error, "error_description": self.message}


class InvalidRequestException(OidcError):
    """A member is missing or malformed."""

    error = "invalid_request"


class InvalidClientException(OidcError):
    """The client is unknown, its secret is wrong, or its registration has expired."""

    status = 401
    error = "invalid_client"


class InvalidClientMetadataException(OidcError):
    """The service does not register clients of this type."""

    error = "invalid_client_metadata"


class InvalidRedirectUriException(OidcError):
    """The service does not redirect to this address."""

    error = "invalid_redirect_uri"


class UnauthorizedClientException(OidcError):
    """The client is not registered for this grant type."""

    error = "unauthorized_client"


class InvalidGrantException(OidcError):
    """The grant is unknown, used, another client's, or its proof is wrong."""

    error = "invalid_grant"


class ExpiredTokenException(OidcError):
    """The grant has expired."""

    error = "expired_token"


class AuthorizationPendingException(OidcError):
    """The user has not decided yet."""

    error = "authorization_pending"


class SlowDownException(OidcError):
    """The client polls more often than the interval allows."""

    error = "slow_down"


class AccessDeniedException(OidcError):
    """The user has denied the request."""

    error = "access_denied"


class UnsupportedGrantTypeException(OidcError):
    """The service does not know the grant type."""

    error = "unsupported_grant_type"


class InternalServerException(OidcError):
    """The service failed. Only tests send this error."""

    status = 500
    error = "server_error"


CODE_SECONDS = 600.0
DEVICE_SECONDS = 600.0
DEVICE_INTERVAL = 1.0  # seconds between polls, at first
_SLOW_DOWN = 5.0  # seconds that slow_down adds to the interval: RFC 8628, section 3.5


@dataclass(frozen=True)
class Client:
    """A registered client; ``expires_at`` in seconds since the epoch."""

    id: str
    secret: str = field(repr=False)
    expires_at: float
    name: str = ""
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefreshGrant:
    """The grant of a refresh token."""

    client_id: str
    user_id: str
    expires_at: float


@dataclass(frozen=True)
class CodeGrant:
    """The grant of an authorization code. ``challenge`` is PKCE's, with S256."""

    client_id: str
    user_id: str
    redirect_uri: str
    challenge: str
    expires_at: float

    def check(self, client: Client, members: Mapping[str, Any], now: float) -> None:
        """:raises OidcError: if the client gets no token for this code."""
        proof = hashlib.sha256(str(members.get("codeVerifier", "")).encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        if (
            self.client_id != client.id
            or self.redirect_uri != members.get("redirectUri")
            or not hmac.compare_digest(challenge, self.challenge)
        ):
            raise InvalidGrantException("Invalid authorization code provided")
        if now >= self.expires_at:
            raise ExpiredTokenException("The authorization code has expired")


@dataclass
class DeviceGrant:
    """The grant of a device code. ``user_id`` is ``None`` until the user allows it."""

    client: Client
    user_code: str
    expires_at: float
    user_id: str | None = None
    denied: bool = False
    interval: float = DEVICE_INTERVAL
    last_poll: float | None = None

    def poll(self, client: Client, now: float) -> str:
        """Return the id of the user who has allowed the grant.

        :raises OidcError: if no user has allowed it yet, or the client polls too often.
        """
        if self.client.id != client.id:
            raise InvalidGrantException("Invalid device code provided")
        if now >= self.expires_at:
            raise ExpiredTokenException("The device code has expired")
        last, self.last_poll = self.last_poll, now
        # The clock is not monotonic, so polls may come a tenth early.
        if last is not None and now - last < 0.9 * self.interval:
            self.interval += _SLOW_DOWN
            raise SlowDownException("The client polls too often")
        if self.denied:
            raise AccessDeniedException("The user denied the request")
        if self.user_id is None:
            raise AuthorizationPendingException("The user has not decided yet")
        return self.user_id
