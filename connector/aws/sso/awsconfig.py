"""Add the profile and the SSO session of a login to the AWS configuration file.

The file belongs to the user, and the AWS CLI and every SDK read it. So nothing in it is changed:
missing sections are appended after the old bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...errors import ConfigError
from ...files import (
    FileProblem,
    file_lock,
    make_directory_of,
    read_bytes,
    reason,
    replace_file,
)
from ..profile import Profile, SsoSession, load_profile, parse_config

_LOCK_TIMEOUT = 5.0  # seconds; the lock is held while a small file is written

#: Start URL and region of every AWS Builder ID.
BUILDER_ID_URL = "https://view.awsapps.com/start"
BUILDER_ID_REGION = "us-east-1"

_START_URL = re.compile(r"https://[\x21-\x7e]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
#: A name that needs no quotes in a section's header, for any parser.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.@+-]+")


def add_missing(
    name: str,
    start_url: str | None,
    region: str | None,
    scope: str,
    environ: Mapping[str, str],
) -> str:
    """Append a profile and its SSO session if the file lacks them.

    :param name: the name of the profile.
    :param start_url: the start URL of an Identity Center in ``region``. If both are None, the
        session in the file applies, or AWS Builder ID for a new one.
    :param scope: the scope that a new session asks for.
    :returns: the added lines, which end in ``\\n``; empty if nothing was missing.
    :raises ConfigError: when the file cannot be extended safely, or the profile in it
        contradicts the arguments.
    """
    session = _wanted(name, start_url, region, scope)
    profile = load_profile(name, environ)
    path = os.path.realpath(profile.config_file)  # keep a symlink
    if not _missing(profile, session, start_url is not None):
        return ""
    shown = f"The AWS configuration file {path}"
    by_hand = f"Add the profile {name} and its sso-session by hand"
    if os.path.exists(path) and not os.path.isfile(path):
        raise ConfigError(f"{shown} is not a regular file", by_hand)
    try:
        make_directory_of(path)
        with file_lock(f"{path}.lock", _LOCK_TIMEOUT):
            # Another process may have added them while we waited for the lock.
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
            "Give both; or neither, for AWS Builder ID or the profile's own session",
        )
    if start_url is not None and not _START_URL.fullmatch(start_url):
        raise ConfigError(
            f"The start URL {ascii(start_url)[:100]} is not an https:// URL",
            "It looks like https://d-1234567890.awsapps.com/start",
        )
    if region is not None and not _REGION.fullmatch(region):
        raise ConfigError(
            f"{ascii(region)[:40]} is not the name of a region", "Give one such as eu-west-1"
        )
    return SsoSession(name, start_url or BUILDER_ID_URL, region or BUILDER_ID_REGION, (scope,))


def _missing(profile: Profile, session: SsoSession, by_user: bool) -> str:
    """Return the lines that the file lacks.

    :param by_user: whether the user gave the start URL of the session.
    """
    assert profile.name is not None
    values = profile.values
    named = session.name if values is None else values.get("sso_session")
    if not named:
        raise ConfigError(
            f"The profile {profile.name} of {profile.config_file} exists but has no sso_session",
            "Choose a new name with --profile: it will be created",
        )
    there = profile.sso_sessions.get(named)
    if there is not None and by_user:
        found = (_comparable(there.get("sso_start_url", "")), there.get("sso_region"))
        if found != (_comparable(session.start_url), session.region):
            raise ConfigError(
                f"[sso-session {named}] of {profile.config_file} is for another Identity Center",
                "Choose a new name with --profile, or leave out --start-url and --sso-region",
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
            f"The name {ascii(profile.name)[:80]} cannot be written to the file",
            "Use letters, digits and .-_@+ in the names of profile and sso-session",
        )
    return "\n".join(sections)


def _comparable(start_url: str) -> str:
    """Return a canonical form of a start URL, which the console also shows with ``/#``."""
    try:
        parts = urlsplit(start_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # not a URL, so only equal to itself
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
        raise FileProblem("cannot be extended without changing its settings")
    replace_file(path, new, like)
