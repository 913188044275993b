"""AWS keys without botocore, where the settings leave no doubt which ones botocore would use.

These are keys in variables, keys in a profile, those of a role that one call gives or the AWS CLI's
cache still holds, those of a program, and those of the machine. The order is that of botocore's
``create_credential_resolver``. All other cases are left to :mod:`.chain`, the wrong ones too: it
has the words for them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...errors import CredentialsError
from ...fast import plain
from ..profile import Profile
from .source import AwsKeys

KEY, _SECRET = "aws_access_key_id", "aws_secret_access_key"

#: Settings that belong to an access key.
PARTS = frozenset((_SECRET, "aws_security_token", "aws_session_token"))

#: Settings that come before keys in the configuration file, and that only botocore can follow.
_BEFORE_CONFIG = ("login_session", "credential_process")

#: Settings that name a role, and the variable that does.
_OF_ROLES = ("role_arn", "web_identity_token_file", "sso_role_name", "sso_account_id")
_ROLE_VARIABLE = "AWS_WEB_IDENTITY_TOKEN_FILE"

#: Settings that come before a program.
_BEFORE_PROGRAM = (*_OF_ROLES, "login_session")

#: The settings of a profile that have nothing to do with keys. botocore may know others.
_NO_SOURCE = frozenset(
    ("region", "output", "ca_bundle", "endpoint_url", "services", "cli_pager", "cli_auto_prompt")
)

#: Variables of sources that come before the machine, besides AWS_ACCESS_KEY_ID.
_BEFORE_MACHINE = (_ROLE_VARIABLE, "AWS_CREDENTIAL_FILE", "BOTO_CONFIG")

#: Files of such a source: boto, of which botocore is the successor.
_BOTO_FILES = ("/etc/boto.cfg", "~/.boto")


def quick_keys(
    profile: Profile, environ: Mapping[str, str], *, named: bool, now: float
) -> AwsKeys | None:
    """Return the keys that botocore would use, or None if botocore has to be asked.

    :param profile: with the settings of the credentials file.
    :param named: whether the option ``--profile`` named the profile.
    :param now: seconds since the epoch.
    :raises CredentialsError: when a secret key is missing, or the keys of variables have expired.
    """
    values = profile.values
    if values is None and profile.name is not None:
        return None  # the profile does not exist
    if not named and environ.get("AWS_ACCESS_KEY_ID"):
        return _of_variables(environ, now)
    if names_role(profile, environ):
        from .clicache import cached_keys
        from .roles import role_of

        role = role_of(profile, environ, named=named)
        return None if role is None else cached_keys(role.key, now)
    if values is None:
        return None
    own = profile.own_keys
    if KEY in own:
        return _of_file(profile, own)
    if not PARTS.isdisjoint(own) or any(name in values for name in _BEFORE_CONFIG):
        return None  # botocore does not complete the keys of one file by those of the other
    return _of_file(profile, values) if KEY in values else None


def program_of(profile: Profile, environ: Mapping[str, str], *, named: bool) -> str | None:
    """Return the command of the ``credential_process`` that botocore would run, if it would.

    :func:`quick_keys` has found no keys.
    """
    values = profile.values or {}
    if "credential_process" not in values or (not named and environ.get("AWS_ACCESS_KEY_ID")):
        return None
    if _ROLE_VARIABLE in environ:
        return None
    own = profile.own_keys
    earlier = any(name in values for name in _BEFORE_PROGRAM) or KEY in own or _SECRET in own
    return None if earlier else values["credential_process"]


def is_left_to_machine(profile: Profile, environ: Mapping[str, str], *, named: bool) -> bool:
    """Return whether botocore would find keys nowhere but with the machine, its last source."""
    if profile.values is None and profile.name is not None:
        return False  # the profile does not exist
    if not named and environ.get("AWS_ACCESS_KEY_ID"):
        return False
    if any(name in environ for name in _BEFORE_MACHINE):
        return False
    if not _NO_SOURCE.issuperset(profile.values or ()):
        return False
    return not any(os.path.exists(os.path.expanduser(path)) for path in _BOTO_FILES)


def names_role(profile: Profile, environ: Mapping[str, str]) -> bool:
    """Return whether settings or variables name a role, whether they are complete or not."""
    values = profile.values or {}
    return _ROLE_VARIABLE in environ or any(name in values for name in _OF_ROLES)


def _of_variables(environ: Mapping[str, str], now: float) -> AwsKeys | None:
    key, secret = environ["AWS_ACCESS_KEY_ID"], environ.get("AWS_SECRET_ACCESS_KEY")
    if not secret:
        raise CredentialsError(
            "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not",
            "Set both, or unset AWS_ACCESS_KEY_ID to use a profile",
        )
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN") or None
    end = environ.get("AWS_CREDENTIAL_EXPIRATION")
    expires_at = plain.time(end) if end else None
    if end and expires_at is None:
        return None  # a time in another form
    if expires_at is not None and expires_at <= now:
        raise CredentialsError(
            "The AWS keys in the variables have expired (AWS_CREDENTIAL_EXPIRATION)",
            "Set new ones, or unset AWS_ACCESS_KEY_ID to use a profile",
        )
    return AwsKeys(key, secret, token, expires_at)


def _of_file(profile: Profile, values: Mapping[str, str]) -> AwsKeys:
    missing = [name for name in (KEY, _SECRET) if not values.get(name)]
    if missing:
        raise incomplete(profile, missing[0])
    return keys_in(values)


def incomplete(profile: Profile, missing: str) -> CredentialsError:
    """Return the error of a profile with a part of what gives keys.

    :param missing: the setting that it lacks. AWS's tools take no two parts from two files.
    """
    return CredentialsError(
        f"The AWS keys of the profile {profile.shown_name} are incomplete: {missing} is missing",
        "Add it beside the other settings in the same file, or run `aws configure`",
    )


def keys_in(values: Mapping[str, str]) -> AwsKeys:
    """Return the keys that the settings of a profile hold; both parts are there."""
    # The first of the two that is there counts, even if it is empty.
    token = values.get("aws_security_token", values.get("aws_session_token"))
    return AwsKeys(values[KEY], values[_SECRET], token or None)
