"""Sign the WebSocket upgrade of a stream with AWS credentials.

The published client does so since 1.2.764.0 (SigV4, service ``ssmmessages``, empty body), unless
the stream URL is presigned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..errors import ConfigError
from ..fast.typed import TYPE_CHECKING
from ..transport.address import gateway_region
from .sigv4 import encoded, signed_headers

if TYPE_CHECKING:
    from .keys.source import AwsKeys, KeySource
    from .light import Connect
    from .profile import Profile

_SERVICE = "ssmmessages"

#: Seconds to get keys. The link gives up a moment later (``transport.connection``).
_TIMEOUT = 7.0


def canonical_query(query: str) -> str:
    """Return a query as SigV4 signs it: form-decoded, sorted and percent-encoded again.

    As in the published client, the gateway reads ``+`` as a blank, and the ``/`` and ``=`` of
    a value as ``%2F`` and ``%3D``. Escapes that are not UTF-8 keep their bytes.

    :param query: the raw query without the ``?``.
    """
    pairs = sorted((encoded(name), encoded(value)) for name, value in _pairs(query))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _pairs(query: str) -> list[tuple[str, str]]:
    """Return the decoded names and values of a query."""
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in parts]


def _decoded(text: str) -> str:
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    from urllib.parse import unquote  # takes 2 ms to import, and few queries need it

    return unquote(text, errors="surrogateescape")


def needs_signature(url: str) -> bool:
    """Return whether the upgrade to a stream URL has to be signed: the URL is not presigned."""
    return not _is_presigned(url.partition("?")[2])


def _is_presigned(query: str) -> bool:
    return any(name.lower().startswith("x-amz-") for name, _ in _pairs(query))


class UpgradeSigner:
    """Signs upgrades with AWS keys. A call blocks while new keys are got.

    :param keys: the source of the keys. It keeps them, so that a link can reconnect before
        their origin can be reached again.
    :param region: the Region for gateways whose names have none.
    :param now: return the seconds since the epoch.
    """

    def __init__(
        self,
        keys: KeySource,
        region: str | None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._region = region
        self._now = now
        self._used: AwsKeys | None = None

    def __call__(self, url: str, refused: bool = False) -> Mapping[str, str]:
        """Return the headers to add to the upgrade, which are valid for some minutes.

        :param url: the checked stream URL. A presigned one needs no headers.
        :param refused: whether the gateway has refused the last signature. Its keys may have
            expired, so they are got again.
        :raises ConfigError: when the Region is unknown, or the profile does not exist.
        :raises CredentialsError: when there are no usable keys.
        """
        scheme, _, rest = url.partition("://")
        target, _, query = rest.partition("?")
        authority, slash, path = target.partition("/")
        if _is_presigned(query):
            return {}
        # WebSocket clients write Host in lower case and without a default port.
        port = ":443" if scheme == "wss" else ":80"
        host = authority.lower().removesuffix(port)
        if refused and self._used is not None:
            self._keys.renew(self._used)
        keys = self._used = self._keys.load(_TIMEOUT)
        region = gateway_region(_without_port(host)) or self._region
        if not region:
            raise ConfigError(
                f"The profile {self._keys.profile.shown_name} has no region to sign for",
                "Add `region` to it",
            )
        return signed_headers(
            keys,
            method="GET",
            host=host,
            path=slash + path,
            query=canonical_query(query),
            headers={},
            body=b"",
            service=_SERVICE,
            region=region,
            now=self._now(),
        )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def profile_signer(
    profile: Profile,
    environ: Mapping[str, str],
    connect: Connect,
) -> UpgradeSigner:
    """Return a signer with the keys and the Region of a profile that an option names.

    :param connect: opens the connections to the sources of keys.
    :raises ConfigError: when the credentials file cannot be read.
    """
    from .keys.source import KeySource
    from .profile import with_credentials
    from .regions import region_of

    whole = with_credentials(profile, environ)
    region = region_of(environ) or whole.region
    return UpgradeSigner(KeySource(whole, environ, connect, named=True), region)
