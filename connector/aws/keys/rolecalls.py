"""AWS keys of a role by one call, without botocore: of STS, or of the portal of SSO.

Only the usual call is made here. Where a setting changes it, or the service does not answer as
usual, there are no keys: :mod:`.chain` then asks again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ...errors import ConfigError, ConnectorError
from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING, Any
from ...files import FileProblem, read_text
from ..api import CallFailed, Refused
from ..endpoint import EndpointNames, host_and_port, light_endpoint
from ..http import Response
from ..light import host_and_path, parse, plain_request, send
from ..profile import Profile
from ..regions import domain_of
from ..sigv4 import encoded, signed_headers
from ..times import epoch_of, format_time
from ..xmlapi import FORM, form_of, parse_xml
from .clicache import CliCache
from .source import AwsKeys

if TYPE_CHECKING:
    from .finder import Asked
    from .places import Role

    #: Sends a request, and returns the response.
    Ask = Callable[[bytes], Response]

#: The version of STS's API in botocore's model ``sts/2011-06-15``.
_VERSION = "2011-06-15"

_NAMES = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")

#: Seconds of the call at most: to connect, and for request and response.
_TIMEOUTS = 2.0, 4.0

#: The variable and the setting that choose another host of STS.
_HOST_VARIABLE, _HOST_SETTING = "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints"

#: The status of a refusal that would be the same for botocore: of the login, or of the caller.
_FINAL = (401, 403)

logger = Logger(__name__)


class _Unusual(Exception):
    """Only botocore can make the call. The text says why, without secrets."""


def keys_of_call(
    role: Role,
    url: str,
    asked: Asked,
    signer: AwsKeys | None,
    code: str | None,
    timeout: float,
) -> AwsKeys | None:
    """Return new keys of a role, and write them into the AWS CLI's cache; None: ask botocore.

    :param url: of the role's endpoint.
    :param asked: the search that needs them.
    :param signer: the keys that sign the call.
    :param code: of MFA.
    :param timeout: seconds that botocore needs too if the call fails: a part of them is used.
    :raises ConnectorError: when the service refuses it for good, or there is no usable login.
    """
    deadline = time.monotonic() + timeout
    # If the answer to a renewal is missed, so is the login: it gets most of the time.
    token = _token(role, asked, max(timeout / 2, timeout - 2)) if role.is_of_sso else ""
    now = asked.now()
    limits = [min(each, max(deadline - time.monotonic(), 0.1) / 4) for each in _TIMEOUTS]

    def ask(request: bytes) -> Response:
        return send(asked.connect, host_and_port(url), request, limits[0], limits[1])

    try:
        if role.is_of_sso:
            entry = _of_sso(role, url, ask, token)
        else:
            entry = _of_sts(role, url, ask, signer, code, now)
        keys = _keys(entry["Credentials"], now)
    except Refused as refused:
        if refused.status in _FINAL:
            from .errors import explain

            raise explain(refused, asked.profile) from None
        logger.info("the keys of the role are left to botocore: %s", refused)
    except (ConnectorError, CallFailed, FileProblem, OSError, _Unusual) as why:
        logger.info("the keys of the role are left to botocore: %s", why)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as why:
        logger.info("the keys of the role are left to botocore (%s)", type(why).__name__)
    else:
        CliCache()[role.key] = entry
        return keys
    return None


def _keys(found: Mapping[str, Any], now: float) -> AwsKeys:
    values = [found[name] for name in _NAMES]
    if not all(isinstance(value, str) and value for value in values):
        raise _Unusual("the answer is incomplete")
    key, secret, token, end = values
    expires_at = epoch_of(end)
    if expires_at is None or expires_at <= now:
        raise _Unusual("the new keys have expired")
    return AwsKeys(key, secret, token, expires_at)


def endpoint_of(role: Role, profile: Profile, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the host that gives a role's keys, or None if only botocore can tell it.

    :param profile: whose keys are searched. Its settings choose the host, not those of a source.
    """
    chooses = environ.get(_HOST_VARIABLE) or _HOST_SETTING in (profile.values or {})
    domain = domain_of(role.region or "")
    if not domain or (chooses and not role.is_of_sso):
        return None
    prefix, service = ("portal.sso", "SSO") if role.is_of_sso else ("sts", "STS")
    default = f"https://{prefix}.{role.region}.{domain}"
    names = EndpointNames(default, f"AWS_ENDPOINT_URL_{service}", "")
    try:
        return light_endpoint(names, None, environ, profile)
    except ConfigError:
        return None  # an address of this machine, perhaps


def _token(role: Role, asked: Asked, timeout: float) -> str:
    """Return the token of an SSO login, renewed if it expires soon.

    botocore is not asked where that fails: it would use the same refresh token once more.

    :raises ConnectorError: when there is no usable login.
    """
    from ..renewal import usable_token
    from ..sdk import ClientFactory
    from ..sso.renewal import Oidc
    from ..sso.tokens import SsoCache, Unusable

    clients = ClientFactory(asked.profile.known_name, asked.connect)
    service = Oidc(role.region or "", asked.profile, asked.environ, clients)
    try:
        return usable_token(SsoCache(role.token), service, asked.now, timeout).access_token
    except Unusable as why:
        from .errors import explain

        raise explain(why, asked.profile) from why


def _of_sso(role: Role, url: str, ask: Ask, token: str) -> dict[str, Any]:
    query = "&".join(f"{name}={encoded(value)}" for name, value in role.members.items())
    headers = {"x-amz-sso_bearer_token": token}
    host, path = host_and_path(url)
    target = f"{path.rstrip('/')}/federation/credentials?{query}"
    found = parse(ask(plain_request("GET", host, target, headers)), host)["roleCredentials"]
    credentials = {
        "AccessKeyId": found["accessKeyId"],
        "SecretAccessKey": found["secretAccessKey"],
        "SessionToken": found["sessionToken"],
        "Expiration": format_time(found["expiration"] / 1000),
        "AccountId": role.members["account_id"],
    }
    return {"ProviderType": "sso", "Credentials": credentials}


def _of_sts(
    role: Role, url: str, ask: Ask, signer: AwsKeys | None, code: str | None, now: float
) -> dict[str, Any]:
    members = {"RoleSessionName": f"botocore-session-{int(now)}", **role.members}
    if code is not None:
        members["TokenCode"] = code
    if signer is None:
        members["WebIdentityToken"] = read_text(role.token)
    body = form_of(role.action, members, _VERSION)
    headers = dict(FORM)
    host, path = host_and_path(url)
    if signer is not None:
        headers |= signed_headers(
            signer,
            method="POST",
            host=host,
            path=path,
            query="",
            headers=FORM,
            body=body,
            service="sts",
            region=role.region or "",
            now=now,
        )
    answer = parse_xml(ask(plain_request("POST", host, path, headers, body)), host, {})
    found = answer[f"{role.action}Result"]
    user = found["AssumedRoleUser"]
    account = user["Arn"].split(":")[4]
    return {"Credentials": {**found["Credentials"], "AccountId": account}, "AssumedRoleUser": user}
