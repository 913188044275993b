"""The signed APIs of all Regions, as one profile has access to them."""

from __future__ import annotations

import _thread
from collections.abc import Callable, Collection, Mapping

from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING
from ..transport.dial import dial_ahead
from .endpoint import (
    EndpointNames,
    endpoint_is_overridden,
    given_endpoint,
    host_and_port,
    light_endpoint,
)
from .keys.source import KeySource
from .profile import Profile, load_profile, with_credentials
from .regions import check_region, domain_of, region_of

if TYPE_CHECKING:
    import socket

    from ..transport.address import StreamSettings
    from ..transport.trust import AnchorMemory, Trust
    from .sdk import ClientFactory
    from .services import Service, SignedApi

    #: Return what remembers the CA certificates of a bundle.
    Anchors = Callable[[Mapping[str, str], str | None], AnchorMemory]

#: The variables besides AWS's own that name the CA certificates.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


class _Opening(NamedTuple):
    """What a cloud is opened with: all that its keys and certificates depend on."""

    profile: Profile
    variables: Mapping[str, str]
    named: bool

    def __repr__(self) -> str:
        return f"_Opening(profile={self.profile!r})"  # variables hold secrets


class _Access:
    """The keys and the CA certificates of clouds that are opened with the same settings."""

    def __init__(
        self, opening: _Opening, environ: Mapping[str, str], anchors: Anchors | None
    ) -> None:
        self.opening = opening
        self.keys = KeySource(opening.profile, environ, self.connect, named=opening.named)
        self._environ = environ
        self._anchors = anchors
        self._lock = _thread.allocate_lock()
        self._trust: Trust | None = None

    @property
    def trust(self) -> Trust:
        """The CA certificates of all hosts.

        TLS takes longer to import than all that is needed before the first connection is begun.

        :raises ConfigError: when a setting names a bundle that is not usable.
        """
        with self._lock:
            if self._trust is None:
                from ..transport.trust import Trust
                from .trust import ca_bundle

                bundle = ca_bundle(self._environ, self.opening.profile)
                memory = self._anchors and self._anchors(self._environ, bundle)
                self._trust = Trust(bundle, memory)
            return self._trust

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.trust.connect(host, port, timeout)


class Cloud:
    """One profile's access to the signed APIs of all Regions.

    :param access: the keys and certificates.
    :param endpoint_url: of all services, instead of their own; None for their own.
    :ivar region: the Region of variables and profile; None if they name none.
    :ivar keys: the keys that requests are signed with.
    :ivar profile: the profile's name if it exists, else None.
    """

    def __init__(
        self, access: _Access, endpoint_url: str | None, environ: Mapping[str, str]
    ) -> None:
        profile = access.opening.profile
        self.region = region_of(environ) or profile.region
        self.keys = access.keys
        self.profile = profile.known_name
        self._access = access
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._environ = environ
        # By the service's table, of which one service has several: each room lists what it calls.
        self._apis: dict[tuple[int, str], SignedApi] = {}
        self._clients: ClientFactory | None = None

    @property
    def profiles(self) -> Collection[str]:
        """The names of all profiles in AWS's configuration and credentials files."""
        return self._profile.profiles

    def origin(self, *services: str) -> str:
        """Return a text that tells accounts and endpoints apart in caches. It holds no secret.

        :param services: botocore's names of those whose endpoints matter.
        """
        settings, environ = self._profile.values or {}, self._environ
        common = (environ.get("AWS_ENDPOINT_URL"), *map(settings.get, ("services", "endpoint_url")))
        places = []
        for name in services:
            given = (self._endpoint_url, environ.get(_variable(name)), *common)
            places.append(next(filter(None, given), "AWS"))
        return f"{self.keys.origin} at {' and '.join(dict.fromkeys(places))}"

    def settings(self, services: Collection[str]) -> StreamSettings:
        """Return how hosts are reached.

        :param services: botocore's names of those that tell where streams lead. A stream may lead
            to any host if the user named an endpoint of one of these, not of another service.
        :raises ConfigError: when a setting names CA certificates that are not usable.
        """
        from ..transport.address import StreamSettings

        overridden = any(
            endpoint_is_overridden(
                EndpointNames("", _variable(name), ""),
                self._endpoint_url,
                self._environ,
                self._profile,
            )
            for name in services
        )
        return StreamSettings(self._access.trust, overridden)

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
        from .signed import LightSigned, SdkSigned

        url = self.endpoint(service, region)
        speaks_xml = all(each.xml_names is not None for each in service.operations.values())
        if url and (service.target or speaks_xml):
            return LightSigned(service, region, url, self.keys, self._access.connect)
        from .sdk import ClientFactory

        if self._clients is None:
            self._clients = ClientFactory(self.profile, self._access.connect)
        given = given_endpoint(_names(service, ""), self._endpoint_url, self._environ)
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
        return light_endpoint(names, given, self._environ, self._profile)


def _names(service: Service, default: str) -> EndpointNames:
    return EndpointNames(default, _variable(service.name), "")


def _variable(service_name: str) -> str:
    """Return the variable with the endpoint of a service."""
    return f"AWS_ENDPOINT_URL_{service_name.upper().replace('-', '_')}"


def open_cloud(
    profile_name: str | None,
    endpoint_url: str | None,
    environ: Mapping[str, str],
    anchors: Anchors | None = None,
    profile: Profile | None = None,
) -> Cloud:
    """Return the cloud that options and variables name. No call is made.

    :param profile_name: the option ``--profile``, as ``endpoint_url`` is ``--endpoint-url``.
    :param anchors: as ``targets.memory.anchor_memory``.
    :param profile: that profile, with the credentials file, if it was read already.
    :raises ConfigError: when a file with profiles cannot be read.
    """
    profile = profile or with_credentials(load_profile(profile_name, environ), environ)
    variables = {
        name: value
        for name, value in environ.items()
        if name.startswith("AWS_") or name in _BUNDLES
    }
    opening = _Opening(profile, variables, bool(profile_name))
    with _lock:
        access = next((known for known in _known if known.opening == opening), None)
        if access is None:
            access = _Access(opening, environ, anchors)
            _known.append(access)
            del _known[:-_MOST_KNOWN]
    return Cloud(access, endpoint_url, environ)


#: What the last clouds share. Several kinds of targets need the same keys: the user is asked for a
#: code once, and a program runs once.
_known: list[_Access] = []
_lock = _thread.allocate_lock()
_MOST_KNOWN = 8
