"""The signed APIs of all Regions, as one profile has access to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..fast.typed import TYPE_CHECKING, Any
from ..transport.address import StreamSettings
from ..transport.dial import dial_ahead
from ..transport.trust import Trust
from .endpoint import (
    EndpointNames,
    endpoint_is_overridden,
    given_endpoint,
    host_and_port,
    light_endpoint,
)
from .keys import KeySource
from .profile import Profile, load_profile, with_credentials
from .regions import check_region, domain_of, region_of
from .signed import LightSigned, SdkSigned, Service, SignedApi
from .trust import ca_bundle

if TYPE_CHECKING:
    from ..transport.trust import AnchorMemory
    from .sdk import ClientFactory


class Cloud:
    """One profile's access to the signed APIs of all Regions.

    :param profile: the profile that applies, with the settings of the credentials file.
    :param trust: the CA certificates of all hosts.
    :param endpoint_url: of all services, instead of their own; None for their own.
    :ivar region: the Region of variables and profile; None if they name none.
    :ivar keys: the keys that requests are signed with.
    :ivar settings: how hosts are reached.
    :ivar profile: the profile's name if it exists, else None.
    :ivar origin: tells accounts and endpoints apart in the keys of caches. It holds no secret.
    """

    def __init__(
        self,
        profile: Profile,
        keys: KeySource,
        trust: Trust,
        endpoint_url: str | None,
        environ: Mapping[str, str],
    ) -> None:
        of_profile = (profile.values or {}).get("region")
        self.region = region_of(environ) or of_profile or None
        self.keys = keys
        self.profile = profile.known_name
        overridden = any(name.startswith("AWS_ENDPOINT_URL_") for name in environ)
        names = EndpointNames("", "", "")
        overridden |= endpoint_is_overridden(names, endpoint_url, environ, profile)
        self.settings = StreamSettings(trust, overridden)
        self.origin = f"{keys.origin} at {endpoint_url or environ.get('AWS_ENDPOINT_URL') or 'AWS'}"
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._environ = environ
        # By the service's table, of which one service has several: each room lists what it calls.
        self._apis: dict[tuple[int, str], SignedApi] = {}
        self._clients: ClientFactory | None = None

    def api(self, service: Service, region: str) -> SignedApi:
        """Return the client of a service in a Region.

        :param service: has to live as long as the cloud, as a constant of a module does.
        :raises ConfigError: when the Region's name or an endpoint is not usable.
        """
        key = id(service.operations), region
        known = self._apis.get(key)
        if known is None:
            known = self._apis[key] = self._api(service, region)
        return known

    def dial_ahead(self, service: Service, region: str) -> None:
        """Begin to connect to a service that will be called soon. Nothing is sent to it.

        :raises ConfigError: when the Region's name or an endpoint is not usable.
        """
        url = self.endpoint(service, region)
        if url:
            dial_ahead(*host_and_port(url))

    def _api(self, service: Service, region: str) -> SignedApi:
        url = self.endpoint(service, region)
        if url and service.target:
            connect = self.settings.trust.connect
            return LightSigned(service, region, url, self.keys, connect)
        from .sdk import ClientFactory

        if self._clients is None:
            self._clients = ClientFactory(self.profile, self.settings.trust.connect)
        names = _names(service, "")
        given = given_endpoint(names, self._endpoint_url, self._environ)
        return SdkSigned(service, region, given, self.keys, self._clients)

    def endpoint(self, service: Service, region: str) -> str | None:
        """Return the endpoint that botocore would use; None if only botocore can tell.

        :raises ConfigError: when the Region's name or an endpoint is not usable.
        """
        check_region(region)
        domain = domain_of(region)
        has_hosts = domain and service.prefix
        default = f"https://{service.prefix}.{region}.{domain}" if has_hosts else ""
        names = _names(service, default)
        given = given_endpoint(names, self._endpoint_url, self._environ)
        variables = (names.variable, "AWS_ENDPOINT_URL")
        if not default and not given and not any(map(self._environ.get, variables)):
            return None
        return light_endpoint(names, given, self._environ, self._profile)


def _names(service: Service, default: str) -> EndpointNames:
    name = service.name.upper().replace("-", "_")
    return EndpointNames(default, f"AWS_ENDPOINT_URL_{name}", "")


def open_cloud(
    profile_name: str | None,
    endpoint_url: str | None,
    environ: Mapping[str, str],
    anchors: Callable[[Mapping[str, str], str | None], AnchorMemory] | None = None,
) -> Cloud:
    """Return the cloud that options and variables name. No call is made.

    :param profile_name: the option ``--profile``, as ``endpoint_url`` is ``--endpoint-url``.
    :param anchors: return what remembers the CA certificates of a bundle
        (``targets.memory.anchor_memory``).
    :raises ConfigError: when a setting is not usable.
    """
    profile = with_credentials(load_profile(profile_name, environ), environ)
    bundle = ca_bundle(environ, profile)
    named = bool(profile_name)
    variables = {name: value for name, value in environ.items() if name.startswith("AWS_")}
    given = profile, named, bundle, variables
    with _opening:
        known = next((access for before, access in _opened if before == given), None)
        if known is None:
            trust = Trust(bundle, anchors(environ, bundle) if anchors else None)
            known = trust, KeySource(profile, environ, trust.connect, named=named)
            _opened.append((given, known))
            del _opened[:-_MOST_OPENED]
    trust, keys = known
    return Cloud(profile, keys, trust, endpoint_url, environ)


#: What the last clouds were opened with, and the certificates and keys that they share. Several
#: kinds of targets need the same keys: a user is asked for a code once, a program runs once.
_opened: list[tuple[tuple[Any, ...], tuple[Trust, KeySource]]] = []
_opening = threading.Lock()
_MOST_OPENED = 8
