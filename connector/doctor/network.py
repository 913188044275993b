"""DNS, proxy and TLS to one host, step by step: the API's, and the gateway's."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from socket import socket
from typing import Any

from ..aws.endpoint import endpoint_is_overridden
from ..aws.trust import ca_bundle, named_ca_bundle
from ..errors import ConnectorError, ProxyFailed, TLSFailed
from ..targets.codecatalyst.api import ENDPOINT
from ..transport.address import StreamSettings
from ..transport.dial import Candidate, Route, Trust, proxy_for, proxy_variable
from . import public
from .case import Case
from .certificates import is_amazons, issuer_of, peek
from .findings import Facts, Result, Status
from .words import Harmless, Words, words

#: Seconds for each step, and for a look at a certificate that was refused.
STEP_TIMEOUT = 4.0
PEEK_TIMEOUT = 3.0

#: Proxy settings that only other programs follow.
_OTHER_PROXY_VARIABLES = ("all_proxy", "ALL_PROXY")

#: The variables of :func:`named_ca_bundle`; a file may name the bundle, too.
_CA_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def certificates(case: Case) -> Result:
    """The CA certificates that API and gateway are checked against."""
    bundle = case.ca_bundle = ca_bundle(case.environ, case.profile)
    case.settings = StreamSettings(
        Trust(bundle),
        endpoint_is_overridden(ENDPOINT, case.options.endpoint_url, case.environ, case.profile),
    )
    context = case.settings.trust.context
    named = named_ca_bundle(case.environ, case.profile)
    if named:
        source = public.known(named[0], _CA_VARIABLES)
        text = words("{file}, named by {source}, and no others", file=named[1], source=source)
    elif bundle:
        source, text = Harmless("botocore"), words("botocore's, since the system has none")
    else:
        paths = ssl.get_default_verify_paths()
        source = Harmless("system")
        file = paths.cafile or paths.capath or words("its store")
        text = words("The system's ({file})", file=file)
    return Result(
        text, facts={"source": source, "file": bundle, "loaded": len(context.get_ca_certs())}
    )


class Way:
    """The steps to one host, each of which needs the one before it.

    :param secure: whether TLS is spoken there, and a proxy asked for it.
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
        route = self._route
        if self._problem:
            return Result(words("The proxy's setting is of no use, see below"), Status.SKIP)
        self._candidates = route.resolve()
        found = dict.fromkeys(str(candidate.target[0]) for candidate in self._candidates)
        addresses = [public.host(address) for address in found]
        whose = public.host(route.proxy.host if route.proxy else route.host)
        if addresses == [whose]:
            return Result(
                words("Not needed: the host is given by its address"),
                facts={"name": None, "addresses": addresses},
            )
        more = words("")
        if len(addresses) > 1:
            more = words(" and {number} more", number=len(addresses) - 1)
        text = words("{host} is {address}{more}", host=whose, address=addresses[0], more=more)
        if route.proxy:
            text = words(
                "The proxy {found}; it looks up {host} itself",
                found=text,
                host=public.host(route.host),
            )
        return Result(text, facts={"name": whose, "addresses": addresses})

    def proxy(self) -> Result:
        """The connection by TCP, and through the proxy if there is one."""
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
                "Connected to {shown} through {proxy}, of {origin}",
                shown=shown,
                proxy=str(route.proxy),
                origin=variable or words("the system's settings"),
            )
            return Result(text, facts=facts)
        if variable:
            text = words(
                "Connected to {shown} directly: NO_PROXY excepts it from {variable}",
                shown=shown,
                variable=variable,
            )
            return Result(text, facts=facts)
        other = _set(environ, _OTHER_PROXY_VARIABLES)
        if other:
            text = words(
                "Connected to {shown} directly: {variable} is not looked at",
                shown=shown,
                variable=other,
            )
            hint = words("If a proxy should be used, name it in HTTPS_PROXY")
            return Result(text, Status.WARN, hint, facts)
        return Result(words("Connected to {shown}, no proxy", shown=shown), facts=facts)

    def tls(self) -> Result:
        route, context = self._route, self._case.settings.trust.context
        sock, self._socket = self._socket, None
        if sock is None:
            raise RuntimeError("there is no connection to encrypt")
        with sock:
            if not self._secure:
                return Result(words("None, on this machine"), Status.SKIP)
            try:
                stream = route.encrypt(sock, context, time.monotonic() + STEP_TIMEOUT)
            except ConnectorError as error:
                return self._refused(error)
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

    def _refused(self, error: ConnectorError) -> Result:
        result = Result.failed(error, {"issuer": None, "notAfter": None})
        certificate = None
        if isinstance(error, TLSFailed):  # and not for one that is silent
            deadline = time.monotonic() + PEEK_TIMEOUT
            certificate = peek(self._route, self._candidates, deadline)
        if certificate is not None:
            issuer = public.issuer(issuer_of(certificate))
            result.facts = {"issuer": issuer, "notAfter": _end_of(certificate)}
            result.text = words(
                "{error}; what we see is signed by {issuer}{whose}",
                error=result.text,
                issuer=issuer,
                whose=words("") if is_amazons(issuer) else words(", not by Amazon"),
            )
        return result


def _address(host: str, port: int) -> Words:
    return words("{host}:{port}", host=public.host(host), port=port)


def _end_of(certificate: Mapping[str, Any]) -> str | None:
    """When a certificate ends."""
    end = certificate.get("notAfter")
    return None if end is None else public.date(end)


def _set(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((Harmless(name) for name in names if environ.get(name)), None)
