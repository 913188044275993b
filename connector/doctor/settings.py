"""The AWS configuration file and the API's endpoint, as reports show them."""

from __future__ import annotations

import os
from collections.abc import Collection
from urllib.parse import urlsplit

from ..aws.profile import Profile
from . import public
from .case import Case
from .findings import Result, Status
from .words import Words, words


def configuration(profile: Profile, known: Collection[str], remedy: Words) -> Result:
    """Return whether the profile that applies exists, and in which file it is looked for.

    :param known: names of profiles that a report may show because many users have them.
    :param remedy: for a named profile that does not exist.
    """
    name = public.known(profile.shown_name, known)
    exists = profile.values is not None
    there = os.path.exists(profile.config_file)
    facts = {"file": profile.shown_file, "profile": name, "exists": exists}
    text = words(
        "{file}{missing}, profile {profile} {state}",
        file=profile.shown_file,
        missing=words("") if there else words(" (no such file)"),
        profile=name,
        state=words("exists") if exists else words("does not exist"),
    )
    if exists or profile.name is None:
        return Result(text, facts=facts)
    return Result(text, Status.WARN, remedy, facts)


def endpoint(case: Case, url: str | None) -> Result:
    """Return the URL of the API that starts sessions, and have the way to it checked.

    :param url: None if only botocore can tell it.
    """
    if not url:
        text = words("Chosen by botocore: some of its settings are unknown to the connector")
        return Result(text, facts={"url": None, "overridden": True})
    parts = urlsplit(url)
    case.ways.add("api", parts.hostname or "", parts.port or 443)
    overridden = case.settings.endpoint_overridden
    shown = url if overridden else public.api_url(url)
    whose = words(", an endpoint of your own") if overridden else words("")
    text = words("{url}{whose}", url=shown, whose=whose)
    return Result(text, facts={"url": shown, "overridden": overridden})
