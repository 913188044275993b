"""DNS, proxy and TLS to one host, step by step: the API's, and the gateway's."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from socket import socket

from ..aws.settings import ca_bundle, endpoint_is_overridden, named_ca_bundle
from ..errors import ConnectorError, ProxyFailed, TLSFailed
from ..transport.dial import Candidate, Route, proxy_for, proxy_variable
from ..transport.dialler import DialSettings, Trust
from .case import Case
from .certificates import is_amazons, issuer_of, peek
from .findings import Facts, Result, Status

#: Seconds for each step, and for a look at a certificate that was refused.
STEP_TIMEOUT = 4.0
PEEK_TIMEOUT = 3.0

#: Proxy settings that only other programs follow.
_OTHER_PROXY_VARIABLES = ("all_proxy", "ALL_PROXY")


def certificates(case: Case) -> Result:
    """The CA certificates that API and gateway are checked against."""
    bundle = case.ca_bundle = ca_bundle(case.environ, case.profile)
    case.settings = DialSettings(
        Trust(bundle),
        endpoint_is_overridden(case.options.endpoint_url, case.environ, case.profile),
    )
    context = case.settings.trust.context
    named = named_ca_bundle(case.environ, case.profile)
    if named:
        case.private.hide("ca-file", named[1])
        source, text = named[0], f"{named[1]}, named by {named[0]}, and no others"
    elif bundle:
        source, text = "botocore", "botocore's, since the system has none"
    else:
        paths = ssl.get_default_verify_paths()
        source, text = "system", f"The system's ({paths.cafile or paths.capath or 'its store'})"
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
        if self._route.proxy:
            case.private.hide_host("proxy", self._route.proxy.host)

    def dns(self) -> Result:
        route = self._route
        if self._problem:
            return Result("The proxy's setting is of no use, see below", Status.SKIP)
        self._candidates = route.resolve()
        addresses = list(dict.fromkeys(str(found.target[0]) for found in self._candidates))
        for address in addresses:
            self._case.private.hide_host("address", address)
        whose = route.proxy.host if route.proxy else route.host
        if addresses == [whose]:
            return Result(
                "Not needed: the host is given by its address",
                facts={"name": None, "addresses": addresses},
            )
        more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
        text = f"{whose} is {addresses[0]}{more}"
        if route.proxy:
            text = f"The proxy {text}; it looks up {route.host} itself"
        return Result(text, facts={"name": whose, "addresses": addresses})

    def proxy(self) -> Result:
        """The connection by TCP, and through the proxy if there is one."""
        if self._problem:
            raise self._problem
        route, environ = self._route, self._case.environ
        self._socket = route.connect(self._candidates, time.monotonic() + STEP_TIMEOUT)
        variable = proxy_variable()
        facts: Facts = {
            "host": route.host,
            "port": route.port,
            "proxy": f"{route.proxy.host}:{route.proxy.port}" if route.proxy else None,
            "variable": variable,
        }
        shown = f"{route.host}:{route.port}"
        if route.proxy:
            of = f", of {variable}" if variable else ", of the system's settings"
            return Result(f"Connected to {shown} through {route.proxy}{of}", facts=facts)
        if variable:
            return Result(
                f"Connected to {shown} directly: NO_PROXY excepts it from {variable}", facts=facts
            )
        other = _set(environ, _OTHER_PROXY_VARIABLES)
        if other:
            text = f"Connected to {shown} directly: {other} is not looked at"
            hint = "If a proxy should be used, name it in HTTPS_PROXY"
            return Result(text, Status.WARN, hint, facts)
        return Result(f"Connected to {shown}, no proxy", facts=facts)

    def tls(self) -> Result:
        route, context = self._route, self._case.settings.trust.context
        sock, self._socket = self._socket, None
        if sock is None:
            raise RuntimeError("there is no connection to encrypt")
        with sock:
            if not self._secure:
                return Result("None, on this machine", Status.SKIP)
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
        issuer = issuer_of(certificate)
        self._hide(issuer)
        facts = {
            "protocol": stream.version(),
            "issuer": issuer,
            "notAfter": certificate.get("notAfter"),
        }
        return Result(f"{stream.version()}, certificate signed by {issuer}", facts=facts)

    def _refused(self, error: ConnectorError) -> Result:
        result = Result.failed(error, {"issuer": None, "notAfter": None})
        certificate = None
        if isinstance(error, TLSFailed):  # and not for one that is silent
            deadline = time.monotonic() + PEEK_TIMEOUT
            certificate = peek(self._route, self._candidates, deadline)
        if certificate is not None:
            issuer = issuer_of(certificate)
            self._hide(issuer)
            result.facts = {"issuer": issuer, "notAfter": certificate.get("notAfter")}
            result.text += f"; what we see is signed by {issuer}"
            if not is_amazons(issuer):
                result.text += ", not by Amazon"
        return result

    def _hide(self, issuer: str) -> None:
        if not is_amazons(issuer):
            self._case.private.hide("issuer", issuer)


def _set(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if environ.get(name)), None)
