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
from ..model import GONE, STOPPED, STOPPING, State
from .backend import NOT_CONNECTED
from .target import one_line

#: Codes of a service that denies an action to the caller, which differ from API to API.
DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation")

_QUOTE_MAX = 400  # characters of the service's own words: an ARN and an action fit


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
    if status == 409:
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


def not_running(
    subject: str, state: State, start_command: str, console: str, advice: str = ""
) -> TargetNotReady:
    """Return the error of a target that does not run, and will not by waiting.

    :param advice: the kind's own hint, where it knows one.
    """
    why = f": {quote(state.reason)}" if state.reason else ""
    hint = advice or f"Look at it in {console}"
    if state.phase in (STOPPED, STOPPING):
        hint = f"Start it with `{start_command}`"
    elif state.phase == GONE:
        hint = advice or "It cannot be used any more"
    return TargetNotReady(f"{subject} is {quote(state.status)}{why}", hint)


def said_by(refused: Refused) -> str:
    """Return the service's message, to be put behind ours; empty when there is none."""
    words = quote(refused.message)
    return f": {words}" if words else ""


def quote(text: str) -> str:
    """Return text of the service on one line, cut, without control characters."""
    text = one_line(text).rstrip(".")
    return text if len(text) <= _QUOTE_MAX else f"{text[: _QUOTE_MAX - 3]}..."
