"""Which role a profile names, and the one call that gives its keys, as botocore judges it.

The rules are those of botocore's ``AssumeRoleProvider``, ``AssumeRoleWithWebIdentityProvider`` and
``SSOProvider``. The keys may be in the AWS CLI's cache; otherwise :mod:`.rolecalls` makes the call.
Where a role needs a code of MFA, or another role before it, only botocore can make its calls.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...fast.records import NamedTuple
from ..profile import Profile
from ..regions import region_of
from .clicache import role_key, sso_key
from .quick import PARTS, keys_in
from .source import AwsKeys

_KEY, _SECRET = "aws_access_key_id", "aws_secret_access_key"
_SSO = ("sso_role_name", "sso_account_id", "sso_start_url", "sso_region")

#: The variable of each setting of a web identity. It comes before the setting.
_WEB = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_arn": "AWS_ROLE_ARN",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
}


class RoleCall(NamedTuple):
    """The call that gives the keys of a role.

    :param action: of STS, or of the portal of SSO.
    :param members: of its input, besides a token.
    :param region: whose host is called.
    :param keys: that sign the call; None: a token stands in it.
    :param token: the path of a web identity's token, or the name of an SSO login's in its cache.
    """

    action: str
    members: Mapping[str, str]
    region: str | None
    keys: AwsKeys | None = None
    token: str = ""

    def __repr__(self) -> str:
        return f"RoleCall({self.action!r})"  # an external id is private

    @property
    def is_of_sso(self) -> bool:
        """Whether the portal of SSO is called, not STS."""
        return self.action == "GetRoleCredentials"


class Role(NamedTuple):
    """A role.

    :param key: of its entry in the AWS CLI's cache.
    :param call: None if only botocore can make it.
    """

    key: str
    call: RoleCall | None


def role_of(profile: Profile, environ: Mapping[str, str], *, named: bool) -> Role | None:
    """Return the role whose keys botocore would use; None if botocore has to be asked.

    No keys of variables come before it.

    :param named: whether the option ``--profile`` named the profile. Variables do not count then.
    """
    values = profile.values or {}
    region = region_of(environ) or profile.region  # whose STS is called
    if "role_arn" in values and "web_identity_token_file" not in values:
        return _assumed(profile, values, region)
    if _WEB["web_identity_token_file"] in environ or "web_identity_token_file" in values:
        return _of_web_identity(values, environ, named, region)
    return _of_sso(profile, values)


def _assumed(profile: Profile, values: Mapping[str, str], region: str | None) -> Role | None:
    """Return a role that is assumed with the keys of another profile, or by its SSO login."""
    name = values.get("source_profile", "")
    source = profile.profiles.get(name)
    if source is None or "credential_source" in values:
        return None
    has_keys = bool(source.get(_KEY) and source.get(_SECRET))
    if not has_keys and ("role_arn" in source or _of_sso(profile, source) is None):
        return None
    keys = _static(profile, name, source) if has_keys and "mfa_serial" not in values else None
    if keys is None:
        return Role(role_key(values), None)
    members = {"RoleArn": values["role_arn"]}
    if values.get("role_session_name"):
        members["RoleSessionName"] = values["role_session_name"]
    if "external_id" in values:
        members["ExternalId"] = values["external_id"]
    try:
        members["DurationSeconds"] = str(int(values["duration_seconds"]))
    except (KeyError, ValueError):
        members.pop("DurationSeconds", None)
    return Role(role_key(values), RoleCall("AssumeRole", members, region, keys))


def _static(profile: Profile, name: str, source: Mapping[str, str]) -> AwsKeys | None:
    """Return the keys in the files of a source profile, if nothing comes before them."""
    if any(each in source for each in ("web_identity_token_file", *_SSO[:2])):
        return None
    values = profile._replace(name=name).own_keys
    if _KEY not in values:
        if "login_session" in source or "credential_process" in source:
            return None
        if not PARTS.isdisjoint(values):
            return None
        values = source
    if not (values.get(_KEY) and values.get(_SECRET)):
        return None
    return keys_in(values)


def _of_web_identity(
    values: Mapping[str, str], environ: Mapping[str, str], named: bool, region: str | None
) -> Role | None:
    given = {} if named else environ
    found = {name: given.get(variable, values.get(name)) for name, variable in _WEB.items()}
    token, role, session = found.values()
    if not token or not role:
        return None
    settings = {"role_arn": role} | ({} if session is None else {"role_session_name": session})
    members = {"RoleArn": role} | ({"RoleSessionName": session} if session else {})
    call = RoleCall("AssumeRoleWithWebIdentity", members, region, token=token)
    return Role(role_key(settings), call)


def _of_sso(profile: Profile, values: Mapping[str, str]) -> Role | None:
    """Return the role of an SSO login, or None if settings are missing."""
    session = values.get("sso_session")
    settings = dict(values)
    if session is not None:
        of_session = profile.sso_sessions.get(session)
        if of_session is None:
            return None
        if any(settings.get(name, value) != value for name, value in of_session.items()):
            return None
        settings |= of_session
    if any(name not in settings for name in _SSO):
        return None
    role, account, start_url, region = (settings[name] for name in _SSO)
    members = {"role_name": role, "account_id": account}
    token = session or start_url
    call = RoleCall("GetRoleCredentials", members, region, token=token)
    return Role(sso_key(role, account, session, start_url), call)
