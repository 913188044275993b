"""The user of CodeCatalyst that a bearer token speaks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...aws.api import Api, CallFailed, Refused
from ...aws.sso.tokens import BearerToken
from ...aws.times import format_time
from ...errors import ConnectorError
from ..model import Account
from .refusals import explain_any, not_accepted
from .service import Service

_CONNECT_TIMEOUT = 4.0  # seconds
_READ_TIMEOUT = 8.0


@dataclass(frozen=True)
class Identity:
    """A user of CodeCatalyst; members that the service does not tell are empty."""

    id: str
    user_name: str
    display_name: str
    email: str


def account_of(service: Service, before_call: Callable[[], None]) -> Account:
    """Return the user that the login of a service speaks for.

    :param before_call: see :meth:`connector.targets.kind.Kind.identify`.
    :raises ConnectorError: when there is no login, or the service cannot be asked.
    """
    token = service.tokens.load()
    before_call()
    user = identify(service.api, token)
    # Only a token of the profile's login says when it ends.
    profile = None if token.expires_at is None else service.profile or "default"
    known_as = "" if user.display_name == user.user_name else f" ({user.display_name})"
    return Account(
        (("user", f"{user.user_name}{known_as}"), ("email", user.email), ("id", user.id)),
        {
            "userId": user.id,
            "userName": user.user_name,
            "displayName": user.display_name,
            "email": user.email,
            "profile": profile,
            "tokenExpiresAt": None if token.expires_at is None else format_time(token.expires_at),
        },
        token.origin,
        token.expires_at,
    )


def identify(api: Api, token: BearerToken) -> Identity:
    """Ask the service (VerifySession, GetUserDetails).

    :raises CredentialsError: when the service refuses the token.
    :raises ConnectorError: when the service fails or cannot be reached.
    """
    try:
        user_id = _ask(api, "verify_session", token)["identity"]
        details = _ask(api, "get_user_details", token, id=user_id)
    except Refused as refused:
        raise _explained(refused, token) from refused
    except CallFailed as failure:
        raise failure.error from failure
    return Identity(
        user_id,
        details.get("userName", ""),
        details.get("displayName", ""),
        details.get("primaryEmail", {}).get("email", ""),
    )


def _ask(api: Api, operation: str, token: BearerToken, **members: str) -> dict[str, Any]:
    return api.call(
        operation,
        token.value,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        **members,
    )


def _explained(refused: Refused, token: BearerToken) -> ConnectorError:
    if refused.status == 403:
        return not_accepted(refused, token)
    return explain_any(refused, token)
