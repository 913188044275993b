"""Where the keys of a profile come from, as botocore judges it.

The order is that of botocore's ``create_credential_resolver``. The rules for roles are those of its
``AssumeRoleProvider``: keys sign the call that gives a role's keys, and they come from such a place
too. Doubtful and wrong settings have no place here: :mod:`.chain` asks botocore, which has the
words for them. One thing differs. botocore runs a program, reads a login, or asks a machine, before
it looks whether the cache has the role that those keys would be used for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...errors import CredentialsError
from ...fast import plain
from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING, Any
from ...files import FileProblem, read_own_text
from ..profile import Profile
from ..regions import region_of
from .source import AwsKeys

KEY, _SECRET = "aws_access_key_id", "aws_secret_access_key"

#: Settings that belong to an access key.
PARTS = frozenset((_SECRET, "aws_security_token", "aws_session_token"))

_SSO = ("sso_role_name", "sso_account_id", "sso_start_url", "sso_region")

#: The variable of each setting of a web identity. It comes before the setting.
_WEB = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_arn": "AWS_ROLE_ARN",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
}

#: The members of a call for a role, by the settings of its profile.
_MEMBERS = {
    "role_arn": "RoleArn",
    "role_session_name": "RoleSessionName",
    "external_id": "ExternalId",
    "mfa_serial": "SerialNumber",
}

#: The settings of a profile that have nothing to do with keys. botocore may know others.
_NO_SOURCE = frozenset(
    (
        *("region", "output", "ca_bundle", "endpoint_url", "services", "s3", "sso_session"),
        *("retry_mode", "max_attempts", "cli_pager", "cli_auto_prompt", "cli_binary_format"),
        *("cli_history", "cli_timestamp_format"),
    )
)

#: Variables of sources that come before the machine.
_BEFORE_MACHINE = (_WEB["web_identity_token_file"], "AWS_CREDENTIAL_FILE")

#: The files of boto, botocore's predecessor, and the variable that replaces them. gsutil has them
#: too, mostly without any key of AWS.
_BOTO_VARIABLE, _BOTO_FILES = "BOTO_CONFIG", ("/etc/boto.cfg", "~/.boto")

#: A container's variables: a path at a known address, and a whole URL.
CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


#: Settings of EC2's metadata service. Its variables are read without botocore, these are not.
_OF_METADATA = frozenset(
    (
        *("ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode", "imds_use_ipv6"),
        *("ec2_metadata_v1_disabled", "metadata_service_timeout", "metadata_service_num_attempts"),
    )
)

#: The roles of a longest chain. STS chains any number, but Python's stack has an end.
_LONGEST = 20


class Command(NamedTuple):
    """The command of a ``credential_process``.

    :param name: of the profile that names it.
    """

    text: str
    name: str

    def __repr__(self) -> str:
        return f"Command({self.name!r})"  # it may hold secrets


class Login(NamedTuple):
    """A login of ``aws login``.

    :param session: the key of its file in the cache.
    :param name: of the profile that has it.
    """

    session: str
    name: str


class Machine(NamedTuple):
    """This machine: its container's endpoint, or EC2's metadata service."""

    is_container: bool


class Role(NamedTuple):
    """A role, whose keys one call gives.

    :param key: of its entry in the AWS CLI's cache.
    :param action: of STS, or of the portal of SSO.
    :param members: of the call's input, besides a token and a code.
    :param region: whose host is called.
    :param signer: where the keys come from that sign the call; None: a token stands in it.
    :param token: the path of a web identity's token, or the name of an SSO login's in its cache.
    """

    key: str
    action: str
    members: Mapping[str, Any]
    region: str | None
    signer: Place | None = None
    token: str = ""

    def __repr__(self) -> str:
        return f"Role({self.action!r})"  # an external id is private

    @property
    def question(self) -> str | None:
        """What the user is asked for the code of the role's MFA; None for a role without."""
        serial = self.members.get("SerialNumber")
        return None if serial is None else f"Enter MFA code for {serial}: "

    @property
    def is_of_sso(self) -> bool:
        """Whether the portal of SSO is called, not STS."""
        return self.action == "GetRoleCredentials"


if TYPE_CHECKING:
    #: Keys that are known, or where to get them.
    Place = AwsKeys | Command | Login | Machine | Role


def place_of(profile: Profile, environ: Mapping[str, str], *, named: bool) -> Place | None:
    """Return where botocore would get the keys of a profile; None if it has to be asked.

    :param profile: with the settings of the credentials file.
    :param named: whether the option ``--profile`` named the profile.
    :raises CredentialsError: when a secret key is missing.
    """
    if profile.values is None and profile.name is not None:
        return None  # the profile does not exist
    if not named and environ.get("AWS_ACCESS_KEY_ID"):
        return _of_variables(environ)
    place = _Judge(profile, environ).place(profile.shown_name, (), {} if named else environ)
    if place is None and _is_left_to_machine(profile.values or {}, environ):
        return Machine(not environ.keys().isdisjoint(CONTAINER))
    return place


def _of_variables(environ: Mapping[str, str]) -> AwsKeys | None:
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
    return AwsKeys(key, secret, token, expires_at)


def _is_left_to_machine(values: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Return whether only the machine is left: botocore's last source."""
    if any(name in environ for name in _BEFORE_MACHINE) or not _NO_SOURCE.issuperset(values):
        return False
    given = environ.get(_BOTO_VARIABLE)
    return not any(map(_may_have_keys, _BOTO_FILES if given is None else (given,)))


def _may_have_keys(boto_file: str) -> bool:
    """Return whether a file of boto has a key, or cannot be read as plain text."""
    try:
        text = read_own_text(os.path.expanduser(os.path.expandvars(boto_file)))
    except FileNotFoundError:
        return False
    except FileProblem:
        return True
    found = plain.sections(text.encode())
    return found is None or KEY in found.get("Credentials", {})


class _Judge:
    """Judges the profiles of one configuration.

    :param profile: the profile that applies. STS is called in its Region for each role.
    """

    def __init__(self, profile: Profile, environ: Mapping[str, str]) -> None:
        self._profile = profile
        self._environ = environ
        self._region = region_of(environ) or profile.region

    def place(
        self, name: str, visited: tuple[str, ...], variables: Mapping[str, str]
    ) -> Place | None:
        """Return where the keys of a profile come from, if its settings tell that.

        :param visited: the names of the profiles that lead here, each by its ``source_profile``.
        :param variables: those that come before settings.
        """
        values = self._profile.profiles.get(name, {})
        is_source_with_keys = visited and _has_keys(values)
        if _names_role(values) and not is_source_with_keys:
            return self._of_role(values, (*visited, name))
        token, role, session = (
            variables.get(variable, values.get(setting)) for setting, variable in _WEB.items()
        )
        if token:
            return self._of_web_identity(token, role, session)
        if any(setting in values for setting in _SSO[:2]):
            return self._of_sso(values)
        own = self._profile._replace(name=name).own_keys
        if KEY in own:
            return _of_file(self._profile, own, bool(visited))
        if "login_session" in values:
            return Login(values["login_session"], name)
        if "credential_process" in values:
            return Command(values["credential_process"], name)
        if KEY in values and PARTS.isdisjoint(own):
            return _of_file(self._profile, values, bool(visited))
        return None  # botocore does not complete the keys of one file by those of the other

    def _of_role(self, values: Mapping[str, str], visited: tuple[str, ...]) -> Role | None:
        source, origin = values.get("source_profile"), values.get("credential_source")
        if source is not None and origin is not None:
            return None
        signer = self._of_source(source, visited) if source else self._of_origin(origin)
        if signer is None:
            return None
        members: dict[str, Any] = {
            member: values[setting] for setting, member in _MEMBERS.items() if setting in values
        }
        seconds = _whole(values.get("duration_seconds", ""))
        if seconds is not None:
            members["DurationSeconds"] = seconds
        return self._role("AssumeRole", members, signer=signer)

    def _of_source(self, name: str, visited: tuple[str, ...]) -> Place | None:
        """Return where the keys of a source profile come from."""
        values = self._profile.profiles.get(name)
        own_source = name == visited[-1] and values is not None and _has_keys(values)
        if values is None or (name in visited and not own_source) or len(visited) > _LONGEST:
            return None
        return self.place(name, visited, {})

    def _of_origin(self, name: str | None) -> Place | None:
        """Return where keys come from that ``credential_source`` names."""
        environ = self._environ
        if name == "Environment" and environ.get("AWS_ACCESS_KEY_ID"):
            return _of_variables(environ)
        if not _OF_METADATA.isdisjoint(self._profile.values or {}):
            return None
        if name == "EcsContainer" and not environ.keys().isdisjoint(CONTAINER):
            return Machine(is_container=True)
        return Machine(is_container=False) if name == "Ec2InstanceMetadata" else None

    def _of_web_identity(self, token: str, role: str | None, session: str | None) -> Role | None:
        if not role:
            return None
        members = {"RoleArn": role} | ({} if session is None else {"RoleSessionName": session})
        return self._role("AssumeRoleWithWebIdentity", members, token=token)

    def _role(self, action: str, members: dict[str, Any], **source: Any) -> Role:
        from .clicache import role_key

        if not members.get("RoleSessionName"):
            members.pop("RoleSessionName", None)  # the call makes up a name
        return Role(role_key(members), action, members, self._region, **source)

    def _of_sso(self, values: Mapping[str, str]) -> Role | None:
        """Return the role of an SSO login, or None if settings are missing."""
        session = values.get("sso_session")
        settings = dict(values)
        if session is not None:
            of_session = self._profile.sso_sessions.get(session)
            if of_session is None or any(name not in of_session for name in _SSO[2:]):
                return None
            if any(settings.get(name, value) != value for name, value in of_session.items()):
                return None
            settings |= of_session
        if any(name not in settings for name in _SSO):
            return None
        from .clicache import sso_key

        role, account, start_url, region = (settings[name] for name in _SSO)
        members = {"role_name": role, "account_id": account}
        key = sso_key(role, account, session, start_url)
        return Role(key, "GetRoleCredentials", members, region, token=session or start_url)


def _names_role(values: Mapping[str, str]) -> bool:
    return "role_arn" in values and "web_identity_token_file" not in values


def _has_keys(values: Mapping[str, str]) -> bool:
    return KEY in values or _SECRET in values


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _of_file(profile: Profile, values: Mapping[str, str], is_source: bool) -> AwsKeys | None:
    missing = [setting for setting in (KEY, _SECRET) if not values.get(setting)]
    if missing and is_source:
        return None  # the keys of a role that is cached need no others
    if missing:
        raise incomplete(profile, missing[0])
    # The first of the two that is there counts, even if it is empty.
    token = values.get("aws_security_token", values.get("aws_session_token"))
    return AwsKeys(values[KEY], values[_SECRET], token or None)


def incomplete(profile: Profile, missing: str) -> CredentialsError:
    """Return the error of a profile with a part of what gives keys.

    :param missing: the setting that it lacks. AWS's tools take no two parts from two files.
    """
    return CredentialsError(
        f"The AWS keys of the profile {profile.shown_name} are incomplete: {missing} is missing",
        "Add it beside the other settings in the same file, or run `aws configure`",
    )
