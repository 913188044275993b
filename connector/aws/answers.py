"""What the services may answer: the members, types and ranges of each operation, in one table.

Every answer passes through :func:`read` before any other code sees it, botocore's parser
included: that trusts the types that its model names, and JSON can hold what no model has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..errors import ServiceError
from .calls import CallFailed

#: Takes a value of an answer, and returns the value to use; raises :class:`_Wrong`.
Kind = Callable[[object], Any]

_YEAR = 366 * 86400.0  # seconds
_LAST_SECOND = 253402300799.0  # of the year 9999: no date of Python is later
#: RFC 8628 lets the service choose both; it says 600 s and 1 s or 5 s.
_LONGEST_CODE, _LONGEST_INTERVAL = 3600.0, 60.0


class _Wrong(Exception):
    """The value is not of its kind; the text is the path of the member."""


def _text(value: object) -> str:
    """A text that can be encoded: JSON can escape half a character, which is replaced."""
    if not isinstance(value, str):
        raise _Wrong
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _filled(value: object) -> str:
    text = _text(value)
    if not text:
        raise _Wrong
    return text


def _number(low: float, high: float) -> Kind:
    """A number, brought into a range. True and NaN are none."""

    def kind(value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value != value:
            raise _Wrong
        return float(min(max(value, low), high))

    return kind


def _list(of: Kind) -> Kind:
    def kind(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise _Wrong
        return [of(item) for item in value]

    return kind


class _Object:
    """An object. Members that the table does not name are left out.

    :param needed: without one of them, or with one of another kind, the whole is wrong.
    :param sound: may be missing; of another kind they make the whole wrong.
    :param hints: may be missing, and count as missing when they are of another kind.
    """

    def __init__(
        self,
        needed: Mapping[str, Kind] | None = None,
        *,
        sound: Mapping[str, Kind] | None = None,
        hints: Mapping[str, Kind] | None = None,
    ) -> None:
        self._needed = needed or {}
        self._sound = sound or {}
        self._hints = hints or {}

    def __call__(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _Wrong
        found: dict[str, Any] = {}
        for name, kind in (*self._needed.items(), *self._sound.items()):
            if value.get(name) is None and name not in self._needed:
                continue
            try:
                found[name] = kind(value.get(name))
            except _Wrong as wrong:
                raise _Wrong(".".join([name, *wrong.args])) from None
        for name, kind in self._hints.items():
            with suppress(_Wrong):
                found[name] = kind(value.get(name))
        return found


def _page(item: Kind) -> _Object:
    """A page of a list. :mod:`.lists` says what is listed where ``items`` is missing."""
    return _Object(hints={"items": _list(item), "nextToken": _text})


_NAMED = _Object({"name": _text})
_STATE = _Object(
    {"status": _filled},
    hints={"statusReason": _text, "alias": _text},
)
_ENVIRONMENT = _Object(
    {"id": _filled, "status": _filled},
    hints={
        **dict.fromkeys(
            ("spaceName", "projectName", "alias", "statusReason", "instanceType", "creatorId"),
            _text,
        ),
        "inactivityTimeoutMinutes": _number(0, 1e6),
        "lastUpdatedTime": _text,
        "repositories": _list(_Object(hints={"repositoryName": _text, "branchName": _text})),
    },
)

#: The operations by the names of botocore's client, and what the connector reads of them.
_ANSWERS: dict[str, _Object] = {
    # CodeCatalyst (model 2022-09-28)
    "verify_session": _Object({"identity": _filled}),
    "get_user_details": _Object(
        hints={
            "userName": _text,
            "displayName": _text,
            "primaryEmail": _Object(hints={"email": _text}),
        }
    ),
    "get_dev_environment": _STATE,
    "start_dev_environment_session": _Object(
        {"accessDetails": _Object({"streamUrl": _filled, "tokenValue": _filled})},
        # A session whose id cannot be read could never be stopped.
        sound={"sessionId": _text},
    ),
    "stop_dev_environment_session": _Object(),
    "start_dev_environment": _Object(),
    "stop_dev_environment": _STATE,
    "list_dev_environment_sessions": _page(_Object({"id": _text}, hints={"startedTime": _text})),
    "list_spaces": _page(_NAMED),
    "list_projects": _page(_NAMED),
    "list_dev_environments": _page(_ENVIRONMENT),
    # SSO-OIDC (model 2019-06-10), and Logout of SSO
    "register_client": _Object(
        {
            "clientId": _filled,
            "clientSecret": _filled,
            "clientSecretExpiresAt": _number(0, _LAST_SECOND),
        }
    ),
    "start_device_authorization": _Object(
        {"deviceCode": _filled, "userCode": _filled},
        hints={
            "verificationUri": _text,
            "verificationUriComplete": _text,
            "expiresIn": _number(1, _LONGEST_CODE),
            "interval": _number(1, _LONGEST_INTERVAL),
        },
    ),
    # None is needed here: a new refresh token is good without the others, and the old one is not.
    "create_token": _Object(
        hints={"accessToken": _filled, "refreshToken": _filled, "expiresIn": _number(0, _YEAR)}
    ),
    "logout": _Object(),
}

OPERATIONS = tuple(_ANSWERS)


def read(operation: str, answer: object, host: str) -> dict[str, Any]:
    """Return the members of an answer that the connector uses, each of its kind.

    :param operation: by the name that botocore's client has for it.
    :param host: who answered, for the error.
    :raises CallFailed: when a member is missing or wrong that the operation is of no use without.
    """
    try:
        return _ANSWERS[operation](answer)
    except _Wrong as wrong:
        if not wrong.args:
            raise CallFailed(ServiceError(f"The answer of {host} cannot be understood")) from None
        raise CallFailed(
            ServiceError(f"The answer of {host} lacks a usable {wrong.args[0]}")
        ) from None
