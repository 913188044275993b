"""SSO-OIDC: registration of clients, two kinds of login, renewal of tokens.

Source of paths, members, errors and statuses: botocore's model ``sso-oidc/2019-06-10``. A test
compares every member. ``signin.py`` has the pages on which the user decides.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..protocols.protocol import Operation, Received
from ..rest import BearerTokens, Endpoint
from ..shapes import ListOf, Structure, Text
from .grants import (
    CODE_SECONDS,
    DEVICE_SECONDS,
    Client,
    CodeGrant,
    DeviceGrant,
    ExpiredTokenException,
    InvalidClientException,
    InvalidClientMetadataException,
    InvalidGrantException,
    InvalidRedirectUriException,
    InvalidRequestException,
    RefreshGrant,
    UnauthorizedClientException,
    UnsupportedGrantTypeException,
)

REGISTER_CLIENT = Operation(
    "RegisterClient",
    "POST",
    "/client/register",
    Structure(
        {
            "clientName": Text(),
            "clientType": Text(),
            "scopes": ListOf(Text()),
            "redirectUris": ListOf(Text()),
            "grantTypes": ListOf(Text()),
            "issuerUrl": Text(),
            "entitledApplicationArn": Text(),
        },
        ("clientName", "clientType"),
    ),
)
START_DEVICE_AUTHORIZATION = Operation(
    "StartDeviceAuthorization",
    "POST",
    "/device_authorization",
    Structure(
        {"clientId": Text(), "clientSecret": Text(), "startUrl": Text()},
        ("clientId", "clientSecret", "startUrl"),
    ),
)
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

ACCESS_TOKEN_SECONDS = 3600.0  # of an AWS Builder ID
REFRESH_TOKEN_SECONDS = 90 * 86400.0  # of an AWS Builder ID
CLIENT_SECONDS = 90 * 86400.0  # what RegisterClient gives

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
#: The grants of a client that registers without a list: all that need no redirect.
_DEFAULT_GRANT_TYPES = (DEVICE_CODE, "refresh_token")
# Without vowels, so that no code is a word; without letters that look like others.
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


class OidcService:
    """The token service, as endpoints for a ``RestServer``.

    :param tokens: gets the access tokens that are issued here.
    :param now: the clock, in seconds since the epoch.
    :param random_bytes: the source of ids, secrets and tokens: returns as many bytes as it is
        asked for.
    :ivar url: the address of the pages; empty until the server listens.
    """

    def __init__(
        self,
        tokens: BearerTokens,
        now: Callable[[], float],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.url = ""
        self._tokens = tokens
        self._now = now
        self._random_bytes = random_bytes
        self._clients: dict[str, Client] = {}
        self._refreshes: dict[str, RefreshGrant] = {}
        self._codes: dict[str, CodeGrant] = {}
        self._devices: dict[str, DeviceGrant] = {}  # by device code
        # By grantType: returns the id of the user for a client and the members of its request.
        self._grants: dict[str, Callable[[Client, Mapping[str, Any]], str]] = {
            "refresh_token": self._redeem_refresh_token,
            "authorization_code": self._redeem_code,
            DEVICE_CODE: self._redeem_device_code,
        }

    def endpoints(self) -> list[Endpoint]:
        """Return all operations. None of them needs a login."""
        handlers = (
            (REGISTER_CLIENT, self._register_client),
            (START_DEVICE_AUTHORIZATION, self._start_device_authorization),
            (CREATE_TOKEN, self._create_token),
        )
        return [
            Endpoint(operation, _no_caller, handler, InvalidRequestException)
            for operation, handler in handlers
        ]

    def register_client(
        self,
        seconds: float = CLIENT_SECONDS,
        name: str = "",
        redirect_uris: tuple[str, ...] = (),
        grant_types: tuple[str, ...] = _DEFAULT_GRANT_TYPES,
    ) -> Client:
        """Register a client for this many seconds."""
        client = Client(
            self._random_text(16),
            self._random_text(96),
            self._now() + seconds,
            name,
            redirect_uris,
            grant_types,
        )
        self._clients[client.id] = client
        return client

    def issue_refresh_token(
        self, client: Client, user_id: str, seconds: float = REFRESH_TOKEN_SECONDS
    ) -> str:
        """Return a new refresh token, which is valid once and for this many seconds."""
        token = self._random_text(120)
        self._refreshes[token] = RefreshGrant(client.id, user_id, self._now() + seconds)
        return token

    def client_of_redirect(self, client_id: str, redirect_uri: str) -> Client | None:
        """Return the client if it may be redirected to this address, with any port.

        RFC 8252, section 7.3, leaves the port open.
        """
        client = self._clients.get(client_id)
        if client is None or self._now() >= client.expires_at:
            return None
        allowed = {_without_port(uri) for uri in client.redirect_uris}
        return client if _without_port(redirect_uri) in allowed else None

    def issue_code(self, client: Client, user_id: str, redirect_uri: str, challenge: str) -> str:
        """Return a new authorization code of a user for a client."""
        code = self._random_text(48)
        expires_at = self._now() + CODE_SECONDS
        self._codes[code] = CodeGrant(client.id, user_id, redirect_uri, challenge, expires_at)
        return code

    def device_grant(self, user_code: str) -> DeviceGrant | None:
        """Return the grant that waits for the user's decision, by the code that the user typed."""
        typed = user_code.strip().upper()
        for grant in self._devices.values():
            waits = grant.user_id is None and not grant.denied and self._now() < grant.expires_at
            if grant.user_code == typed and waits:
                return grant
        return None

    def _register_client(self, caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        if members["clientType"] != "public":
            raise InvalidClientMetadataException("The client type is not supported")
        grant_types = tuple(members.get("grantTypes") or _DEFAULT_GRANT_TYPES)
        if not set(grant_types) <= self._grants.keys():
            raise UnsupportedGrantTypeException("The grant type is not supported")
        redirect_uris = tuple(members.get("redirectUris") or ())
        if "authorization_code" in grant_types and not redirect_uris:
            raise InvalidRedirectUriException("A redirect URI is needed")
        if not all(_is_loopback(uri) for uri in redirect_uris):
            raise InvalidRedirectUriException("The redirect URI is not allowed")
        client = self.register_client(
            CLIENT_SECONDS, members["clientName"], redirect_uris, grant_types
        )
        return {
            "clientId": client.id,
            "clientSecret": client.secret,
            "clientIdIssuedAt": int(self._now()),
            "clientSecretExpiresAt": int(client.expires_at),
        }

    def _start_device_authorization(
        self, caller: str, members: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        client = self._client(members["clientId"], members["clientSecret"])
        _check_grant_type(client, DEVICE_CODE)
        letters = "".join(
            _USER_CODE_LETTERS[byte % len(_USER_CODE_LETTERS)] for byte in self._random_bytes(8)
        )
        grant = DeviceGrant(client, f"{letters[:4]}-{letters[4:]}", self._now() + DEVICE_SECONDS)
        device_code = self._random_text(48)
        self._devices[device_code] = grant
        return {
            "deviceCode": device_code,
            "userCode": grant.user_code,
            "verificationUri": f"{self.url}/device",
            "verificationUriComplete": f"{self.url}/device?user_code={grant.user_code}",
            "expiresIn": int(DEVICE_SECONDS),
            "interval": int(grant.interval),
        }

    def _create_token(self, caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        client = self._client(members["clientId"], members["clientSecret"])
        redeem = self._grants.get(members["grantType"])
        if redeem is None:
            raise UnsupportedGrantTypeException("The grant type is not supported")
        _check_grant_type(client, members["grantType"])
        user_id = redeem(client, members)
        access_token = self._random_text(120)
        self._tokens.accept(access_token, user_id, self._now() + ACCESS_TOKEN_SECONDS)
        return {
            "accessToken": access_token,
            "tokenType": "Bearer",
            "expiresIn": int(ACCESS_TOKEN_SECONDS),
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
        token = _required(members, "refreshToken")
        refresh = self._refreshes.get(token)
        if refresh is None or refresh.client_id != client.id:
            raise InvalidGrantException("Invalid refresh token provided")
        del self._refreshes[token]  # rotation: every refresh token works once
        if self._now() >= refresh.expires_at:
            raise ExpiredTokenException("The refresh token has expired")
        return refresh.user_id

    def _redeem_code(self, client: Client, members: Mapping[str, Any]) -> str:
        grant = self._codes.pop(_required(members, "code"), None)  # a code is valid for one attempt
        if grant is None:
            raise InvalidGrantException("Invalid authorization code provided")
        grant.check(client, members, self._now())
        return grant.user_id

    def _redeem_device_code(self, client: Client, members: Mapping[str, Any]) -> str:
        device_code = _required(members, "deviceCode")
        grant = self._devices.get(device_code)
        if grant is None:
            raise InvalidGrantException("Invalid device code provided")
        user_id = grant.poll(client, self._now())
        del self._devices[device_code]
        return user_id

    def _random_text(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(count)).decode()


def _no_caller(received: Received) -> str:
    return ""


def _required(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if value is None:
        raise InvalidRequestException(f"Missing required parameter: {name}")
    return str(value)


def _check_grant_type(client: Client, grant_type: str) -> None:
    if grant_type not in client.grant_types:
        raise UnauthorizedClientException("The client is not registered for this grant type")


def _is_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname == "127.0.0.1"


def _without_port(uri: str) -> tuple[str, str | None, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.path
