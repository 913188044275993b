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
from ..refusals import not_served, said_by
from .hosts import EnvironmentName


def explain(refused: Refused, name: EnvironmentName, token: BearerToken) -> ConnectorError:
    """Return the error of a refused call about an environment."""
    said = said_by(refused, token.value)
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
    said = said_by(refused, token.value)
    status = refused.status
    if status == 401:
        return not_accepted(refused, token)
    if status == 429:
        return ServiceThrottled(f"CodeCatalyst asks to slow down{said}", "Try again in a minute")
    if refused.is_unserved:
        return not_served("CodeCatalyst")
    return ServiceError(
        f"CodeCatalyst answered with an error ({refused}){said}", "Try again in a minute"
    )


def not_accepted(refused: Refused, token: BearerToken) -> CredentialsError:
    """Return the error of a token that the service refuses."""
    said = said_by(refused, token.value)
    return CredentialsError(f"CodeCatalyst does not accept the token{said}", token.remedy)


def _not_found_hint(name: EnvironmentName) -> str:
    hint = "Check space, project and id"
    if not any(character.isupper() for character in name.space + name.project):
        hint += "; names have capitals, and in a ProxyCommand only %n keeps them, %h does not"
    return hint
