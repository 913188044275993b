"""The documents of ssm:StartSession: their parameters, and the sessions that they describe.

Source: AWS's documentation of Session Manager. The documents' own texts are not public; the
defaults and patterns here are those that AWS's errors and console show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...sessions import Form
from ..errors import ApiError

#: The document of a session that names none.
DEFAULT = "SSM-SessionManagerRunShell"

_PORT = (
    r"([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_LOCAL_PORT = rf"(0|{_PORT})"


class Plan(NamedTuple):
    """What a session does."""

    form: Form
    command: tuple[str, ...] = ()
    port: int | None = None


@dataclass(frozen=True)
class Parameter:
    """A parameter of a document.

    :ivar default: ``None`` for one that callers have to give.
    """

    pattern: str
    default: str | None = None


@dataclass(frozen=True)
class Document:
    """A document of a session."""

    form: Form
    parameters: Mapping[str, Parameter]


_COMMAND = {"command": Parameter(r"[\s\S]+")}

DOCUMENTS = {
    DEFAULT: Document(Form.SHELL, {}),
    "AWS-StartSSHSession": Document(Form.SSH, {"portNumber": Parameter(_PORT, "22")}),
    "AWS-StartPortForwardingSession": Document(
        Form.FORWARD,
        {"portNumber": Parameter(_PORT, "80"), "localPortNumber": Parameter(_LOCAL_PORT, "0")},
    ),
    "AWS-StartInteractiveCommand": Document(Form.LINE, _COMMAND),
    "AWS-StartNonInteractiveCommand": Document(Form.PIPED_LINE, _COMMAND),
}


def plan_of(name: str, parameters: Mapping[str, Sequence[str]]) -> Plan:
    """Return what a session of this document does.

    :raises ApiError: ``InvalidDocument`` or ``InvalidParameters``.
    """
    document = DOCUMENTS.get(name)
    if document is None:
        raise ApiError(f"Document with name {name} does not exist.", "InvalidDocument")
    for given in parameters:
        if given not in document.parameters:
            raise _invalid(f"Parameter {given} is not defined in the document {name}")
    values = {
        parameter: _value(parameter, rule, parameters.get(parameter))
        for parameter, rule in document.parameters.items()
    }
    port = values.get("portNumber")
    command = values.get("command")
    return Plan(document.form, (command,) if command else (), int(port) if port else None)


def _value(name: str, rule: Parameter, given: Sequence[str] | None) -> str:
    if given is None:
        if rule.default is None:
            raise _invalid(f"Parameter {name} is required")
        return rule.default
    if len(given) != 1:
        raise _invalid(f"Parameter {name} is of type String and needs exactly one value")
    if not re.fullmatch(rule.pattern, given[0]):
        raise _invalid(f'Parameter "{name}" has value "{given[0]}" not matching "{rule.pattern}".')
    return given[0]


def _invalid(message: str) -> ApiError:
    return ApiError(message, "InvalidParameters")
