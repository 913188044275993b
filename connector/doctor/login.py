"""The AWS configuration, the login that it leads to, and the token."""

from __future__ import annotations

import os
import time

from ..aws.ssocache import SsoCache, Unusable, format_time
from ..aws.ssosession import sso_session
from ..aws.tokens import TOKEN_VARIABLES, BearerTokens
from ..errors import ConnectorError
from ..wiring.service import active_profile
from .case import Case
from .findings import Facts, Result, Status

_SOON = 15 * 60  # seconds


def configuration(case: Case) -> Result:
    """The file, and the profile in it that applies."""
    profile = case.profile = active_profile(case.options.profile, case.environ)
    name = profile.shown_name
    case.private.hide("profile", name)
    section = "exists" if profile.values is not None else "does not exist"
    missing = "" if os.path.exists(profile.config_file) else " (no such file)"
    facts = {
        "file": profile.config_file,
        "profile": name,
        "exists": profile.values is not None,
    }
    return Result(f"{profile.config_file}{missing}, profile {name} {section}", facts=facts)


def login_profile(case: Case) -> Result:
    """The sso-session of the profile; it is not needed where a token is given."""
    given = [name for name in TOKEN_VARIABLES if case.environ.get(name)]
    try:
        session = sso_session(case.profile)
    except ConnectorError as error:
        if given:
            return Result(f"Not needed: {given[0]} gives a token", facts={"ssoSession": None})
        return Result.failed(error, {"ssoSession": None})
    case.private.hide("sso-session", session.name)
    case.private.hide("start-url", session.start_url)
    facts = {"ssoSession": session.name, "startUrl": session.start_url, "region": session.region}
    text = f"sso-session {session.name}, {session.start_url}, {session.region}"
    if given:
        return Result(f"{text}; not used: {given[0]} gives a token", facts=facts)
    return Result(text, facts=facts)


def token(case: Case) -> Result:
    """The token as the proxy gets it: one that is about to expire is renewed."""
    token = case.token = BearerTokens(case.profile, case.environ, case.clients()).load()
    case.private.hide("token", token.value)
    renewable = _renewable(case) if token.expires_at is not None else None
    facts: Facts = {
        "origin": token.origin,
        "expiresAt": None if token.expires_at is None else format_time(token.expires_at),
        "renewable": renewable,
    }
    text = f"From {token.origin}"
    if token.expires_at is None:
        return Result(f"{text}, which does not say when it expires", facts=facts)
    left = token.expires_at - time.time()
    text = f"{text}, expires in {_span(left)}"
    if renewable:
        return Result(f"{text}, renewed by itself", facts=facts)
    status = Status.WARN if left < _SOON else Status.OK
    return Result(f"{text}, cannot be renewed", status, f"Then: {token.remedy}", facts)


def _renewable(case: Case) -> bool:
    try:
        SsoCache(sso_session(case.profile).name).read().refresh_request(time.time())
    except Unusable:
        return False
    return True


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
