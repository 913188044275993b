"""The AWS identity that a profile's keys speak for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...aws.api import CallFailed, Refused
from ...aws.cloud import Cloud, open_cloud
from ...aws.profile import load_profile, with_credentials
from ...aws.responses import Object, non_empty
from ...aws.services import Service, SignedOperation
from ...aws.times import format_time
from ...errors import ConfigError
from ...fast.records import NamedTuple
from ..memory import anchor_memory
from ..model import Account, Query
from .place import ANY_REGION
from .refusals import explain

_TIMEOUT = 10.0  # seconds

STS = Service(
    "sts",
    "sts",
    "",
    {
        "get_caller_identity": SignedOperation(
            "GetCallerIdentity",
            Object({"Account": non_empty, "Arn": non_empty, "UserId": non_empty}),
        )
    },
)


class Identity(NamedTuple):
    """Whom AWS takes a caller for."""

    account: str
    arn: str
    user_id: str


def account_of(
    query: Query, environ: Mapping[str, str], before_call: Callable[[], None]
) -> Account:
    """Return the identity of a query's profile; see ``Kind.identify``."""
    cloud = open_cloud(query.profile, query.endpoint_url, environ, anchor_memory)
    keys = cloud.keys.load(_TIMEOUT)
    before_call()
    found = identify(cloud, cloud.region or ANY_REGION, _TIMEOUT)
    expires_at = keys.expires_at
    profile = None if cloud.keys.are_of_variables else cloud.profile
    origin = "AWS_ACCESS_KEY_ID" if cloud.keys.are_of_variables else "this machine"
    return Account(
        (("account", found.account), ("arn", found.arn), ("id", found.user_id)),
        {
            "account": found.account,
            "arn": found.arn,
            "userId": found.user_id,
            "profile": profile,
            "keysExpireAt": None if expires_at is None else format_time(expires_at),
        },
        f"the profile {profile}" if profile else origin,
        expires_at,
        "keys",
    )


def identify(cloud: Cloud, region: str, timeout: float) -> Identity:
    """Ask sts:GetCallerIdentity, which needs no permission.

    :raises ConnectorError: when the keys are refused, or the service cannot be asked.
    """
    try:
        answer = cloud.api(STS, region).call("get_caller_identity", timeout=timeout)
    except Refused as refused:
        raise explain(refused, "tell whose keys these are", "AWS STS") from refused
    except CallFailed as failure:
        raise failure.error from failure
    return Identity(answer["Account"], answer["Arn"], answer["UserId"])


def profile_problem(query: Query, environ: Mapping[str, str]) -> ConfigError | None:
    """See :meth:`connector.targets.kind.Kind.profile_problem`."""
    try:
        profile = with_credentials(load_profile(query.profile, environ), environ)
    except ConfigError as error:
        return error
    return profile.missing(profile.keys_command)
