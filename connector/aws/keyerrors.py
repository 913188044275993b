"""What a user reads when there are no usable AWS keys: the chain's failures and AWS's refusals."""

from __future__ import annotations

from ..errors import ConfigError, ConnectorError, CredentialsError, InternalError, quoted
from .api import CallFailed, Refused
from .profile import Profile
from .program import failed as failed_program
from .regions import has_to_be_enabled, is_known
from .sdk import UNREADABLE
from .signed import EXPIRED

#: Codes of the refusal of keys: of keys that AWS does not know, ...
_UNKNOWN = (
    *("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"),
    *("InvalidAccessKeyId", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
)

#: ... and of a signature that does not fit.
_UNFIT = ("InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature")

#: Words of a refusal because of the time of the signature.
_OF_TIME = ("Signature expired", "Signature not yet current")


class NoCode(Exception):
    """A role needs an MFA code, and no user can be asked for it."""


def explain(error: BaseException, profile: Profile, ran_program: bool) -> ConnectorError:
    """Return the error for users that an exception of the chain leads to.

    botocore's classes are known by their names: older versions do not have all of them. Its
    texts may quote a program's output or a service's words, so only some are quoted.

    :param ran_program: whether a program of ``credential_process`` was started last.
    """
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, CallFailed):
        return error.error
    name = profile.shown_name
    kinds = {each.__name__ for each in type(error).__mro__}
    if isinstance(error, NoCode):
        return CredentialsError(
            f"The role of the profile {name} needs an MFA code, which cannot be asked for here",
            f"{try_it(name)} in a terminal first: the keys are kept for an hour",
        )
    if "ProfileNotFound" in kinds:
        return ConfigError(f"There is no AWS profile {name}", "Check --profile and ~/.aws/config")
    if kinds & {"SSOError", "TokenRetrievalError"}:
        return CredentialsError(
            f"The SSO login of the profile {name} has expired, or there is none",
            f"Run `aws sso login --profile {name}`",
        )
    if "LoginError" in kinds:
        return CredentialsError(
            f"The AWS login of the profile {name} has expired, or there is none",
            f"Run `aws login --profile {name}`",
        )
    if "PartialCredentialsError" in kinds:
        missing = getattr(error, "kwargs", {}).get("cred_var", "a part")
        return CredentialsError(
            f"The AWS keys of the profile {name} are incomplete: {missing} is missing",
            "Add it to the profile, or run `aws configure`",
        )
    if kinds & {"InvalidConfigError", "ConfigParseError", "NoRegionError", "EndpointProviderError"}:
        return ConfigError(
            f"The AWS configuration is not usable: {error}",
            "Check ~/.aws/config and the variables that begin with AWS_",
        )
    if "ClientError" in kinds:
        return _failed(name, str(getattr(error, "response", {}).get("Error", {}).get("Code", "")))
    failed = isinstance(error, (*UNREADABLE, RuntimeError))
    if ran_program and (failed or "CredentialRetrievalError" in kinds):
        return failed_program(name, type(error).__name__)
    if failed or "BotoCoreError" in kinds:
        return _failed(name, type(error).__name__)
    return InternalError.of(error)


def _failed(name: str, why: str) -> CredentialsError:
    return CredentialsError(
        f"Cannot get the AWS credentials of the profile {name} ({quoted(why)[1:-1]})", try_it(name)
    )


def try_it(name: str) -> str:
    """Return the hint with a command that shows whether a profile has keys."""
    return f"Try `aws sts get-caller-identity --profile {name}`"


def refusal_of_keys(refused: Refused, name: str, region: str) -> ConnectorError | None:
    """Return the error of a call that failed because of its keys; None for any other refusal.

    :param name: of the profile, for messages.
    :param region: the Region that was called.
    """
    code, said = refused.code, refused.message
    if code in EXPIRED:
        return CredentialsError(
            f"The AWS keys of the profile {name} have expired",
            f"Get new ones: run `aws sso login --profile {name}`, or what made them",
        )
    if code == "RequestTimeTooSkewed" or (code in _UNFIT and said.startswith(_OF_TIME)):
        return CredentialsError(
            "AWS refuses the signature because of its time", "Check the clock of this machine"
        )
    if code in _UNFIT:
        return CredentialsError(
            f"AWS refuses the signature: the secret key of the profile {name} does not fit its "
            "access key",
            "Copy both again",
        )
    if code in _UNKNOWN and has_to_be_enabled(region):
        return CredentialsError(
            f"AWS does not accept the keys of the profile {name} in {region}",
            f"Enable the Region {region} in the account, or check the keys: "
            f"`aws sts get-caller-identity --profile {name}`",
        )
    if code in _UNKNOWN:
        return CredentialsError(f"AWS does not accept the keys of the profile {name}", try_it(name))
    return None


def unknown_region(failed: CallFailed, region: str, service: str) -> ConnectorError | None:
    """Return the error of a call to a Region that does not exist; None for any other failure.

    :param service: the name of the service that was called.
    """
    if "its name cannot be resolved" not in str(failed.error.message) or is_known(region):
        return None
    return ConfigError(
        f"AWS has no Region {region}, or none with {service}", "Check --region and AWS_REGION"
    )
