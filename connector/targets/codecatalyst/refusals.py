"""What a refusal of CodeCatalyst means to the user: the error, its words and the hint.

Codes and statuses: the service's model (2022-09-28), where every operation lists the same
six errors. An expired token's 401 is not modelled.
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
from ...fast.records import NamedTuple

_QUOTE_MAX = 300  # characters of the service's own words


class Target(NamedTuple):
    """The Dev Environment that a call is about, and the AWS profile it is made with.

    ``alias``: what its owner calls it, on one line, where it was found by that; messages call it
    so, too. ``words``: the arguments by which the user named it; empty where variables did.
    """

    space: str
    project: str
    id: str
    profile: str | None
    alias: str = ""
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f"{self.alias} ({self.id})" if self.alias else self.id
        return f"Dev Environment {name} of {self.space}/{self.project}"

    @property
    def place(self) -> str:
        """Which one it is, whatever it is called."""
        return f"{self.space}/{self.project}/{self.id}"

    @property
    def start_command(self) -> str:
        """The command that starts it, with the words by which the user named it."""
        import shlex

        if self.words:
            return shlex.join(["connector", "start", *self.words])
        command = ["connector", "start"]
        command += ["--space", self.space, "--project", self.project, "--id", self.id]
        if self.profile is not None:
            command += ["--profile", self.profile]
        return shlex.join(command)


def status_of(refused: Refused) -> int:
    """Return the HTTP status that belongs to the error."""
    return refused.status


def explain(refused: Refused, target: Target, token: BearerToken) -> ConnectorError:
    """The error to raise for a refusal."""
    said = said_by(refused, token)
    status = status_of(refused)
    if status == 400:
        return RequestRefused(f"CodeCatalyst refuses the request for {target}{said}")
    if status == 402:
        return QuotaExceeded(
            f"A limit of the space {target.space} is reached{said}",
            "Look at the space's billing and usage in the CodeCatalyst console",
        )
    if status == 403:
        return AccessDenied(
            f"You have no access to {target}{said}",
            f"Only its creator has. If that is you: {token.remedy}",
        )
    if refused.code == "ResourceNotFoundException":
        return TargetNotFound(f"CodeCatalyst knows no {target}{said}", _not_found_hint(target))
    if status == 409:
        return TargetNotReady(
            f"{target} is busy with another change{said}", "Try again in a minute"
        )
    return explain_any(refused, token)


def explain_any(refused: Refused, token: BearerToken) -> ConnectorError:
    """The error for a refusal that has nothing to do with what was asked for."""
    said = said_by(refused, token)
    status = status_of(refused)
    if status == 401:
        return not_accepted(refused, token)
    if status == 429:
        return ServiceThrottled(f"CodeCatalyst asks to slow down{said}", "Try again in a minute")
    return ServiceError(
        f"CodeCatalyst answered with an error ({refused}){said}", "Try again in a minute"
    )


def not_accepted(refused: Refused, token: BearerToken) -> CredentialsError:
    """The error for a token that is of no use."""
    said = said_by(refused, token)
    return CredentialsError(f"CodeCatalyst does not accept the token{said}", token.remedy)


def not_running(target: Target, status: str, reason: str, token: BearerToken) -> TargetNotReady:
    """The error for a Dev Environment that does not run, and will not by waiting."""
    status = quote(status, token.value)
    why = f": {quote(reason, token.value)}" if reason else ""
    hint = "Look at it in the CodeCatalyst console"
    if status in ("STOPPED", "STOPPING"):
        hint = f"Start it with `{target.start_command}`"
    elif status in ("DELETING", "DELETED"):
        hint = "It cannot be used any more"
    return TargetNotReady(f"{target} is {status}{why}", hint)


def said_by(refused: Refused, token: BearerToken) -> str:
    """The service's words behind ours; empty when it has none."""
    words = quote(refused.message, token.value)
    return f": {words}" if words else ""


def quote(text: str, secret: str) -> str:
    """The service's words on one line, cut, and without control characters or the token."""
    text = one_line(text.replace(secret, "(token)")).rstrip(".")
    return text if len(text) <= _QUOTE_MAX else f"{text[: _QUOTE_MAX - 3]}..."


def one_line(text: str) -> str:
    """Text of the service's on one line, and without control characters."""
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())


def _not_found_hint(target: Target) -> str:
    hint = "Check space, project and id"
    if not any(character.isupper() for character in target.space + target.project):
        hint += "; names have capitals, and in a ProxyCommand only %n keeps them, %h does not"
    return hint
