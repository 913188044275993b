"""The signed APIs of all Regions, as one profile has access to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..fast.typed import TYPE_CHECKING
from ..transport.address import StreamSettings
from ..transport.dial import dial_ahead
from ..transport.trust import Trust
from .endpoint import check_endpoint, host_and_port
from .keys import KeySource
from .profile import load_profile
from .signed import LightSignedApi, Service, SignedApi
from .trust import ca_bundle

if TYPE_CHECKING:
    from ..transport.trust import AnchorMemory


class Cloud:
    """One profile's access to the signed APIs of all Regions.

    :ivar region: the Region of variables and profile; None if they name none.
    :ivar settings: how hosts are reached.
    :ivar profile: the profile's name; None for the default.
    :ivar origin: tells keys and endpoints apart in the keys of caches. It holds no secret.
    """

    def __init__(
        self,
        region: str | None,
        keys: KeySource,
        settings: StreamSettings,
        profile: str | None,
        endpoint_url: str | None,
        environ: Mapping[str, str],
    ) -> None:
        self.region = region
        self.keys = keys
        self.settings = settings
        self.profile = profile
        self._endpoint_url = endpoint_url
        self._environ = environ
        self.origin = f"{keys.origin} at {endpoint_url or 'AWS'}"

    def api(self, service: Service, region: str) -> SignedApi:
        """Return the client of a service in a Region."""
        url = self._endpoint(service, region)
        return LightSignedApi(service, region, url, self.keys, self.settings.trust.connect)

    def dial_ahead(self, service: Service, region: str) -> None:
        """Begin to connect to a service that will be called soon. Nothing is sent to it."""
        dial_ahead(*host_and_port(self._endpoint(service, region)))

    def _endpoint(self, service: Service, region: str) -> str:
        variable = f"AWS_ENDPOINT_URL_{service.name.upper().replace('-', '_')}"
        given = (
            self._endpoint_url
            or self._environ.get(variable)
            or self._environ.get("AWS_ENDPOINT_URL")
        )
        return given or f"https://{service.prefix}.{region}.amazonaws.com"


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
    profile = load_profile(profile_name, environ)
    if endpoint_url:
        check_endpoint(endpoint_url)
    bundle = ca_bundle(environ, profile)
    trust = Trust(bundle, anchors(environ, bundle) if anchors else None)
    region = (
        environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or (profile.values or {}).get("region")
    )
    overridden = bool(endpoint_url or any(key.startswith("AWS_ENDPOINT_URL") for key in environ))
    keys = KeySource(profile, environ, trust.connect, named=bool(profile_name))
    settings = StreamSettings(trust, overridden)
    return Cloud(region or None, keys, settings, profile.known_name, endpoint_url, environ)
