"""Who a bearer token speaks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...aws.api import Api, CallFailed, Refused
from ...aws.sso.tokens import BearerToken
from ...errors import ConnectorError
from .refusals import explain_any, not_accepted, status_of

_CONNECT_TIMEOUT = 4.0  # seconds
_READ_TIMEOUT = 8.0


@dataclass(frozen=True)
class Identity:
    """A user of CodeCatalyst; what the service does not tell is empty."""

    id: str
    user_name: str
    display_name: str
    email: str


def identify(api: Api, token: BearerToken) -> Identity:
    """Ask the service (VerifySession, GetUserDetails).

    :raises CredentialsError: when it does not take the token.
    :raises ConnectorError: when it fails or cannot be reached.
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
    if status_of(refused) == 403:
        return not_accepted(refused, token)
    return explain_any(refused, token)
