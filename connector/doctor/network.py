"""The network: CA certificates, the way to a host (DNS, proxy, TLS), and the clock."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from socket import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..aws.http import BadResponse, exchange
from ..errors import ConnectFailed, ConnectorError, ProxyFailed, ServiceError, TLSFailed
from ..transport.dial import Candidate, Route, proxy_for, proxy_variable
from ..transport.trust import Trust
from . import public
from .findings import Facts, Leg, Result, Status
from .words import Harmless, Words, words

if TYPE_CHECKING:
    from .case import Case

#: Seconds for each step, and for reading a certificate that was rejected.
STEP_TIMEOUT = 4.0
PEEK_TIMEOUT = 3.0

#: Seconds for an HTTP exchange.
CALL_TIMEOUT = 6.0

#: Seconds that a leg gets beyond the limits of its steps.
GRACE = 1.0

#: Variables for a proxy that other programs use and the connector ignores.
_OTHER_PROXY_VARIABLES = ("all_proxy", "ALL_PROXY")

#: The variables that can name a file of CA certificates.
_CA_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")

#: Seconds that the clocks may differ. A Date header has whole seconds and takes time to arrive.
_SKEW = 60.0

# X509_V_FLAG_PARTIAL_CHAIN and _NO_CHECK_TIME of OpenSSL's x509_vfy.h: trust a certificate that is
# not a CA's, and one that has expired.
_TRUST_A_LEAF, _NO_CHECK_TIME = 0x80000, 0x200000


def certificates(trust: Trust, bundle: str | None, named: tuple[str, str] | None) -> Result:
    """Load the CA certificates for API and gateway.

    :param bundle: the path of their file; ``None``: the system's certificates.
    :param named: the setting that names the file, and the path; ``None``: no setting does.
    :raises ConfigError: when the file cannot be used.
    """
    context = trust.context
    if named:
        source = public.known(named[0], _CA_VARIABLES)
        text = words("only those in {file}, named by {source}", file=named[1], source=source)
        text = text.capitalised
    elif bundle:
        source, text = Harmless("botocore"), words("botocore's, because the system has none")
    else:
        paths = ssl.get_default_verify_paths()
        source = Harmless("system")
        file = paths.cafile or paths.capath or words("its store")
        text = words("The system's ({file})", file=file)
    return Result(
        text, facts={"source": source, "file": bundle, "loaded": len(context.get_ca_certs())}
    )


class Ways:
    """The ways to the hosts that the legs find out, by the names of these legs."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._ways: dict[str, Way] = {}

    def add(self, name: str, host: str, port: int, *, secure: bool = True) -> None:
        """Add the way to the host that the leg of this name has found; see :class:`Way`."""
        self._ways[name] = Way(self._case, host, port, secure=secure)

    def legs(self, name: str, title: str) -> list[Leg]:
        """Return the legs of the way that the leg ``name`` will add."""

        def leg(
            step: str, words: str, look: Callable[[Way], Result], *needs: str, more: float = 0.0
        ) -> Leg:
            def run() -> Result:
                way = self._ways.get(name)
                return look(way) if way else Result(UNKNOWN, Status.SKIP)

            timeout = STEP_TIMEOUT + more + GRACE
            return Leg(f"{name}-{step}", f"{title} {words}", run, needs, timeout)

        return [
            leg("dns", "DNS", Way.dns, name),
            leg("proxy", "connection", Way.proxy, f"{name}-dns"),
            leg("tls", "TLS", Way.tls, f"{name}-proxy", "ca", more=PEEK_TIMEOUT),
        ]

    def close(self) -> None:
        for way in self._ways.values():
            way.close()


#: The text of a leg without an address to check.
UNKNOWN = words("The address is not known")


class Way:
    """The steps to one host. Each step needs the one before it.

    :param secure: whether the host speaks TLS, and whether a proxy may be used for it.
    """

    def __init__(self, case: Case, host: str, port: int, *, secure: bool = True) -> None:
        self._case = case
        self._secure = secure
        self._candidates: list[Candidate] = []
        self._route = Route(host, port, None)
        self._socket: socket | None = None
        self._problem: ProxyFailed | None = None
        try:
            self._route = Route(host, port, proxy_for(host, port) if secure else None)
        except ProxyFailed as problem:
            self._problem = problem

    def dns(self) -> Result:
        """Resolve the host, or the proxy if there is one."""
        route = self._route
        if self._problem:
            return Result(words("The proxy setting is not usable, see below"), Status.SKIP)
        self._candidates = route.resolve()
        found = dict.fromkeys(str(candidate.target[0]) for candidate in self._candidates)
        addresses = [public.host(address) for address in found]
        resolved = public.host(route.proxy.host if route.proxy else route.host)
        if addresses == [resolved]:
            return Result(
                words("Not needed: the host is given by its address"),
                facts={"name": None, "addresses": addresses},
            )
        more = words("")
        if len(addresses) > 1:
            more = words(" and {number} more", number=len(addresses) - 1)
        text = words("{host} is {address}{more}", host=resolved, address=addresses[0], more=more)
        if route.proxy:
            text = words(
                "The proxy {found}; it looks up {host} itself",
                found=text,
                host=public.host(route.host),
            )
        return Result(text, facts={"name": resolved, "addresses": addresses})

    def proxy(self) -> Result:
        """Connect by TCP, through the proxy if there is one."""
        if self._problem:
            raise self._problem
        route, environ = self._route, self._case.environ
        self._socket = route.connect(self._candidates, time.monotonic() + STEP_TIMEOUT)
        variable = Harmless(name) if (name := proxy_variable()) else None
        host = public.host(route.host)
        facts: Facts = {
            "host": host,
            "port": route.port,
            "proxy": _address(route.proxy.host, route.proxy.port) if route.proxy else None,
            "variable": variable,
        }
        shown = _address(route.host, route.port)
        if route.proxy:
            text = words(
                "Connected to {shown} through {proxy}, from {origin}",
                shown=shown,
                proxy=str(route.proxy),
                origin=variable or words("the system's settings"),
            )
            return Result(text, facts=facts)
        if variable:
            text = words(
                "Connected to {shown} directly: NO_PROXY excludes it from {variable}",
                shown=shown,
                variable=variable,
            )
            return Result(text, facts=facts)
        other = _set(environ, _OTHER_PROXY_VARIABLES)
        if other:
            text = words(
                "Connected to {shown} directly: the connector ignores {variable}",
                shown=shown,
                variable=other,
            )
            hint = words("To use a proxy, set HTTPS_PROXY")
            return Result(text, Status.WARN, hint, facts)
        return Result(words("Connected to {shown}, no proxy", shown=shown), facts=facts)

    def tls(self) -> Result:
        """Do the TLS handshake on the connection."""
        route, context = self._route, self._case.settings.trust.context
        sock, self._socket = self._socket, None
        if sock is None:
            raise RuntimeError("there is no connection to encrypt")
        with sock:
            if not self._secure:
                return Result(words("Not used on this machine"), Status.SKIP)
            try:
                stream = route.encrypt(sock, context, time.monotonic() + STEP_TIMEOUT)
            except ConnectorError as error:
                return self._rejected(error)
            with stream:
                return self._accepted(stream)

    def close(self) -> None:
        if self._socket:
            self._socket.close()

    def _accepted(self, stream: ssl.SSLSocket) -> Result:
        certificate = stream.getpeercert() or {}
        protocol, issuer = Harmless(stream.version() or ""), public.issuer(issuer_of(certificate))
        facts = {"protocol": protocol, "issuer": issuer, "notAfter": _end_of(certificate)}
        text = words("{protocol}, certificate signed by {issuer}", protocol=protocol, issuer=issuer)
        return Result(text, facts=facts)

    def _rejected(self, error: ConnectorError) -> Result:
        result = Result.failed(error, {"issuer": None, "notAfter": None})
        certificate = None
        if isinstance(error, TLSFailed):  # otherwise the host did not answer, and will not now
            deadline = time.monotonic() + PEEK_TIMEOUT
            certificate = peek(self._route, self._candidates, deadline)
        if certificate is not None:
            issuer = public.issuer(issuer_of(certificate))
            result.facts = {"issuer": issuer, "notAfter": _end_of(certificate)}
            result.text = words(
                "{error}; its issuer is {issuer}{whose}",
                error=result.text,
                issuer=issuer,
                whose=words("") if is_amazons(issuer) else words(", not Amazon"),
            )
        return result


def peek(route: Route, candidates: list[Candidate], deadline: float) -> dict[str, Any] | None:
    """Return a host's certificate without trusting it, as ``ssl.SSLSocket.getpeercert`` shows it.

    The issuer's name reveals a proxy that intercepts TLS with a certificate of its own. Python
    decodes only a certificate that it trusts. So a first handshake fetches the certificate, and a
    second one trusts exactly this certificate. Nothing is sent over either connection.

    :param candidates: the addresses of the route.
    :param deadline: on the monotonic clock.
    :returns: ``None`` when the certificate cannot be fetched.
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


def issuer_of(certificate: Mapping[str, Any]) -> str:
    """Return organisation and name of the issuer, as far as the certificate has them."""
    names = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    words = (names.get("organizationName"), names.get("commonName"))
    return ", ".join(word for word in words if word) or "an issuer without a name"


def is_amazons(issuer: str) -> bool:
    return issuer.startswith("Amazon")


def clock(case: Case, url: str) -> Result:
    """Compare this machine's time with the Date header of an HTTPS server.

    :param url: any page of the server. The request has no token.
    :raises ConnectorError: when the server does not return its time.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    try:
        with case.settings.trust.connect(host, parts.port or 443, STEP_TIMEOUT) as sock:
            asked = time.time()
            answer = exchange(sock, request.encode("ascii"), CALL_TIMEOUT)
            ours = (asked + time.time()) / 2
    except (OSError, BadResponse):
        raise ConnectFailed(_no_time(host)) from None
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        raise ServiceError(_no_time(host)) from None
    skew = ours - theirs
    facts = {"skewSeconds": round(skew, 1)}
    if abs(skew) <= _SKEW:
        return Result(words("This machine's clock is right to the minute"), facts=facts)
    text = words(
        "This machine's clock is {number:.0f} {unit} {way}",
        number=abs(skew) if abs(skew) < 600 else abs(skew) / 60,
        unit=words("s") if abs(skew) < 600 else words("min"),
        way=words("ahead") if skew > 0 else words("behind"),
    )
    hint = words("Set the clock, for example by NTP: tokens and certificates depend on it")
    return Result(text, Status.WARN, hint, facts)


def _no_time(host: str) -> Words:
    return words("{host} does not return its time", host=public.host(host))


def _address(host: str, port: int) -> Words:
    return words("{host}:{port}", host=public.host(host), port=port)


def _end_of(certificate: Mapping[str, Any]) -> str | None:
    """Return the end of a certificate's validity."""
    end = certificate.get("notAfter")
    return None if end is None else public.date(end)


def _set(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((Harmless(name) for name in names if environ.get(name)), None)
