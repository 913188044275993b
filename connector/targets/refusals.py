"""What services say of their targets, in messages for users."""

from __future__ import annotations

from ..aws.api import Refused
from ..errors import ServiceMissing, TargetNotReady, one_line
from .model import GONE, STOPPED, STOPPING, State

_QUOTE_MAX = 400  # characters of the service's own words: an ARN and an action fit


def not_running(
    subject: str,
    state: State,
    start_command: str,
    console: str,
    *,
    advice: str = "",
    secret: str = "",
) -> TargetNotReady:
    """Return the error of a target that does not run, and will not by waiting.

    :param advice: the kind's own hint, where it knows one.
    :param secret: as of :func:`quote`.
    """
    why = f": {quote(state.reason, secret)}" if state.reason else ""
    hint = advice or f"Look at it in {console}"
    if state.phase in (STOPPED, STOPPING):
        hint = f"Start it with `{start_command}`"
    elif state.phase == GONE:
        hint = advice or "It cannot be used any more"
    return TargetNotReady(f"{subject} is {quote(state.status, secret)}{why}", hint)


def not_served(service: str) -> ServiceMissing:
    """Return the error of an endpoint that has no operations of this service."""
    return ServiceMissing(
        f"The endpoint in use does not serve {service}",
        "Check --endpoint-url and AWS_ENDPOINT_URL",
    )


def said_by(refused: Refused, secret: str = "") -> str:
    """Return the service's message, to be put behind ours; empty when there is none."""
    words = quote(refused.message, secret)
    return f": {words}" if words else ""


def quote(text: str, secret: str = "") -> str:
    """Return text of the service on one line, cut, without control characters.

    :param secret: a token that the text must not repeat.
    """
    shown = text.replace(secret, "(token)") if secret else text
    shown = one_line(shown).rstrip(".")
    return shown if len(shown) <= _QUOTE_MAX else f"{shown[: _QUOTE_MAX - 3]}..."
