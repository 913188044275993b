"""The AWS configuration, the login that it leads to, and the token."""

from __future__ import annotations

import os
import time

from ..aws.profile import sso_session
from ..aws.sso.cache import (
    SsoCache,
    Unusable,
    format_time,
)
from ..aws.sso.tokens import BearerTokens
from ..errors import ConnectorError
from ..targets.codecatalyst.api import TOKEN_VARIABLES
from ..targets.codecatalyst.service import active_profile
from . import public
from .case import Case
from .findings import Facts, Result, Status
from .words import Harmless, Words, words

_SOON = 15 * 60  # seconds


def configuration(case: Case) -> Result:
    """The file, and the profile in it that applies.

    A profile that was asked for and is not there is a mistake, also where a variable gives a token
    and no profile is needed: its endpoint and its CA are not used either.
    """
    profile = case.profile = active_profile(case.options.profile, case.environ)
    name = public.known(profile.shown_name, public.PROFILES)
    exists = profile.values is not None
    there = os.path.exists(profile.config_file)
    facts = {"file": profile.config_file, "profile": name, "exists": exists}
    text = words(
        "{file}{missing}, profile {profile} {state}",
        file=profile.config_file,
        missing=words("") if there else words(" (no such file)"),
        profile=name,
        state=words("exists") if exists else words("does not exist"),
    )
    if exists or profile.name is None:
        return Result(text, facts=facts)
    hint = words(
        "Run `{command}`, which writes it, or name another by --profile or AWS_PROFILE",
        command=profile.login_command,
    )
    return Result(text, Status.WARN, hint, facts)


def login_profile(case: Case) -> Result:
    """The sso-session of the profile; it is not needed where a token is given."""
    given = [Harmless(name) for name in TOKEN_VARIABLES if case.environ.get(name)]
    try:
        session = sso_session(case.profile)
    except ConnectorError as error:
        if given:
            text = words("Not needed: {variable} gives a token", variable=given[0])
            return Result(text, facts={"ssoSession": None})
        return Result.failed(error, {"ssoSession": None})
    name = public.known(session.name, public.SSO_SESSIONS)
    url, region = public.known(session.start_url, public.START_URLS), public.region(session.region)
    facts = {"ssoSession": name, "startUrl": url, "region": region}
    text = words("sso-session {session}, {url}, {region}", session=name, url=url, region=region)
    if given:
        text = words("{text}; not used: {variable} gives a token", text=text, variable=given[0])
    return Result(text, facts=facts)


def token(case: Case) -> Result:
    """The token as the proxy gets it: one that is about to expire is renewed."""
    token = case.token = BearerTokens(
        case.profile, case.environ, case.clients(), TOKEN_VARIABLES
    ).load()
    renewable = _renewable(case) if token.expires_at is not None else None
    origin = public.known(token.origin, TOKEN_VARIABLES)
    facts: Facts = {
        "origin": origin,
        "expiresAt": None if token.expires_at is None else Harmless(format_time(token.expires_at)),
        "renewable": renewable,
    }
    text = words("From {origin}", origin=origin)
    if token.expires_at is None:
        return Result(words("{text}, which does not say when it expires", text=text), facts=facts)
    left = token.expires_at - time.time()
    text = words("{text}, expires in {span}", text=text, span=_span(left))
    if renewable:
        return Result(words("{text}, renewed by itself", text=text), facts=facts)
    status = Status.WARN if left < _SOON else Status.OK
    text = words("{text}, cannot be renewed", text=text)
    return Result(text, status, words("Then: {remedy}", remedy=token.remedy), facts)


def _renewable(case: Case) -> bool:
    try:
        SsoCache(sso_session(case.profile).name).read().refresh_request(time.time())
    except Unusable:
        return False
    return True


def _span(seconds: float) -> Words:
    minutes = int(seconds // 60)
    if minutes < 120:
        return words("{number} min", number=minutes)
    if minutes < 48 * 60:
        return words("{number} h", number=minutes // 60)
    return words("{number} days", number=minutes // 1440)
