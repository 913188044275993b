"""Connecting to a host: DNS, TCP, proxy, TLS.

Both the stream and the API connect this way. Everything here blocks, within a deadline, and
runs in a thread of its own. Each step has its own error, so that the user reads which one
failed.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import sys
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import (
    NETWORK_HINT,
    ConnectFailed,
    ProxyFailed,
    ProxyUnreachable,
    TLSFailed,
)
from ..fast.records import NamedTuple

#: Bytes of a proxy's answer to CONNECT, at most.
_MAX_PROXY_ANSWER = 64 * 1024


class HttpProxy(NamedTuple):
    """An HTTP proxy.

    :param authorization: user and password in Base64; ``repr`` and ``str`` leave it out.
    """

    host: str
    port: int
    authorization: str = ""

    def __repr__(self) -> str:
        return f"the proxy http://{self.host}:{self.port}"


def proxy_variable() -> str | None:
    """Return the name of the variable that sets the proxy; ``None`` if no variable does.

    The name in lower case has precedence. If it is set to nothing, no variable sets a proxy.
    """
    name = _variable("https_proxy")
    return name if name and os.environ[name] else None


def proxy_for(host: str, port: int) -> HttpProxy | None:
    """Return the proxy for this host, from ``HTTPS_PROXY`` or the system's settings.

    The API, the stream and ``doctor`` all use it. ``NO_PROXY`` excepts hosts from
    ``HTTPS_PROXY``: see :mod:`.noproxy`.

    :raises ProxyFailed: when the setting is not an ``http://`` URL.
    """
    variable = proxy_variable()
    if variable:
        from .noproxy import is_excepted

        url, exceptions = os.environ[variable], _variable("no_proxy")
        if exceptions and is_excepted(os.environ[exceptions], host, port):
            return None
    elif sys.platform in ("darwin", "win32"):
        # This module takes 25 ms to import. On Linux only variables set a proxy.
        from urllib.request import getproxies, proxy_bypass

        if proxy_bypass(f"{host}:{port}"):
            return None
        url = getproxies().get("https", "")
    else:
        url = ""
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        proxy_host, proxy_port = parts.hostname, parts.port
    except ValueError:
        raise ProxyFailed("the proxy setting is not a URL", "Check HTTPS_PROXY") from None
    if parts.scheme != "http" or not proxy_host:
        raise ProxyFailed(
            f"{parts.scheme}:// proxies are not supported",
            "Set HTTPS_PROXY to an http:// URL",
        )
    authorization = ""
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = base64.b64encode(login.encode("utf-8", "surrogateescape")).decode()
    return HttpProxy(proxy_host, proxy_port or 80, authorization)


def _variable(name: str) -> str | None:
    """Return the variable that is set under this name: in lower case, or else in any case."""
    if name in os.environ:
        return name
    return next((other for other in os.environ if other.lower() == name), None)


class Candidate(NamedTuple):
    """An address of a host, as ``socket.getaddrinfo`` gives it."""

    family: int
    kind: int
    protocol: int
    canonical_name: str
    target: Any


class Route:
    """The steps to a host, one method each; :func:`dial` takes them all.

    :param proxy: the proxy to go through, see :func:`proxy_for`.
    """

    def __init__(self, host: str, port: int, proxy: HttpProxy | None) -> None:
        self.host = host
        self.port = port
        self.proxy = proxy

    def resolve(self) -> list[Candidate]:
        """Return the addresses of the host, or of the proxy, which resolves the host itself.

        A resolver knows no deadline.

        :raises ConnectFailed: when the host's name is unknown.
        :raises ProxyUnreachable: when the proxy's name is unknown.
        """
        proxy = self.proxy
        if proxy:
            hint = _proxy_hint(self.host)
            return _resolve(proxy.host, proxy.port, str(proxy), ProxyUnreachable, hint)
        return _resolve(self.host, self.port, self._label, ConnectFailed, NETWORK_HINT)

    def connect(self, candidates: list[Candidate], deadline: float) -> socket.socket:
        """Return a TCP connection to the host, through the proxy if there is one.

        :param candidates: the addresses from :meth:`resolve`.
        :param deadline: a time of the monotonic clock.
        :raises ConnectFailed: when the host does not accept a connection in time.
        :raises ProxyFailed: when the proxy refuses, or (``ProxyUnreachable``) is not reached.
        """
        proxy = self.proxy
        if proxy:
            hint = _proxy_hint(self.host)
            sock = _connect(candidates, deadline, str(proxy), ProxyUnreachable, hint)
        else:
            sock = _connect(candidates, deadline, self._label, ConnectFailed, NETWORK_HINT)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy:
                _ask_proxy(sock, proxy, self.host, self.port, deadline)
        except BaseException:
            sock.close()
            raise
        return sock

    def encrypt(
        self, sock: socket.socket, context: ssl.SSLContext, deadline: float
    ) -> ssl.SSLSocket:
        """Return TLS over a connection from :meth:`connect`.

        :raises TLSFailed: when certificate, name or protocol do not fit.
        :raises ConnectFailed: when the host falls silent or closes the connection.
        """
        return _encrypt(sock, self.host, context, deadline)

    @property
    def _label(self) -> str:
        return f"the host {self.host}:{self.port}"


def dial(host: str, port: int, context: ssl.SSLContext | None, timeout: float) -> socket.socket:
    """Return a connected socket in non-blocking mode.

    :param context: for TLS, through the proxy if one is set. ``None`` for plain TCP, which is
        for this machine only.
    :param timeout: seconds for all steps together.
    :raises ConnectFailed: when DNS or TCP fails, or the host does not answer in time.
    :raises ProxyFailed: when the proxy refuses, or (:class:`ProxyUnreachable`) is not reached.
    :raises TLSFailed: when certificate, name or protocol do not fit.
    """
    deadline = time.monotonic() + timeout
    route = Route(host, port, proxy_for(host, port) if context else None)
    sock = route.connect(route.resolve(), deadline)
    try:
        if context:
            sock = route.encrypt(sock, context, deadline)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _resolve(
    host: str, port: int, label: str, failure: type[ConnectFailed], hint: str
) -> list[Candidate]:
    """Return the addresses of a host, which an error calls ``label``."""
    try:
        found = socket.getaddrinfo(_name(host), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise failure(
            f"{label} cannot be reached (its name cannot be resolved: {error.strerror})", hint
        ) from None
    except UnicodeError:
        raise failure(f"{host[:80]!r} is not a host name", hint) from None
    return [Candidate(*candidate) for candidate in found]


def _connect(
    candidates: list[Candidate],
    deadline: float,
    label: str,
    failure: type[ConnectFailed],
    hint: str,
) -> socket.socket:
    """Return a connection to the first address that accepts one; an error says ``label``."""
    problem: OSError = TimeoutError()
    for index, (family, kind, protocol, _, target) in enumerate(candidates):
        # A dead address must not use up the time of the ones behind it.
        share = _remaining(deadline) / (len(candidates) - index)
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)  # a kernel may lack IPv6
            sock.settimeout(share)
            sock.connect(target)
        except OSError as error:
            problem = error
            if sock:
                sock.close()
        else:
            return sock
    if isinstance(problem, TimeoutError):
        raise failure(f"{label} does not accept a connection in time", hint)
    raise failure(f"{label} cannot be reached ({problem.strerror})", hint)


def _ask_proxy(
    sock: socket.socket, proxy: HttpProxy, host: str, port: int, deadline: float
) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.authorization:
        request += f"Proxy-Authorization: Basic {proxy.authorization}\r\n"
    answer = b""
    try:
        sock.settimeout(_remaining(deadline))
        sock.sendall(f"{request}\r\n".encode("ascii"))
        while b"\r\n\r\n" not in answer and len(answer) < _MAX_PROXY_ANSWER:
            sock.settimeout(_remaining(deadline))
            # Take no byte beyond the answer: it belongs to TLS.
            peeked = sock.recv(4096, socket.MSG_PEEK)
            if not peeked:
                break
            end = (answer + peeked).find(b"\r\n\r\n")
            take = len(peeked) if end < 0 else end + 4 - len(answer)
            answer += sock.recv(take)
    except TimeoutError:
        raise ProxyFailed(f"{proxy} does not answer", _proxy_hint(host)) from None
    except OSError as error:
        raise ProxyFailed(
            f"{proxy} broke the connection ({error.strerror})", _proxy_hint(host)
        ) from None
    version, _, said = answer.split(b"\r\n", 1)[0].partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ProxyFailed(f"{proxy} does not answer in HTTP", _proxy_hint(host))
    if not said.startswith(b"2"):
        hint = _proxy_hint(host)
        if said.startswith(b"407"):
            schemes = _schemes(answer)
            if schemes and "basic" not in map(str.lower, schemes):
                raise ProxyFailed(
                    f"{proxy} requires a login by {' or '.join(schemes)}, which is not supported",
                    "Set HTTPS_PROXY to a local proxy that logs in there, such as px or cntlm",
                )
            hint = "Put the proxy's user name and password into HTTPS_PROXY"
        shown = " ".join(said[:100].decode("ascii", "replace").split())
        raise ProxyFailed(f"{proxy} refuses to connect to {host} ({shown})", hint)


def _schemes(answer: bytes) -> list[str]:
    """Return the login schemes that a proxy offers (RFC 9110, section 11.7.1).

    Proxies send one header for each scheme; further schemes in one header are ignored.
    """
    found = []
    for line in answer.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"proxy-authenticate":
            words = value.decode("latin-1").replace(",", " ").split()
            if "basic" in map(str.lower, words):
                return ["Basic"]
            found += [word for word in words[:1] if word.isascii() and word.isalnum()]
    return list(dict.fromkeys(found))[:4]


def _proxy_hint(host: str) -> str:
    return f"Check HTTPS_PROXY, or name {host} in NO_PROXY"


def _encrypt(
    sock: socket.socket, host: str, context: ssl.SSLContext, deadline: float
) -> ssl.SSLSocket:
    try:
        sock.settimeout(_remaining(deadline))
        return context.wrap_socket(sock, server_hostname=_name(host))
    except ssl.SSLCertVerificationError as error:
        raise TLSFailed.certificate(host, error.verify_code, error.verify_message) from None
    except TimeoutError:
        raise ConnectFailed(f"{host} does not complete the TLS handshake", NETWORK_HINT) from None
    except ssl.SSLError as error:
        raise TLSFailed.handshake(host, error.reason) from None
    except OSError as error:
        raise ConnectFailed(
            f"{host} broke the connection in the TLS handshake ({error.strerror})", NETWORK_HINT
        ) from None


def _name(host: str) -> str | bytes:
    """Return a name that Python accepts without IDNA, whose tables take 2 ms to import."""
    return host.encode() if host.isascii() else host


def _remaining(deadline: float) -> float:
    """Return the seconds left; never 0, which would mean "do not block" to a socket."""
    return max(0.001, deadline - time.monotonic())
