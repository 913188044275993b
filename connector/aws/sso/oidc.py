"""SSO-OIDC (model 2019-06-10): its operations, and our registration as a client.

The registration is kept for the next login. Its file, members and rules are those of the AWS CLI
(awscli/botocore/utils.py, version 2), so that both share one registration.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ...files import FileProblem, make_directory_of, read_own_text, reason, write_private
from ..profile import SsoSession
from ..responses import Object, Shape, non_empty, number, text
from ..sdk import ClientFactory, call
from ..times import format_time
from .renewal import TOKEN
from .tokens import Unusable, cache_directory, parse_time

logger = logging.getLogger(__name__)

_LAST_SECOND = 253402300799.0  # of the year 9999, the last that Python's dates can hold
#: RFC 8628 lets the service choose both. AWS sends 600 s, and 1 s or 5 s.
_LONGEST_CODE, _LONGEST_INTERVAL = 3600.0, 60.0

#: The shapes of the responses, by the names of botocore's methods. ``logout`` is SSO's.
RESPONSES: Mapping[str, Shape] = {
    "register_client": Object(
        {
            "clientId": non_empty,
            "clientSecret": non_empty,
            "clientSecretExpiresAt": number(0, _LAST_SECOND),
        }
    ),
    "start_device_authorization": Object(
        {"deviceCode": non_empty, "userCode": non_empty},
        lenient={
            "verificationUri": text,
            "verificationUriComplete": text,
            "expiresIn": number(1, _LONGEST_CODE),
            "interval": number(1, _LONGEST_INTERVAL),
        },
    ),
    "create_token": TOKEN,
    "logout": Object(),
}

_CONNECT_TIMEOUT = 5.0  # seconds; a person waits, but not for long
_READ_TIMEOUT = 10.0

_EXPIRY_WINDOW = 15 * 60  # seconds before its end in which a registration is not used
_CODE_GRANTS = ["authorization_code", "refresh_token"]
#: Without a port: the callback listens on another one each time (RFC 8252, section 7.3).
_REDIRECT_URI = "http://127.0.0.1/oauth/callback"
_DEFAULT_SCOPE = "sso:account:access"


class Oidc:
    """A client of SSO-OIDC in one region, closed by ``with``.

    :raises ConfigError: when the AWS configuration is not usable.
    """

    def __init__(self, clients: ClientFactory, region: str) -> None:
        self._client = clients.create(
            "sso-oidc",
            RESPONSES,
            region=region,
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
        )

    def __enter__(self) -> Oidc:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    @property
    def authorize_url(self) -> str:
        """The page where a browser begins a login.

        It is not an operation of the model, but it is at the same endpoint. As in the AWS
        CLI, AWS_ENDPOINT_URL_SSO_OIDC therefore applies to it too.
        """
        return f"{self._client.meta.endpoint_url.rstrip('/')}/authorize"

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """Call an operation by the name of botocore's method.

        :raises Refused: when the service answered with an error.
        :raises CallFailed: when there was no response, or a malformed one.
        """
        return call(self._client, operation, **members)


def call_once(
    clients: ClientFactory,
    service: str,
    region: str,
    operation: str,
    members: Mapping[str, str],
    *,
    connect_timeout: float,
    read_timeout: float,
) -> dict[str, Any]:
    """Call one operation of SSO-OIDC or SSO with a client of its own.

    :param service: botocore's name of the service.
    :raises Refused, CallFailed: see :meth:`Oidc.call`.
    :raises ConfigError: when the AWS configuration is not usable.
    """
    client = clients.create(
        service,
        RESPONSES,
        region=region,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
    )
    with closing(client):
        return call(client, operation, **members)


@dataclass(frozen=True)
class Registration:
    """A registered client of SSO. ``expires_at`` is text, as files hold it."""

    client_id: str
    client_secret: str = field(repr=False)
    expires_at: str


def register(
    oidc: Oidc, session: SsoSession, *, by_code: bool, now: Callable[[], float] = time.time
) -> Registration:
    """Return the kept registration of a session, or register anew and keep that.

    :param by_code: whether it is for the authorization-code grant, else for the device-code
        grant. A registration for one grant is not used for the other.
    :param now: return the seconds since the epoch.
    :raises Refused, CallFailed: see :meth:`Oidc.call`.
    """
    path = registration_file(session)
    kept = _read(path, by_code, now())
    if kept is not None:
        return kept
    members: dict[str, Any] = {
        "clientName": f"botocore-client-{session.name}",
        "clientType": "public",
    }
    document: dict[str, Any] = {}
    if by_code:
        members["issuerUrl"] = session.start_url
        members["redirectUris"] = [_REDIRECT_URI]
        document["grantTypes"] = members["grantTypes"] = _CODE_GRANTS
    if session.scopes or by_code:
        document["scopes"] = members["scopes"] = requested_scopes(session)
    response = oidc.call("register_client", **members)
    expires_at = format_time(response["clientSecretExpiresAt"])
    registration = Registration(response["clientId"], response["clientSecret"], expires_at)
    document = {
        "clientId": registration.client_id,
        "clientSecret": registration.client_secret,
        "expiresAt": registration.expires_at,
        **document,
    }
    try:
        make_directory_of(path)
        write_private(path, json.dumps(document))
    except OSError as error:  # the next login registers again
        logger.info("The registration cannot be kept (%s)", reason(error))
    return registration


def requested_scopes(session: SsoSession) -> list[str]:
    """Return the session's scopes, or the AWS CLI's default if the session names none."""
    return list(session.scopes) or [_DEFAULT_SCOPE]


def registration_file(session: SsoSession) -> Path:
    """Return the path where the AWS CLI keeps the registration of a session."""
    key = {
        "tool": "botocore",
        "startUrl": session.start_url,
        "region": session.region,
        "scopes": list(session.scopes) or None,
        "session_name": session.name,
    }
    content = json.dumps(key, sort_keys=True).encode()
    name = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return Path(cache_directory(), f"{name}.json")


def _read(path: Path, by_code: bool, now: float) -> Registration | None:
    """Return the kept registration if it can be used."""
    try:
        document = json.loads(read_own_text(path))
    except FileNotFoundError:
        return None
    except (FileProblem, ValueError, RecursionError):
        logger.info("The kept registration cannot be read; registering anew")
        return None
    names = ("clientId", "clientSecret", "expiresAt")
    if not isinstance(document, dict) or not all(isinstance(document.get(n), str) for n in names):
        return None
    grant_types = document.get("grantTypes")
    made_by_code = isinstance(grant_types, list) and "authorization_code" in grant_types
    try:
        left = parse_time(document["expiresAt"]) - now
    except Unusable:
        return None
    if made_by_code != by_code or left < _EXPIRY_WINDOW:
        return None
    return Registration(*(document[name] for name in names))
