"""A stream's settings, and the addresses that it may lead to."""

from __future__ import annotations

import _socket

from ..datachannel.limits import DEFAULT_PAYLOAD_SIZE
from ..errors import ServiceError
from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING
from .dial import dial_ahead
from .liveness import PING_INTERVAL

if TYPE_CHECKING:
    from .trust import Trust

# The hosts of SSM's message gateways: service.region.domain (standard, FIPS, China, dualstack),
# and the same behind the name of a VPC endpoint. Regular expressions for these would take longer
# to compile than all the rest of this module.
_SERVICES = ("ssmmessages", "ssmmessages-fips")
_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "api.amazonwebservices.com.cn")
_VPC_DOMAINS = ("vpce.amazonaws.com", "vpce.amazonaws.com.cn")
#: Of a host that opens raw streams to the ports of a VPC: id.service.region.domain.
_TUNNEL_SERVICE = "ec2-instance-connect-endpoint"
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class StreamAddress(NamedTuple):
    """A checked stream URL. Its ``url`` may be presigned, and then it is a secret."""

    url: str
    host: str
    port: int
    secure: bool

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.secure else 80
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def resource(self) -> str:
        """The target of the request line: the part of the URL behind the host, verbatim."""
        rest = self.url.split("://", 1)[1]
        start = next((index for index, char in enumerate(rest) if char in "/?"), len(rest))
        return rest[start:] if rest[start:].startswith("/") else f"/{rest[start:]}"

    def __repr__(self) -> str:
        return f"StreamAddress({self.host}:{self.port})"


class StreamSettings(NamedTuple):
    """The settings of one stream. They are data: :class:`~.dialler.Dialler` does the dialling.

    :param trust: the CA certificates of API and stream.
    :param endpoint_overridden: whether the user named an API endpoint.
    :param ping_interval: seconds between two pings.
    :param payload_size: bytes of input in a message, see ``DataChannel``.
    :param likely_gateway: ``host:port`` that the stream will probably lead to. The dialler
        connects to it before the session is started. Empty: none is known.
    :param url_given: whether the user gave the stream URL itself.
    """

    trust: Trust
    endpoint_overridden: bool = False
    ping_interval: float = PING_INTERVAL
    payload_size: int = DEFAULT_PAYLOAD_SIZE
    likely_gateway: str = ""
    url_given: bool = False

    def guess(self) -> StreamAddress | None:
        """Return the address of the likely gateway, if it may be dialled."""
        try:
            return self.check(f"wss://{self.likely_gateway}/")
        except ServiceError:
            return None  # the name comes from a file, and may be anything

    def dial_ahead(self) -> None:
        """Begin to connect to the likely gateway; see :func:`.dial.dial_ahead`."""
        address = self.guess()
        if address:
            dial_ahead(address.host, address.port)

    def check(self, stream_url: str) -> StreamAddress:
        """Return the address of a stream URL.

        :raises ServiceError: when the URL must not be dialled; see :func:`check_stream_url`.
        """
        return check_stream_url(
            stream_url, endpoint_overridden=self.endpoint_overridden, url_given=self.url_given
        )


def check_stream_url(
    url: str, *, endpoint_overridden: bool, url_given: bool = False
) -> StreamAddress:
    """Return the address of a session's stream URL, if it may be dialled.

    :param endpoint_overridden: whether the user named an API endpoint. Then the stream may
        lead to any host, but still only by ``wss``.
    :param url_given: whether the user gave the URL itself. Only with this or the former may
        the stream lead to this machine by ``ws``.
    :raises ServiceError: when the URL is malformed, leads to another machine without TLS, or
        leads to a host that is not a gateway of SSM. The message never quotes the query.
    """
    try:
        host, port = host_and_port(authority_of(url))
    except (OSError, ValueError):
        raise ServiceError("the session has a malformed stream URL") from None
    if not host or host.startswith(".") or not _is_plain(url) or "#" in url:
        raise ServiceError("the session has a malformed stream URL")
    scheme = url.partition(":")[0].lower()
    secure = scheme == "wss"
    loopback = is_loopback(host)
    plain = scheme == "ws" and loopback and (endpoint_overridden or url_given)
    if not (secure or plain):
        raise ServiceError(f"the session has a stream URL to {host} that is not wss")
    if not (loopback or endpoint_overridden or gateway_region(host) or _is_tunnel(host)):
        raise ServiceError(
            f"the session has a stream URL to {host}, which is not a gateway of AWS",
        )
    return StreamAddress(url, host, port or (443 if secure else 80), secure)


def authority_of(url: str) -> str:
    """Return host and port of a URL as they stand in it, with all that stands before an ``@``."""
    rest = url.partition("://")[2]
    end = next((index for index, char in enumerate(rest) if char in "/?#"), len(rest))
    return rest[:end]


def host_and_port(authority: str) -> tuple[str, int | None]:
    """Return the host in lower case, without brackets, and the port; None where it is left out.

    ``urllib.parse`` does as much, but takes 2 ms to import.

    :raises ValueError: when it is neither, as an ``OSError`` does for an address of IPv6.
    """
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        _socket.inet_pton(_socket.AF_INET6, host.partition("%")[0])
        if not bracket or (port and not port.startswith(":")):
            raise ValueError
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    if "@" in authority or "[" in host or "]" in host:
        raise ValueError
    if port and not (port.isascii() and port.isdigit() and len(port) < 9 and int(port) < 65536):
        raise ValueError
    return host.lower(), int(port) if port else None


def _is_plain(url: str) -> bool:
    """Return whether the URL is ASCII without blanks and control characters."""
    return url.isascii() and url.isprintable() and " " not in url


def gateway_region(host: str) -> str | None:
    """Return the region in the name of a gateway of SSM; None for any other host."""
    endpoint, _, rest = host.partition(".")
    if not endpoint.startswith("vpce-"):
        return _region(host, _DOMAINS)
    if endpoint == "vpce-" or not _is_label(endpoint):
        return None
    return _region(rest, _VPC_DOMAINS)


def _is_tunnel(host: str) -> bool:
    """Return whether a host opens raw streams, such as ``eice-0abc…`` of this service."""
    labels, service, rest = host.partition(f".{_TUNNEL_SERVICE}.")
    region, _, domain = rest.partition(".")
    named = service and all(map(_is_label, labels.split(".")))
    return bool(named) and _is_label(region) and domain in _DOMAINS


def _region(host: str, domains: tuple[str, ...]) -> str | None:
    service, _, rest = host.partition(".")
    region, _, domain = rest.partition(".")
    found = service in _SERVICES and _is_label(region) and domain in domains
    return region if found else None


def _is_label(text: str) -> bool:
    return text != "" and _LABEL.issuperset(text)


def is_loopback(host: str) -> bool:
    """Return whether a host, as :func:`host_and_port` returns it, is this machine."""
    if host == "localhost":
        return True
    try:
        packed = _socket.inet_pton(_socket.AF_INET6 if ":" in host else _socket.AF_INET, host)
    except (OSError, ValueError):  # ValueError: a NUL or non-ASCII
        return False
    return packed[0] == 127 if len(packed) == 4 else packed == bytes(15) + b"\1"
