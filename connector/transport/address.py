"""Where a stream may go."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import ServiceError

#: The message gateways of SSM: standard and FIPS, China, VPC endpoints, dualstack.
_GATEWAYS = re.compile(
    r"ssmmessages(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"
    r"|vpce-[a-z0-9-]+\.ssmmessages(-fips)?\.[a-z0-9-]+\.vpce\.amazonaws\.com(\.cn)?"
    r"|ssmmessages(-fips)?\.[a-z0-9-]+\.api\.(aws|amazonwebservices\.com\.cn)"
)

_URL_CHARACTERS = re.compile(r"[!-~]+")  # ASCII without blanks and controls


class StreamAddress(NamedTuple):
    """A stream URL that was checked. Its ``url`` may be presigned: a secret."""

    url: str
    host: str
    port: int
    secure: bool

    @property
    def resource(self) -> str:
        """What the request line names: the URL behind the host, to the letter."""
        rest = self.url.split("://", 1)[1]
        start = next((index for index, char in enumerate(rest) if char in "/?"), len(rest))
        return rest[start:] if rest[start:].startswith("/") else f"/{rest[start:]}"

    def __repr__(self) -> str:
        return f"StreamAddress({self.host}:{self.port})"


def check_stream_url(url: str, *, endpoint_overridden: bool) -> StreamAddress:
    """Decide whether a session's stream URL may be dialled.

    :param endpoint_overridden: the user named an endpoint of their own, so that the
        stream may lead to any host, but still only by ``wss``.
    :raises ServiceError: when the URL is malformed, unencrypted beyond this machine, or
        leads to a host that is no gateway of SSM. The URL's query is never quoted.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ServiceError("the session has a malformed stream URL") from None
    if not host or not _URL_CHARACTERS.fullmatch(url) or "@" in parts.netloc or parts.fragment:
        raise ServiceError("the session has a malformed stream URL")
    secure = parts.scheme == "wss"
    loopback = _is_loopback(host)
    if not secure and not (loopback and parts.scheme == "ws"):
        raise ServiceError(f"the session has a stream URL to {host} that is not wss")
    if not (loopback or endpoint_overridden or _GATEWAYS.fullmatch(host)):
        raise ServiceError(
            f"the session has a stream URL to {host}, which is no gateway of AWS",
        )
    return StreamAddress(url, host, port or (443 if secure else 80), secure)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
