"""From a host and port to a connected socket: DNS, TCP, proxy, TLS.

The stream's way and the API's. Everything here blocks, within a deadline, and runs in a
thread of its own. Each step has its own error, so that the one line that the user reads
names the step that failed.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import sys
import threading
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import (
    NETWORK_HINT,
    ConfigError,
    ConnectFailed,
    ProxyFailed,
    ProxyUnreachable,
    TLSFailed,
)
from ..fast.records import NamedTuple

#: Bytes of a proxy's answer to CONNECT before it is no answer.
_MAX_PROXY_ANSWER = 64 * 1024

_BUNDLE_HINT = "It has to be a file of CA certificates in PEM format"


class HttpProxy(NamedTuple):
    """``authorization``: user and password, in Base64; ``repr`` and ``str`` leave it out."""

    host: str
    port: int
    authorization: str = ""

    def __repr__(self) -> str:
        return f"the proxy http://{self.host}:{self.port}"


class Trust:
    """The CA certificates that the API and the stream are checked against.

    :param ca_bundle: the path of a file of CA certificates; ``None`` for the system's.
    """

    def __init__(self, ca_bundle: str | None = None) -> None:
        self._ca_bundle = ca_bundle
        self._loading = threading.Lock()
        self._context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """The TLS context, which checks certificate and host name.

        API and stream share one, since loading the certificates takes 25 ms.

        :raises ConfigError: when the bundle cannot be read.
        """
        with self._loading:  # two threads dial at once: one the API, one the gateway
            if self._context is None:
                self._context = _load_context(self._ca_bundle)
            return self._context

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Return a TLS connection to any host. Blocks; see :func:`dial` for the errors."""
        return dial(host, port, self.context, timeout)


def _load_context(ca_bundle: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except ssl.SSLError:
        raise ConfigError(f"the CA bundle {ca_bundle} holds no certificate", _BUNDLE_HINT) from None
    except OSError as error:
        raise ConfigError(
            f"the CA bundle {ca_bundle} cannot be read: {error.strerror}", _BUNDLE_HINT
        ) from None


def proxy_variable() -> str | None:
    """Return the name of the variable that sets the proxy, as the user wrote it.

    The name in lower case comes first; if it is there and empty, no variable sets a proxy.
    """
    name = _variable("https_proxy")
    return name if name and os.environ[name] else None


def proxy_for(host: str, port: int) -> HttpProxy | None:
    """Return the proxy to this host, of ``HTTPS_PROXY`` or else of the system's settings.

    It holds for the API, the stream and ``doctor`` alike. :mod:`.noproxy` has the rule for
    ``NO_PROXY``, which excepts hosts from ``HTTPS_PROXY``.

    :raises ProxyFailed: when the setting is no ``http://`` URL.
    """
    variable = proxy_variable()
    if variable:
        from .noproxy import is_excepted

        url, exceptions = os.environ[variable], _variable("no_proxy")
        if exceptions and is_excepted(os.environ[exceptions], host, port):
            return None
    elif sys.platform in ("darwin", "win32"):
        # It takes 25 ms to import. On Linux only variables set a proxy.
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
        raise ProxyFailed("the proxy setting is no URL", "Check HTTPS_PROXY") from None
    if parts.scheme != "http" or not proxy_host:
        raise ProxyFailed(
            f"a proxy of the kind {parts.scheme}:// is not supported",
            "Set HTTPS_PROXY to an http:// URL",
        )
    authorization = ""
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = base64.b64encode(login.encode("utf-8", "surrogateescape")).decode()
    return HttpProxy(proxy_host, proxy_port or 80, authorization)


def _variable(name: str) -> str | None:
    """Return the name of a variable that is set, in lower case or else in any other."""
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
    """The way to a host, for who takes one step at a time; :func:`dial` takes them all.

    :param proxy: through which it leads, see :func:`proxy_for`.
    """

    def __init__(self, host: str, port: int, proxy: HttpProxy | None) -> None:
        self.host = host
        self.port = port
        self.proxy = proxy

    def resolve(self) -> list[Candidate]:
        """The addresses of the host, or of the proxy, which then looks up the host itself.

        It knows no deadline.

        :raises ConnectFailed: when the name is not known; ``ProxyUnreachable`` if it is the
            proxy's.
        """
        proxy = self.proxy
        if proxy:
            hint = _proxy_hint(self.host)
            return _resolve(proxy.host, proxy.port, str(proxy), ProxyUnreachable, hint)
        return _resolve(self.host, self.port, self._whom, ConnectFailed, NETWORK_HINT)

    def connect(self, candidates: list[Candidate], deadline: float) -> socket.socket:
        """A connection to the host, by TCP and through the proxy if there is one.

        :param candidates: what :meth:`resolve` gave.
        :param deadline: by when, on the monotonic clock.
        :raises ConnectFailed: when there is none in time.
        :raises ProxyFailed: when the proxy refuses, or (``ProxyUnreachable``) is not reached.
        """
        proxy = self.proxy
        if proxy:
            hint = _proxy_hint(self.host)
            sock = _connect(candidates, deadline, str(proxy), ProxyUnreachable, hint)
        else:
            sock = _connect(candidates, deadline, self._whom, ConnectFailed, NETWORK_HINT)
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
        """TLS over a connection of :meth:`connect`.

        :raises TLSFailed: certificate, name or protocol.
        :raises ConnectFailed: when the host goes silent or away.
        """
        return _encrypt(sock, self.host, context, deadline)

    @property
    def _whom(self) -> str:
        return f"the host {self.host}:{self.port}"


def dial(host: str, port: int, context: ssl.SSLContext | None, timeout: float) -> socket.socket:
    """Connect to a host; if TLS is asked for, through the proxy if one is set.

    :param context: for TLS; ``None`` for none, which is for this machine only.
    :param timeout: seconds for all steps together.
    :returns: a socket in non-blocking mode.
    :raises ConnectFailed: DNS or TCP failed, or there was no answer in time.
    :raises ProxyFailed: the proxy refused, or (:class:`ProxyUnreachable`) could not be reached.
    :raises TLSFailed: certificate, name or protocol.
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
    host: str, port: int, whom: str, failure: type[ConnectFailed], hint: str
) -> list[Candidate]:
    """:param whom: what the host is called in the error, a ``failure`` with this ``hint``."""
    try:
        found = socket.getaddrinfo(_name(host), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise failure(
            f"{whom} cannot be reached (its name is not known: {error.strerror})", hint
        ) from None
    except UnicodeError:
        raise failure(f"{host[:80]!r} is no host name", hint) from None
    return [Candidate(*candidate) for candidate in found]


def _connect(
    candidates: list[Candidate],
    deadline: float,
    whom: str,
    failure: type[ConnectFailed],
    hint: str,
) -> socket.socket:
    """:param whom: what the host is called in the error, a ``failure`` with this ``hint``."""
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
        raise failure(f"{whom} does not accept a connection in time", hint)
    raise failure(f"{whom} cannot be reached ({problem.strerror})", hint)


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
            # Not one byte beyond the answer may be taken: it belongs to TLS.
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
        raise ProxyFailed(f"{proxy} answers with something that is no HTTP", _proxy_hint(host))
    if not said.startswith(b"2"):
        hint = _proxy_hint(host)
        if said.startswith(b"407"):
            schemes = _schemes(answer)
            if schemes and "basic" not in map(str.lower, schemes):
                raise ProxyFailed(
                    f"{proxy} asks for a login by {' or '.join(schemes)}, which is not supported",
                    "Set HTTPS_PROXY to a proxy of this machine that logs in there, such as px "
                    "or cntlm",
                )
            hint = "Put the proxy's user name and password into HTTPS_PROXY"
        shown = " ".join(said[:100].decode("ascii", "replace").split())
        raise ProxyFailed(f"{proxy} refuses the way to {host} ({shown})", hint)


def _schemes(answer: bytes) -> list[str]:
    """Return the names of the schemes that a proxy takes a login by (RFC 9110, section 11.7.1).

    Each has a header of its own, as all proxies send them; later ones in a list are not looked for.
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
        raise ConnectFailed(f"{host} does not finish the TLS handshake", NETWORK_HINT) from None
    except ssl.SSLError as error:
        raise TLSFailed.handshake(host, error.reason) from None
    except OSError as error:
        raise ConnectFailed(
            f"{host} broke the connection in the TLS handshake ({error.strerror})", NETWORK_HINT
        ) from None


def _name(host: str) -> str | bytes:
    """The name as Python takes it without IDNA, whose tables take 2 ms to import."""
    return host.encode() if host.isascii() else host


def _remaining(deadline: float) -> float:
    """Seconds left, never 0, which would mean "do not block" to a socket."""
    return max(0.001, deadline - time.monotonic())
