"""The way to the service: its API, the login, and what was remembered of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...aws.endpoint import endpoint_is_overridden, given_endpoint, light_endpoint
from ...aws.profile import Profile, load_profile
from ...aws.sdk import ClientFactory
from ...aws.sso.tokens import BearerTokens
from ...aws.trust import ca_bundle
from ...fast.records import NamedTuple
from ...transport.address import StreamSettings
from ...transport.dial import Trust
from ..memory import Memory, cache_file
from .api import ENDPOINT, LOGIN_PROFILE, TOKEN_VARIABLES, light_api, sdk_api
from .namecache import NameCache

if TYPE_CHECKING:
    from ...aws.api import Api


class Service(NamedTuple):
    """CodeCatalyst, as one login at one endpoint sees it.

    ``profile``: the AWS profile that applies, if it is there. ``settings``: how hosts are
    reached. ``names``: the Dev Environments that were listed last. ``endpoint``: the API's URL,
    or what else tells it from others.
    """

    api: Api
    tokens: BearerTokens
    settings: StreamSettings
    profile: str | None
    names: NameCache
    endpoint: str


def open_service(
    profile_name: str | None, endpoint_url: str | None, environ: Mapping[str, str]
) -> Service:
    """The service that options and variables name. Nothing is asked yet.

    :param profile_name: the option ``--profile``, as ``endpoint_url`` is ``--endpoint-url``.
    :raises ConfigError: when one of them is not usable.
    """
    profile = active_profile(profile_name, environ)
    url = given_endpoint(ENDPOINT, endpoint_url, environ)
    bundle = ca_bundle(environ, profile)
    overridden = endpoint_is_overridden(ENDPOINT, endpoint_url, environ, profile)
    settings = StreamSettings(Trust(bundle), overridden)
    clients = ClientFactory(profile.known_name, settings.trust.connect)
    light_url = light_endpoint(ENDPOINT, url, environ, profile)
    connect = settings.trust.connect
    api: Api = light_api(light_url, connect) if light_url else sdk_api(clients, url)
    tokens = BearerTokens(profile, environ, clients, TOKEN_VARIABLES)
    # Where botocore alone knows the endpoint, it is one of the profile's.
    endpoint = light_url or url or f"that of the profile {profile.name}"
    names = NameCache(Memory(cache_file(environ, "names.json"), f"{tokens.origin} at {endpoint}"))
    return Service(api, tokens, settings, profile.known_name, names, endpoint)


def active_profile(name: str | None, environ: Mapping[str, str]) -> Profile:
    """The profile that is named; where nobody names one, what has a login.

    That of ``connector login`` stands in for a default profile that has none, so that all
    commands work right after it.
    """
    profile = load_profile(name, environ)
    if profile.name is not None or any(map(environ.get, TOKEN_VARIABLES)):
        return profile
    if (profile.values or {}).get("sso_session"):
        return profile
    of_login = profile._replace(name=LOGIN_PROFILE)  # of the file as it was read
    return profile if of_login.values is None else of_login
