"""The access portal of SSO as far as the emulator needs it: Logout, which ends a token.

Source: botocore's model ``sso/2019-06-10``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..codecatalyst.bearer import BearerTokens
from ..codecatalyst.operations import Operation
from ..errors import ApiError
from ..rest import Endpoint
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
    """The operations, for a ``RestServer``; an unknown token is an UnauthorizedException."""

    def log_out(caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        token = members["accessToken"]
        tokens.authenticate(f"Bearer {token}")
        tokens.revoke(token)
        return {}

    return [Endpoint(LOGOUT, lambda authorization: "", log_out, InvalidRequestException)]
