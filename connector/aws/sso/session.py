"""The SSO session of a profile: where its tokens come from."""

from __future__ import annotations

from ...errors import ConfigError, CredentialsError
from ...fast.records import NamedTuple
from ..settings import Profile


class SsoSession(NamedTuple):
    """An ``[sso-session]`` of the configuration; ``scopes`` are empty when it names none."""

    name: str
    start_url: str
    region: str
    scopes: tuple[str, ...]


def sso_session(profile: Profile) -> SsoSession:
    """The session that a profile names.

    :raises CredentialsError: when there is no profile to ask, or it has no session.
    :raises ConfigError: when profile or session are not what they were said to be.
    """
    shown = f"The profile {profile.shown_name} of {profile.config_file}"
    writes = f"Run `{profile.login_command}`, which writes it"
    another = "or name another profile by --profile"
    if profile.values is None:
        if profile.name is not None:
            raise ConfigError(f"{shown} does not exist", f"{writes}, {another}")
        raise CredentialsError(
            f"There is no bearer token, and no default profile in "
            f"{profile.config_file} to take one from",
            f"Run `{profile.login_command}`",
        )
    name = profile.values.get("sso_session")
    if not name:
        why = "has no sso_session"
        if "sso_start_url" in profile.values:  # the form before 2022, which has no tokens
            why = "has sso_start_url of its own, where it should have sso_session"
        raise CredentialsError(
            f"{shown} {why}: it gives no bearer token",
            f"Run `connector login --profile NAME` with a new name, {another}",
        )
    section = profile.sso_sessions.get(name)
    if section is None:
        raise ConfigError(f"{shown} names [sso-session {name}], which does not exist", writes)
    for setting in ("sso_region", "sso_start_url"):
        if not section.get(setting):
            raise ConfigError(
                f"[sso-session {name}] of {profile.config_file} lacks {setting}",
                f"Add it. Run `connector login --profile NAME` with a new name, {another}",
            )
    scopes = section.get("sso_registration_scopes", "").split(",")  # as the AWS CLI reads them
    return SsoSession(
        name,
        section["sso_start_url"],
        section["sso_region"],
        tuple(filter(None, (scope.strip() for scope in scopes))),
    )
