"""CodeCatalyst as one login at one endpoint sees it: API, login, settings and caches."""

from __future__ import annotations

from collections.abc import Mapping

from ...aws.endpoint import (
    EndpointNames,
    endpoint_is_overridden,
    given_endpoint,
    host_and_port,
    light_endpoint,
)
from ...aws.profile import Profile, load_profile
from ...errors import ConfigError
from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING
from ...transport.dial import dial_ahead
from ..registry import login_facts

if TYPE_CHECKING:
    from ...aws.api import Api
    from ...aws.sso.tokens import BearerTokens
    from ...transport.address import StreamSettings
    from ..memory import Memory
    from .names import NameCache

#: CodeCatalyst's names in AWS's settings. The default is that of botocore's
#: endpoint-rule-set-1.json, in every region. AWS's toolkits set CODECATALYST_ENDPOINT.
ENDPOINT = EndpointNames(
    default="https://codecatalyst.global.api.aws",
    variable="AWS_ENDPOINT_URL_CODECATALYST",
    tool_variable="CODECATALYST_ENDPOINT",
)

#: The login that ``connector login`` makes, and the variables that come before it.
LOGIN = login_facts()


class Service(NamedTuple):
    """CodeCatalyst, as one login at one endpoint sees it.

    :param settings: how hosts are reached.
    :param profile: the AWS profile that applies, if it exists.
    :param listed: remembers the names of the last listing.
    :param endpoint: the API's URL, or other text that tells the API from others.
    :param starts: the file that remembers how long starts take.
    """

    api: Api
    tokens: BearerTokens
    settings: StreamSettings
    profile: str | None
    listed: Memory
    endpoint: str
    starts: str

    @property
    def names(self) -> NameCache:
        """The names of the last listing."""
        from .names import NameCache  # a whole name needs none of them

        return NameCache(self.listed)


def open_service(
    profile_name: str | None, endpoint_url: str | None, environ: Mapping[str, str]
) -> Service:
    """Return the service that options and variables name.

    No call is made yet, but the connection for the first one. The modules that make the call are
    imported meanwhile.

    :param profile_name: the option ``--profile``, as ``endpoint_url`` is ``--endpoint-url``.
    :raises ConfigError: when one of them is not usable.
    """
    profile = active_profile(profile_name, environ)
    url = given_endpoint(ENDPOINT, endpoint_url, environ)
    light_url = light_endpoint(ENDPOINT, url, environ, profile)
    if light_url:
        dial_ahead(*host_and_port(light_url))

    from ...aws.sdk import ClientFactory
    from ...aws.sso.tokens import BearerTokens
    from ...aws.trust import ca_bundle
    from ...transport.address import StreamSettings
    from ...transport.trust import Trust
    from ..memory import Memory, anchor_memory, cache_file
    from .api import TOKEN_VARIABLES, light_api, sdk_api

    bundle = ca_bundle(environ, profile)
    trust = Trust(bundle, anchor_memory(environ, bundle))
    overridden = endpoint_is_overridden(ENDPOINT, endpoint_url, environ, profile)
    clients = ClientFactory(profile.known_name, trust.connect)
    api: Api = light_api(light_url, trust.connect) if light_url else sdk_api(clients, url)
    tokens = BearerTokens(profile, environ, clients, TOKEN_VARIABLES)
    # An endpoint that botocore alone can resolve is told apart by the profile.
    endpoint = light_url or url or f"that of the profile {profile.name}"
    return Service(
        api,
        tokens,
        StreamSettings(trust, overridden),
        profile.known_name,
        Memory(cache_file(environ, "names.json"), f"{tokens.origin} at {endpoint}"),
        endpoint,
        cache_file(environ, "starts.json"),
    )


def active_profile(name: str | None, environ: Mapping[str, str]) -> Profile:
    """Return the profile of this name or of the variables, else one that has a login.

    The profile that ``connector login`` writes stands in for a default profile without a login,
    so that every command works right after it.
    """
    profile = load_profile(name, environ)
    if profile.name is not None or any(map(environ.get, LOGIN.token_variables)):
        return profile
    if (profile.values or {}).get("sso_session"):
        return profile
    of_login = profile._replace(name=LOGIN.profile)  # the file is not read again
    return profile if of_login.values is None else of_login


def profile_problem(name: str | None, environ: Mapping[str, str]) -> ConfigError | None:
    """See :meth:`connector.targets.kind.Kind.profile_problem`."""
    try:
        profile = active_profile(name, environ)
    except ConfigError as error:
        return error
    return profile.missing(profile.login_command)
