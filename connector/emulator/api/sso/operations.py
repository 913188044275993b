"""The operations of SSO-OIDC: paths and input shapes.

Source: botocore's model ``sso-oidc/2019-06-10``; a test compares the two member by member.
"""

from __future__ import annotations

from ..codecatalyst.operations import Operation
from ..shapes import (
    ListOf,
    Structure,
    Text,
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
