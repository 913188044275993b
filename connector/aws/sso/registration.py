"""The registration of this program as a client of SSO, kept for the next login.

Key, members and rules are those of the AWS CLI (awscli/botocore/utils.py, version 2), so
that it and we share one registration.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...files import (
    FileProblem,
    make_directory_of,
    read_own_text,
    reason,
    write_private,
)
from .cache import (
    Unusable,
    cache_directory,
    format_time,
    parse_time,
)
from .oidc import Oidc
from .session import SsoSession

logger = logging.getLogger(__name__)

_EXPIRY_WINDOW = 15 * 60  # seconds before its end from which on a registration is not used
_CODE_GRANTS = ["authorization_code", "refresh_token"]
#: Without a port: that of the callback is another one each time (RFC 8252, section 7.3).
_REDIRECT_URI = "http://127.0.0.1/oauth/callback"
_DEFAULT_SCOPE = "sso:account:access"


@dataclass(frozen=True)
class Registration:
    """A client of SSO; ``expires_at`` as it is written in files."""

    client_id: str
    client_secret: str = field(repr=False)
    expires_at: str


def register(
    oidc: Oidc, session: SsoSession, *, by_code: bool, now: Callable[[], float] = time.time
) -> Registration:
    """The registration for a session: the one that is kept, or a new one.

    :param by_code: for the authorization code flow, else for that of a device code. One
        made for the one is not used for the other.
    :param now: seconds since the epoch.
    :raises Refused, CallFailed: see ``Oidc.call``.
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
    answer = oidc.call("register_client", **members)
    expires_at = format_time(answer["clientSecretExpiresAt"])
    registration = Registration(answer["clientId"], answer["clientSecret"], expires_at)
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
    """Those of the session, or what the AWS CLI asks for where it names none."""
    return list(session.scopes) or [_DEFAULT_SCOPE]


def registration_file(session: SsoSession) -> Path:
    """Where the AWS CLI keeps the registration of a session."""
    key = {
        "tool": "botocore",
        "startUrl": session.start_url,
        "region": session.region,
        "scopes": list(session.scopes) or None,
        "session_name": session.name,
    }
    text = json.dumps(key, sort_keys=True).encode()
    name = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return Path(cache_directory(), f"{name}.json")


def _read(path: Path, by_code: bool, now: float) -> Registration | None:
    """What is kept, if it is of use."""
    try:
        document = json.loads(read_own_text(path))
    except FileNotFoundError:
        return None
    except (FileProblem, ValueError, RecursionError):
        logger.info("The kept registration cannot be read: a new one is made")
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
