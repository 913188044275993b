"""Who signed the certificate of a host that we do not trust.

The name of an issuer tells a proxy that opens TLS from a wrong address. Nothing is sent over
the connections that are made for it, and nothing that is read from them is believed.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from ..errors import ConnectorError
from ..transport.dial import Candidate, Route

# X509_V_FLAG_PARTIAL_CHAIN and _NO_CHECK_TIME of OpenSSL's x509_vfy.h: what is no CA's is
# trusted by itself, and an expired one too has an issuer.
_TRUST_A_LEAF, _NO_CHECK_TIME = 0x80000, 0x200000


def peek(route: Route, candidates: list[Candidate], deadline: float) -> dict[str, Any] | None:
    """The certificate as ``ssl.SSLSocket.getpeercert`` shows one that was checked.

    Python decodes only those. So it is fetched first, and then trusted by itself in a second
    handshake, for no other end than that.

    :param candidates: the addresses of the route.
    :param deadline: by when, on the monotonic clock.
    :returns: ``None`` when it cannot be had.
    """
    with contextlib.suppress(ConnectorError, OSError, ValueError):
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname = False
        blind.verify_mode = ssl.CERT_NONE
        with _handshake(route, candidates, blind, deadline) as stream:
            data = stream.getpeercert(binary_form=True)
        if data:
            seeing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            seeing.check_hostname = False
            seeing.verify_flags = ssl.VerifyFlags(_TRUST_A_LEAF | _NO_CHECK_TIME)
            seeing.load_verify_locations(cadata=data)
            with _handshake(route, candidates, seeing, deadline) as stream:
                return stream.getpeercert()
    return None


def _handshake(
    route: Route, candidates: list[Candidate], context: ssl.SSLContext, deadline: float
) -> ssl.SSLSocket:
    with route.connect(candidates, deadline) as sock:
        return route.encrypt(sock, context, deadline)


def issuer_of(certificate: dict[str, Any]) -> str:
    """Organisation and name of the issuer, as far as the certificate has them."""
    names = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    words = (names.get("organizationName"), names.get("commonName"))
    return ", ".join(word for word in words if word) or "an issuer without a name"


def is_amazons(issuer: str) -> bool:
    return issuer.startswith("Amazon")
