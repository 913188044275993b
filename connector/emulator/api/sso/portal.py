"""The one operation of SSO's access portal that the emulator serves: Logout, which ends a token.

Source: botocore's model ``sso/2019-06-10``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bearer import BearerTokens
from ..errors import ApiError
from ..rest import Endpoint, Operation
from ..shapes import Structure, Text

TOKEN_HEADER = "x-amz-sso_bearer_token"

LOGOUT = Operation(
    "Logout",
    "POST",
    "/logout",
    Structure({"accessToken": Text()}, ("accessToken",)),
    headers={"accessToken": TOKEN_HEADER},
)


class InvalidRequestException(ApiError):
    """The request lacks its token."""

    status = 400


def portal_endpoints(tokens: BearerTokens) -> list[Endpoint]:
    """Return the operations. An unknown token is an UnauthorizedException.

    :param tokens: loses the token that is logged out.
    """

    def log_out(caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        token = members["accessToken"]
        tokens.authenticate(f"Bearer {token}")
        tokens.revoke(token)
        return {}

    return [Endpoint(LOGOUT, lambda authorization: "", log_out, InvalidRequestException)]
