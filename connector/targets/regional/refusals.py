"""What a refusal of a regional API means to the user: the error, its message and the hint."""

from __future__ import annotations

from ...aws.api import Refused
from ...errors import (
    AccessDenied,
    ConnectorError,
    QuotaExceeded,
    RequestRefused,
    ServiceError,
    ServiceThrottled,
    TargetNotFound,
    TargetNotReady,
)
from ..refusals import not_served, said_by
from .backend import NOT_CONNECTED

#: Codes of a service that denies an action to the caller, which differ from API to API.
DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation")

#: Codes of services that do not answer 409 where another change of the target is under way.
BUSY = ("ResourceInUse", "IncorrectInstanceState")


def explain(
    refused: Refused, what: str, service: str, listing: str = "connector list"
) -> ConnectorError:
    """Return the error of a refused call.

    :param what: was refused, as in "stop instance web".
    :param service: the service, for people.
    :param listing: the command that lists the targets that the service knows.
    """
    said = said_by(refused)
    code, status = refused.code, refused.status
    if refused.keys_error:
        return refused.keys_error
    if refused.is_unserved:
        return not_served(service)
    if code in DENIED or status == 403:
        return AccessDenied(
            f"You may not {what}{said}",
            "Ask for that permission, or choose another profile with --profile",
        )
    if code in NOT_CONNECTED:
        return TargetNotReady(
            f"Cannot {what}: its SSM agent is not connected{said}",
            "The agent may be starting: try again in a minute. Else check it, its role and network",
        )
    if is_unknown(refused):
        return TargetNotFound(
            f"Cannot {what}: {service} does not know it{said}", f"See `{listing}`"
        )
    if status == 429 and (code == "RequestLimitExceeded" or "LimitExceeded" not in code):
        return ServiceThrottled(f"{service} asks to slow down{said}", "Try again in a minute")
    if "LimitExceeded" in code or "QuotaExceeded" in code:
        return QuotaExceeded(f"Cannot {what}: a limit of the account is reached{said}")
    if status == 409 or code in BUSY:
        return TargetNotReady(
            f"Cannot {what}: it is busy with another change{said}", "Try again in a minute"
        )
    if 400 <= status < 500:
        return RequestRefused(f"{service} refuses to {what} ({code}){said}")
    return ServiceError(
        f"{service} answered with an error ({refused}){said}", "Try again in a minute"
    )


def is_unknown(refused: Refused) -> bool:
    """Return whether the service says that there is no such target."""
    code = refused.code
    return refused.status == 404 or "NotFound" in code or code == "DoesNotExistException"
