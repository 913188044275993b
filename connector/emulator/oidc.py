"""SSO-OIDC as far as the emulator needs it: CreateToken, which renews bearer tokens.

Source of members, errors and statuses: botocore's model ``sso-oidc/2019-06-10``.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .bearer import BearerTokens
from .errors import ApiError
from .operations import Operation
from .rest import Endpoint
from .shapes import ListOf, Structure, Text

ACCESS_TOKEN_SECONDS = 3600.0  # of an AWS Builder ID
REFRESH_TOKEN_SECONDS = 90 * 86400.0  # of an AWS Builder ID
CLIENT_SECONDS = 90 * 86400.0  # what RegisterClient gives

CREATE_TOKEN = Operation(
    "CreateToken",
    "POST",
    "/token",
    Structure(
        {
            "clientId": Text(),
            "clientSecret": Text(),
            "grantType": Text(),
            "deviceCode": Text(),
            "code": Text(),
            "refreshToken": Text(),
            "scope": ListOf(Text()),
            "redirectUri": Text(),
            "codeVerifier": Text(),
        },
        ("clientId", "clientSecret", "grantType"),
    ),
)


class OidcError(ApiError):
    """An error with the members that RFC 6749 names; ``error`` is its short name there."""

    status = 400
    error = ""

    def body(self) -> dict[str, str]:
        """The members of the JSON answer."""
        return {"error": self.error, "error_description": self.message}


class InvalidRequestException(OidcError):
    """A member is missing or malformed."""

    error = "invalid_request"


class InvalidClientException(OidcError):
    """The client is unknown, its secret is wrong, or its registration has expired."""

    status = 401
    error = "invalid_client"


class InvalidGrantException(OidcError):
    """The refresh token is unknown, used up, or another client's."""

    error = "invalid_grant"


class ExpiredTokenException(OidcError):
    """The refresh token has expired."""

    error = "expired_token"


class UnsupportedGrantTypeException(OidcError):
    """No such way to get a token."""

    error = "unsupported_grant_type"


class InternalServerException(OidcError):
    """SSO failed; for tests to have it answered."""

    status = 500
    error = "server_error"


@dataclass(frozen=True)
class Client:
    """A registered client; ``expires_at`` in seconds since the epoch."""

    id: str
    secret: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True)
class _Refresh:
    client_id: str
    user_id: str
    expires_at: float


class OidcService:
    """The token service, as endpoints for a ``RestServer``.

    :param tokens: takes the access tokens that are issued here.
    :param now: the clock, in seconds since the epoch.
    :param random_bytes: makes ids, secrets and tokens; gives that many bytes.
    :param access_token_seconds: how long an access token is good.
    """

    def __init__(
        self,
        tokens: BearerTokens,
        now: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        access_token_seconds: float = ACCESS_TOKEN_SECONDS,
    ) -> None:
        self._tokens = tokens
        self._now = now
        self._random_bytes = random_bytes
        self._access_token_seconds = access_token_seconds
        self._clients: dict[str, Client] = {}
        self._refreshes: dict[str, _Refresh] = {}
        # By grantType: from the client and the members to the id of the user who is let in.
        self._grants: dict[str, Callable[[Client, Mapping[str, Any]], str]] = {
            "refresh_token": self._redeem_refresh_token,
        }

    def endpoints(self) -> list[Endpoint]:
        """All operations; nobody has to be logged in to call them."""
        return [Endpoint(CREATE_TOKEN, _anybody, self._create_token, InvalidRequestException)]

    def register_client(self, seconds: float = CLIENT_SECONDS) -> Client:
        """A new client whose registration lasts that many seconds."""
        client = Client(self._random_text(16), self._random_text(96), self._now() + seconds)
        self._clients[client.id] = client
        return client

    def issue_refresh_token(
        self, client: Client, user_id: str, seconds: float = REFRESH_TOKEN_SECONDS
    ) -> str:
        """A refresh token of ``user_id`` for ``client``, good once and for that many seconds."""
        token = self._random_text(120)
        self._refreshes[token] = _Refresh(client.id, user_id, self._now() + seconds)
        return token

    def _create_token(self, caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        client = self._client(members["clientId"], members["clientSecret"])
        redeem = self._grants.get(members["grantType"])
        if redeem is None:
            raise UnsupportedGrantTypeException("The grant type is not supported")
        user_id = redeem(client, members)
        access_token = self._random_text(120)
        self._tokens.accept(access_token, user_id, self._now() + self._access_token_seconds)
        return {
            "accessToken": access_token,
            "tokenType": "Bearer",
            "expiresIn": int(self._access_token_seconds),
            "refreshToken": self.issue_refresh_token(client, user_id),
        }

    def _client(self, client_id: str, secret: str) -> Client:
        client = self._clients.get(client_id)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise InvalidClientException("Invalid client provided")
        if self._now() >= client.expires_at:
            raise InvalidClientException("The client's registration has expired")
        return client

    def _redeem_refresh_token(self, client: Client, members: Mapping[str, Any]) -> str:
        token = members.get("refreshToken")
        if token is None:
            raise InvalidRequestException("Missing required parameter: refreshToken")
        refresh = self._refreshes.get(token)
        if refresh is None or refresh.client_id != client.id:
            raise InvalidGrantException("Invalid refresh token provided")
        del self._refreshes[token]  # rotation: every refresh token works once
        if self._now() >= refresh.expires_at:
            raise ExpiredTokenException("The refresh token has expired")
        return refresh.user_id

    def _random_text(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(count)).decode()


def _anybody(authorization: str | None) -> str:
    return ""
