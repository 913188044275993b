"""The lines of a login in the AWS configuration file: found, or added at its end.

The file is the user's, and is shared with the AWS CLI and every SDK. Nothing in it is ever
changed: what is missing is appended, and the old bytes stay in front as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...errors import ConfigError
from ...files import (
    FileProblem,
    make_directory_of,
    read_bytes,
    reason,
    replace_file,
)
from ...locks import file_lock
from ..profile import Profile, SsoSession, load_profile, parse_config

_LOCK_TIMEOUT = 5.0  # seconds; it is held for as long as a small file takes to be written

BUILDER_ID_URL = "https://view.awsapps.com/start"  # of all AWS Builder IDs; so is the region
BUILDER_ID_REGION = "us-east-1"

_START_URL = re.compile(r"https://[\x21-\x7e]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
# What needs no quotes in a section's header, whoever reads it.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.@+-]+")


def add_missing(
    name: str,
    start_url: str | None,
    region: str | None,
    scope: str,
    environ: Mapping[str, str],
) -> str:
    """Append a profile and its SSO session, as far as the file does not have them.

    :param name: of the profile.
    :param start_url: of an Identity Center, with its ``region``; ``None``: AWS Builder ID, or
        whatever the profile's session says already.
    :returns: the lines that were added, with ``\\n``; empty when nothing was missing.
    :raises ConfigError: when the file cannot be extended without harm, or says something
        else about the profile already.
    """
    session = _wanted(name, start_url, region, scope)
    profile = load_profile(name, environ)
    path = os.path.realpath(profile.config_file)  # a symlink stays one
    if not _missing(profile, session, start_url is not None):
        return ""
    shown = f"The AWS configuration file {path}"
    by_hand = f"Add the profile {name} and its sso-session by hand; the README has the lines"
    if os.path.exists(path) and not os.path.isfile(path):
        raise ConfigError(f"{shown} is not a file that can be replaced", by_hand)
    try:
        make_directory_of(path)
        with file_lock(f"{path}.lock", _LOCK_TIMEOUT):
            # Read again: another process may have added them while we waited.
            lines = _missing(load_profile(name, environ), session, start_url is not None)
            if lines:
                _append(path, lines)
            return lines
    except FileProblem as problem:
        raise ConfigError(f"{shown} {problem}", by_hand) from None
    except OSError as error:
        raise ConfigError(f"{shown} cannot be written ({reason(error)})", by_hand) from None


def _wanted(name: str, start_url: str | None, region: str | None, scope: str) -> SsoSession:
    if (start_url is None) != (region is None):
        raise ConfigError(
            "--start-url and --sso-region go together",
            "Give both, or neither for AWS Builder ID or what the profile says",
        )
    if start_url is not None and not _START_URL.fullmatch(start_url):
        raise ConfigError(
            f"The start URL {ascii(start_url)[:100]} is not an https:// URL",
            "It looks like https://d-1234567890.awsapps.com/start",
        )
    if region is not None and not _REGION.fullmatch(region):
        raise ConfigError(
            f"{ascii(region)[:40]} is not the name of a region", "One is called eu-west-1"
        )
    return SsoSession(name, start_url or BUILDER_ID_URL, region or BUILDER_ID_REGION, (scope,))


def _missing(profile: Profile, session: SsoSession, by_user: bool) -> str:
    """The lines that the file lacks.

    :param by_user: whether the user said which session it is to be.
    """
    assert profile.name is not None
    values = profile.values
    named = session.name if values is None else values.get("sso_session")
    if not named:
        raise ConfigError(
            f"The profile {profile.name} of {profile.config_file} is there, without sso_session",
            "Name another one by --profile: it will be written",
        )
    there = profile.sso_sessions.get(named)
    if there is not None and by_user:
        found = (_comparable(there.get("sso_start_url", "")), there.get("sso_region"))
        if found != (_comparable(session.start_url), session.region):
            raise ConfigError(
                f"[sso-session {named}] of {profile.config_file} is for another Identity Center",
                "Name a new profile by --profile, or leave --start-url and --sso-region out",
            )
    sections = []
    if values is None:
        header = "default" if profile.name == "default" else f"profile {profile.name}"
        sections.append(f"[{header}]\nsso_session = {named}\n")
    if there is None:
        lines = [
            f"[sso-session {named}]",
            f"sso_region = {session.region}",
            f"sso_start_url = {session.start_url}",
            f"sso_registration_scopes = {','.join(session.scopes)}",
        ]
        sections.append("\n".join([*lines, ""]))
    if sections and not all(_PLAIN_NAME.fullmatch(word) for word in (profile.name, named)):
        raise ConfigError(
            f"The name {ascii(profile.name)[:80]} is not one that can be written",
            "Take letters, digits and .-_@+ for the profile and its sso-session",
        )
    return "\n".join(sections)


def _comparable(start_url: str) -> str:
    """Return a start URL as all its spellings have it: the console shows it with ``/#`` too."""
    try:
        parts = urlsplit(start_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # no URL: only itself is the same
        return start_url
    fragment = parts.fragment.strip("/")
    usual = port in (None, 443)
    return (
        f"{parts.scheme}://{host}{'' if usual else f':{port}'}{parts.path.rstrip('/')}#{fragment}"
    )


def _append(path: str, lines: str) -> None:
    try:
        old, like = read_bytes(path), os.stat(path)
    except FileNotFoundError:
        old, like = b"", None
    added = lines
    if old.strip(b"\r\n"):
        added = f"\n{lines}" if old.endswith(b"\n") else f"\n\n{lines}"
    if b"\r\n" in old:
        added = added.replace("\n", "\r\n")
    new = old + added.encode()
    before, after = parse_config(old, path), parse_config(new, path)
    if {name: after.get(name) for name in before} != before or len(after) == len(before):
        raise FileProblem("cannot be extended without changing what it says")
    replace_file(path, new, like)
