"""What a user reads when there are no usable AWS keys: the chain's failures and AWS's refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...errors import (
    ConfigError,
    ConnectorError,
    CredentialsError,
    InternalError,
    NoKeys,
    quoted,
)
from ..api import CallFailed, Refused
from ..profile import Profile, command_line, unknown_profile
from ..regions import has_to_be_enabled, is_known
from ..sdk import UNREADABLE
from ..signed import EXPIRED
from ..sso.tokens import Missing, Unusable
from .places import KEY, PARTS, incomplete

if TYPE_CHECKING:
    from .source import KeySource

#: Codes of the refusal of keys: of keys that AWS does not know, ...
_UNKNOWN = (
    *("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"),
    *("InvalidAccessKeyId", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
)

#: ... and of a signature that does not fit.
_UNFIT = ("InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature")

#: Codes of the refusal of a role: of STS, and of SSO.
_OF_ROLES = ("AccessDenied", "AccessDeniedException", "ForbiddenException")

#: The code of one service for keys that have expired, and also for a clock that is wrong.
_OF_KEYS_OR_CLOCK = "RequestExpired"

#: The code of the portal of SSO for a login that has ended.
_OF_LOGIN = "UnauthorizedException"

#: The command of the AWS CLI that shows whose keys it finds.
_WHO = ("sts", "get-caller-identity")

#: Variables with what belongs to an access key.
_PART_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")

#: Words of a refusal because of the time of the signature.
_OF_TIME = ("Signature expired", "Signature not yet current")


def explain(error: BaseException, profile: Profile) -> ConnectorError:
    """Return the error for users that an exception of the chain leads to.

    botocore's classes are known by their names: older versions do not have all of them. Its
    texts may quote a service's words, so only some are quoted.
    """
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, CallFailed):
        return error.error
    name = profile.shown_name
    kinds = {each.__name__ for each in type(error).__mro__}
    if "ProfileNotFound" in kinds:
        return unknown_profile(name)
    code, said = _refusal_in(error)
    source = _last_source(profile)
    if isinstance(error, Unusable):
        return _no_login(error, source)
    if kinds & {"SSOError", "TokenRetrievalError"} or code == _OF_LOGIN:
        return _no_login(error, source)
    if "LoginError" in kinds:
        return no_aws_login(Missing(), source.shown_name)
    if "PartialCredentialsError" in kinds:
        missing = getattr(error, "kwargs", {}).get("cred_var", "a part")
        return incomplete(profile, missing)
    if kinds & {"InvalidConfigError", "ConfigParseError", "NoRegionError", "EndpointProviderError"}:
        return ConfigError(
            f"The AWS configuration is not usable: {error}",
            "Check ~/.aws/config and the variables that begin with AWS_",
        )
    if _is_of_time(code, said):
        return _wrong_clock()
    if code in _OF_ROLES:
        code_too = "the code you entered, " if "mfa_serial" in (profile.values or {}) else ""
        return CredentialsError(
            f"AWS refuses the role of the profile {name} ({code})",
            f"Check {code_too}the role in the profile, and that you may assume it. "
            f"{try_it(profile)}",
        )
    if code:
        return _failed(profile, code)
    if "ParserError" in kinds:  # of dateutil
        return CredentialsError(
            f"The time when the AWS keys of the profile {name} expire is no time",
            "Fix or unset AWS_CREDENTIAL_EXPIRATION: it is such as 2030-01-31T12:00:00Z",
        )
    if "MissingDependencyException" in kinds:
        return CredentialsError(
            f"The AWS login of the profile {source.shown_name} has to be renewed, which needs the "
            "package cryptography",
            "Run `pip install cryptography` where the connector is installed",
        )
    if isinstance(error, (*UNREADABLE, RuntimeError)) or "BotoCoreError" in kinds:
        return _failed(profile, type(error).__name__)
    return InternalError.of(error)


def _no_login(error: BaseException, source: Profile) -> ConnectorError:
    """Return the error of an SSO login that gives no token. A new one helps in most cases.

    :param source: the profile whose login it is.
    """
    cause = error.__cause__
    if isinstance(cause, (CallFailed, ConfigError)):  # of the renewal
        return explain(cause, source)
    hint = f"Run `{_sso_login(source)}`"
    if isinstance(error, Unusable) and isinstance(cause, OSError):
        return CredentialsError(
            f"The SSO login has expired and cannot be renewed: {error}", error.remedy(hint)
        )
    return CredentialsError(
        f"The SSO login of the profile {source.shown_name} has expired, or there is none", hint
    )


def no_aws_login(problem: Unusable, name: str) -> ConnectorError:
    """Return the error of an ``aws login`` that gives no keys.

    :param name: of its profile.
    """
    cause = problem.__cause__
    if isinstance(cause, ConfigError):
        return cause
    if isinstance(cause, CallFailed):
        return cause.error
    again = f"Run `{command_line('aws', 'login', '--profile', name)}`"
    if isinstance(cause, Refused):
        is_busy = cause.status >= 500 or cause.status == 429
        return CredentialsError(
            f"AWS does not renew the login of the profile {name} ({cause})",
            "Try again in a minute"
            if is_busy
            else f"{again}. If that does not help, check the permission signin:CreateOAuth2Token",
        )
    if isinstance(problem, Missing):
        return CredentialsError(
            f"The AWS login of the profile {name} has expired, or there is none", again
        )
    return CredentialsError(
        f"The AWS login of the profile {name} cannot be used: {problem}", problem.remedy(again)
    )


def no_keys(profile: Profile, variables: Mapping[str, str]) -> CredentialsError:
    """Return the error of a search that has found nothing.

    A secret key or a session token alone is nothing to AWS's tools, but explains it.

    :param variables: those that may give keys.
    """
    for variable in _PART_VARIABLES:
        if variables.get(variable):
            return CredentialsError(
                f"{variable} is set, but AWS_ACCESS_KEY_ID is not",
                f"Set all that belongs to the key, or unset {variable} and use a profile",
            )
    values = profile.values or {}
    if any(values.get(part) for part in PARTS):
        return incomplete(profile, KEY)
    return NoKeys(
        f"There are no AWS keys for the profile {profile.shown_name}",
        "Run `aws configure` or `aws configure sso`, or name another profile by --profile",
    )


def _refusal_in(error: BaseException) -> tuple[str, str]:
    """Return the code and the words of a service's refusal; empty texts for other errors."""
    if isinstance(error, Refused):
        return error.code, error.message
    refused = getattr(error, "response", {}).get("Error", {})
    return str(refused.get("Code", "")), str(refused.get("Message", ""))


def no_code(profile: Profile) -> CredentialsError:
    """Return the error of a role that needs an MFA code where no user can be asked for it."""
    return CredentialsError(
        f"The role of the profile {profile.shown_name} needs an MFA code, which cannot be asked "
        "for here",
        f"{try_it(profile)} in a terminal first: the keys are kept for an hour",
    )


def _last_source(profile: Profile) -> Profile:
    """Return the profile that gives the first keys: the last one in a chain of roles."""
    visited = [profile.shown_name]
    values = profile.values or {}
    while "role_arn" in values and values.get("source_profile", visited[0]) not in visited:
        visited.append(values["source_profile"])
        values = profile.profiles.get(visited[-1], {})
    return profile if len(visited) == 1 else profile._replace(name=visited[-1])


def _failed(profile: Profile, why: str) -> CredentialsError:
    return CredentialsError(
        f"Cannot get the AWS credentials of the profile {profile.shown_name} ({quoted(why)[1:-1]})",
        try_it(profile),
    )


def try_it(profile: Profile) -> str:
    """Return the hint with a command that shows whether a profile has keys."""
    return f"Try `{_command(profile, *_WHO)}`"


def _command(profile: Profile | None, *words: str) -> str:
    """Return a command of the AWS CLI for a profile; None: for the keys in variables.

    The AWS CLI refuses ``--profile default`` where no file has that profile.
    """
    name = profile and profile.known_name
    return command_line("aws", *words, *(("--profile", name) if name else ()))


def _login(profile: Profile) -> str:
    """Return the command that renews a profile's login."""
    values = profile.values or {}
    is_of_aws_login = "login_session" in values and "sso_account_id" not in values
    return _command(profile, "login") if is_of_aws_login else _sso_login(profile)


def _sso_login(profile: Profile) -> str:
    """Return the command that renews an SSO login, of which only some have tokens of ours."""
    has_session = "sso_session" in (profile.values or {})
    return profile.login_command if has_session else _command(profile, "sso", "login")


def refusal_of_keys(refused: Refused, source: KeySource, region: str) -> ConnectorError | None:
    """Return the error of a call that failed because of its keys; None for any other refusal.

    :param source: of the keys.
    :param region: the Region that was called.
    """
    code, said = refused.code, refused.message
    whose = source.whose
    if code in EXPIRED and not (code == _OF_KEYS_OR_CLOCK and source.are_permanent):
        return _expired(source)
    if code == _OF_KEYS_OR_CLOCK or _is_of_time(code, said):
        return _wrong_clock()
    if code in _UNFIT:
        return CredentialsError(
            f"AWS refuses the signature: the secret key {whose} does not fit its access key",
            "Copy both again",
        )
    if code not in _UNKNOWN:
        return None
    shows = _command(None if source.are_of_variables else source.profile, *_WHO)
    if has_to_be_enabled(region):
        return CredentialsError(
            f"AWS does not accept the keys {whose} in {region}",
            f"Enable the Region {region} in the account, or check the keys: `{shows}`",
        )
    return CredentialsError(f"AWS does not accept the keys {whose}", f"Try `{shows}`")


def _is_of_time(code: str, said: str) -> bool:
    """Return whether a signature is refused because of its time."""
    return code == "RequestTimeTooSkewed" or (code in _UNFIT and said.startswith(_OF_TIME))


def _wrong_clock() -> CredentialsError:
    return CredentialsError(
        "AWS refuses the signature because of its time", "Check the clock of this machine"
    )


def _expired(source: KeySource) -> CredentialsError:
    login = _login(_last_source(source.profile))
    return CredentialsError(
        f"The AWS keys {source.whose} have expired",
        "Set new ones, or unset AWS_ACCESS_KEY_ID to use a profile"
        if source.are_of_variables
        else f"Get new ones: run `{login}`, or what made them",
    )


def unknown_region(failed: CallFailed, region: str, service: str) -> ConnectorError | None:
    """Return the error of a call to a Region that does not exist; None for any other failure.

    :param service: the name of the service that was called.
    """
    if "its name cannot be resolved" not in str(failed.error.message) or is_known(region):
        return None
    return ConfigError(
        f"AWS has no Region {region}, or none with {service}", "Check --region and AWS_REGION"
    )
