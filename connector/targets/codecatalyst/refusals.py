"""What a refusal of CodeCatalyst means to the user: the error, its message and the hint.

Codes and statuses are those of the service's model (2022-09-28), where every operation lists the
same six errors. The 401 of an expired token is not in the model.
"""

from __future__ import annotations

from ...aws.api import Refused
from ...aws.sso.tokens import BearerToken
from ...errors import (
    AccessDenied,
    ConnectorError,
    CredentialsError,
    QuotaExceeded,
    RequestRefused,
    ServiceError,
    ServiceThrottled,
    TargetNotFound,
    TargetNotReady,
)
from .hosts import EnvironmentName, one_line

_QUOTE_MAX = 300  # characters of the service's own words


def explain(refused: Refused, name: EnvironmentName, token: BearerToken) -> ConnectorError:
    """Return the error of a refused call about an environment."""
    said = said_by(refused, token)
    status = refused.status
    if status == 400:
        return RequestRefused(f"CodeCatalyst refuses the request for {name}{said}")
    if status == 402:
        return QuotaExceeded(
            f"A limit of the space {name.space} is reached{said}",
            "Look at the space's billing and usage in the CodeCatalyst console",
        )
    if status == 403:
        return AccessDenied(
            f"You have no access to {name}{said}",
            f"Only its creator has. If that is you: {token.remedy}",
        )
    if refused.code == "ResourceNotFoundException":
        return TargetNotFound(f"CodeCatalyst knows no {name}{said}", _not_found_hint(name))
    if status == 409:
        return TargetNotReady(f"{name} is busy with another change{said}", "Try again in a minute")
    return explain_any(refused, token)


def explain_any(refused: Refused, token: BearerToken) -> ConnectorError:
    """Return the error of a refusal that does not depend on what was asked for."""
    said = said_by(refused, token)
    status = refused.status
    if status == 401:
        return not_accepted(refused, token)
    if status == 429:
        return ServiceThrottled(f"CodeCatalyst asks to slow down{said}", "Try again in a minute")
    return ServiceError(
        f"CodeCatalyst answered with an error ({refused}){said}", "Try again in a minute"
    )


def not_accepted(refused: Refused, token: BearerToken) -> CredentialsError:
    """Return the error of a token that the service refuses."""
    said = said_by(refused, token)
    return CredentialsError(f"CodeCatalyst does not accept the token{said}", token.remedy)


def not_running(
    name: EnvironmentName, status: str, reason: str, token: BearerToken
) -> TargetNotReady:
    """Return the error of an environment that does not run, and will not by waiting."""
    status = quote(status, token.value)
    why = f": {quote(reason, token.value)}" if reason else ""
    hint = "Look at it in the CodeCatalyst console"
    if status in ("STOPPED", "STOPPING"):
        hint = f"Start it with `{name.command('start')}`"
    elif status in ("DELETING", "DELETED"):
        hint = "It cannot be used any more"
    return TargetNotReady(f"{name} is {status}{why}", hint)


def said_by(refused: Refused, token: BearerToken) -> str:
    """Return the service's message, to be put behind ours; empty when there is none."""
    words = quote(refused.message, token.value)
    return f": {words}" if words else ""


def quote(text: str, secret: str) -> str:
    """Return text of the service on one line, cut, without control characters and the token."""
    text = one_line(text.replace(secret, "(token)")).rstrip(".")
    return text if len(text) <= _QUOTE_MAX else f"{text[: _QUOTE_MAX - 3]}..."


def _not_found_hint(name: EnvironmentName) -> str:
    hint = "Check space, project and id"
    if not any(character.isupper() for character in name.space + name.project):
        hint += "; names have capitals, and in a ProxyCommand only %n keeps them, %h does not"
    return hint
