"""Add the profile and the SSO session of a login to the AWS configuration file.

The file belongs to the user, and the AWS CLI and every SDK read it. So nothing in it is changed:
missing sections are appended after the old bytes, and only when the login has succeeded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

from ...errors import ConfigError
from ...files import (
    FileProblem,
    check_writable,
    file_lock,
    make_directory_of,
    read_bytes,
    reason,
    replace_file,
)
from ..profile import Profile, SsoSession, load_profile, parse_config, with_lines

_LOCK_TIMEOUT = 5.0  # seconds; the lock is held while a small file is written

#: Start URL and region of every AWS Builder ID.
BUILDER_ID_URL = "https://view.awsapps.com/start"
BUILDER_ID_REGION = "us-east-1"

_START_URL = re.compile(r"https://[\x21-\x7e]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
#: A name that needs no quotes in a section's header, for any parser.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.@+-]+")


class LoginProfile:
    """The profile of a login, and its SSO session.

    :param name: the name of the profile.
    :param start_url: the start URL of an Identity Center in ``region``. If both are None, the
        session in the file applies, or AWS Builder ID for a new one.
    :param scope: the scope that a new session asks for.
    :ivar profile: the profile with the lines that its file lacks.
    :raises ConfigError: when the file cannot be extended safely, or the profile in it
        contradicts the arguments. The user has not logged in in vain.
    """

    def __init__(
        self,
        name: str,
        start_url: str | None,
        region: str | None,
        scope: str,
        environ: Mapping[str, str],
    ) -> None:
        self._session = _wanted(name, start_url, region, scope)
        self._by_user = start_url is not None
        self._name = name
        self._environ = environ
        there = load_profile(name, environ)
        self._path = os.path.realpath(there.config_file)  # keep a symlink
        lines = self._missing(there)
        if lines and not there.config_file:
            raise ConfigError(
                f"AWS_CONFIG_FILE is empty, so there is no file for the profile {name}",
                "Unset it, or let it name a file",
            )
        if lines:
            with self._explained():
                make_directory_of(self._path)
                check_writable(self._path)
                with self._locked():  # another login may add them between two readings
                    there = load_profile(name, environ)
                    lines = self._missing(there)
                    if lines:
                        _extended(self._path, lines)
        self.profile = with_lines(there, lines)

    def add_missing(self) -> str:
        """Append the profile and its SSO session to the file if it lacks them.

        :returns: the added lines, which end in ``\\n``; empty if nothing was missing.
        :raises ConfigError: when the file cannot be extended.
        """
        if not self._missing(load_profile(self._name, self._environ)):
            return ""
        with self._explained(), self._locked():
            # Another process may have added them while we waited for the lock.
            lines = self._missing(load_profile(self._name, self._environ))
            if lines:
                new, like = _extended(self._path, lines)
                replace_file(self._path, new, like)
            return lines

    def _locked(self) -> AbstractContextManager[None]:
        return file_lock(f"{self._path}.lock", _LOCK_TIMEOUT)

    def _missing(self, profile: Profile) -> str:
        return _missing(profile, self._session, self._by_user)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise ConfigError when the file cannot be extended."""
        shown = f"The AWS configuration file {self._path}"
        by_hand = f"Add the profile {self._name} and its sso-session by hand"
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            raise ConfigError(f"{shown} is not a regular file", by_hand)
        try:
            yield
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
            f"The profile {profile.name} of {profile.shown_file} exists but has no sso_session",
            "Choose a new name with --profile: it will be created",
        )
    there = profile.sso_sessions.get(named)
    if there is not None and by_user:
        found = (_comparable(there.get("sso_start_url", "")), there.get("sso_region"))
        if found != (_comparable(session.start_url), session.region):
            raise ConfigError(
                f"[sso-session {named}] of {profile.shown_file} is for another Identity Center",
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


def _extended(path: str, lines: str) -> tuple[bytes, os.stat_result | None]:
    """Return the content of a file with further lines, and its status if it exists."""
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
    return new, like
