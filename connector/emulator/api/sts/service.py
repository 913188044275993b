"""sts:GetCallerIdentity and sts:AssumeRole.

Source of names and shapes: botocore's model ``sts/2011-06-15``.
"""

from __future__ import annotations

from ..account import Account, Role
from ..errors import ApiError
from ..protocols.protocol import Answer, Instant
from ..protocols.query import Query
from ..rest import Endpoint
from ..shapes import Structure, Text, Whole
from ..signed import STS, Call, SignedApi

VERSION = "2011-06-15"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

ASSUME_ROLE = Structure(
    {
        "RoleArn": Text(20, 2048),
        "RoleSessionName": Text(2, 64, r"[\w+=,.@-]*"),
        "DurationSeconds": Whole(900, 43200),
        "ExternalId": Text(2, 1224, r"[\w+=,.@:\/-]*"),
        "SerialNumber": Text(9, 256, r"[\w+=/:,.@-]*"),
        "TokenCode": Text(6, 6, r"[\d]*"),
    },
    ("RoleArn", "RoleSessionName"),
)

#: The duration of a role's session when the request names none, in seconds.
DURATION = 3600


class SecurityTokenService:
    """The operations, as endpoints for a ``RestServer``."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        api = SignedApi(self._account, "sts", protocols=(Query(VERSION, NAMESPACE),), dialect=STS)
        return [
            # No policy can deny this one.
            api.endpoint("GetCallerIdentity", Structure(), self._identity, resources=_none),
            api.endpoint("AssumeRole", ASSUME_ROLE, self._assume, resources=_role_arn),
        ]

    def _identity(self, call: Call) -> Answer:
        caller = call.caller
        return {"Arn": caller.arn, "UserId": caller.user_id, "Account": self._account.id}

    def _assume(self, call: Call) -> Answer:
        role = self._account.roles.get(call["RoleArn"])
        if role is None or not _trusts(role, call):
            sentence = f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole"
            raise ApiError(f"{sentence} on resource: {call['RoleArn']}", "AccessDenied", 403)
        if role.mfa_code and call.get("TokenCode") != role.mfa_code:
            raise ApiError(
                "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
                "AccessDenied",
                403,
            )
        seconds = call.get("DurationSeconds") or DURATION
        key = self._account.add_role_key(role, call["RoleSessionName"], seconds)
        return {
            "Credentials": {
                "AccessKeyId": key.id,
                "SecretAccessKey": key.secret,
                "SessionToken": key.token,
                "Expiration": Instant(key.expires_at or 0),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": key.identity.user_id,
                "Arn": key.identity.arn,
            },
        }


def _none(call: Call) -> list[str]:
    return []


def _role_arn(call: Call) -> list[str]:
    return [call["RoleArn"]]


def _trusts(role: Role, call: Call) -> bool:
    """Return whether a call meets the conditions of a role's trust policy, but for the code."""
    device = not role.mfa_serial or (
        call.get("SerialNumber") == role.mfa_serial and call.get("TokenCode") is not None
    )
    return device and (not role.external_id or call.get("ExternalId") == role.external_id)
