"""From a stream address to a connected socket: DNS, TCP, proxy, TLS.

Everything here blocks, within a deadline, and runs in a thread of its own. Each step has
its own error, so that the one line that the user reads names the step that failed.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ..errors import ConfigError, ConnectFailed, ProxyFailed, TLSFailed
from .address import StreamAddress

#: Bytes of a proxy's answer to CONNECT before it is no answer.
_MAX_PROXY_ANSWER = 64 * 1024


@dataclass(frozen=True)
class HttpProxy:
    host: str
    port: int
    authorization: str = ""

    def __repr__(self) -> str:
        return f"HttpProxy({self.host}:{self.port})"


def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """A context that checks certificate and name, by ``ca_bundle`` or the system's store.

    :raises ConfigError: when the bundle cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except ssl.SSLError:
        raise ConfigError(f"the CA bundle {ca_bundle} holds no certificate") from None
    except OSError as error:
        raise ConfigError(f"the CA bundle {ca_bundle} cannot be read: {error.strerror}") from None


def proxy_for(address: StreamAddress) -> HttpProxy | None:
    """The proxy that ``HTTPS_PROXY`` and ``NO_PROXY`` (or the system) set for this host.

    :raises ProxyFailed: when the setting is no ``http://`` URL.
    """
    # urllib.request costs 25 ms to import: only where there can be a proxy at all.
    if sys.platform not in ("darwin", "win32") and not any(
        name.lower() == "https_proxy" and value for name, value in os.environ.items()
    ):
        return None
    from urllib.request import getproxies, proxy_bypass

    if not address.secure or proxy_bypass(f"{address.host}:{address.port}"):
        return None
    url = getproxies().get("https")
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ProxyFailed("the proxy setting is no URL", "Check HTTPS_PROXY") from None
    if parts.scheme != "http" or not host:
        raise ProxyFailed(
            f"a proxy of the kind {parts.scheme}:// is not supported",
            "Set HTTPS_PROXY to an http:// URL",
        )
    authorization = ""
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = base64.b64encode(login.encode("utf-8", "surrogateescape")).decode()
    return HttpProxy(host, port or 80, authorization)


def dial(address: StreamAddress, context: ssl.SSLContext | None, timeout: float) -> socket.socket:
    """Connect to a gateway, through the proxy if one is set.

    :param context: for ``wss`` addresses.
    :param timeout: seconds for all steps together.
    :returns: a socket in non-blocking mode, encrypted where the address is secure.
    :raises ConnectFailed: DNS or TCP failed, or there was no answer in time.
    :raises ProxyFailed: the proxy could not be reached, or refused.
    :raises TLSFailed: certificate, name or protocol.
    """
    deadline = time.monotonic() + timeout
    proxy = proxy_for(address)
    if proxy:
        try:
            sock = _connect(proxy.host, proxy.port, deadline)
        except ConnectFailed as error:
            raise ProxyFailed(f"the proxy: {error.message}", "Check HTTPS_PROXY") from None
    else:
        sock = _connect(address.host, address.port, deadline)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy:
            _ask_proxy(sock, proxy, address, deadline)
        if context and address.secure:
            sock = _encrypt(sock, address, context, deadline)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectFailed(
            f"the name {host} cannot be resolved ({error.strerror})", "Check the network and DNS"
        ) from None
    except UnicodeError:
        raise ConnectFailed(f"{host[:80]!r} is no host name") from None
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
        raise ConnectFailed(
            f"{host} port {port} does not answer", "Check the network, a VPN or a firewall"
        )
    raise ConnectFailed(f"{host} port {port} cannot be reached: {problem.strerror}")


def _ask_proxy(
    sock: socket.socket, proxy: HttpProxy, address: StreamAddress, deadline: float
) -> None:
    target = f"[{address.host}]" if ":" in address.host else address.host
    target += f":{address.port}"
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.authorization:
        request += f"Proxy-Authorization: Basic {proxy.authorization}\r\n"
    where = f"the proxy {proxy.host}:{proxy.port}"
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
        raise ProxyFailed(f"{where} does not answer") from None
    except OSError as error:
        raise ProxyFailed(f"{where} broke the connection: {error.strerror}") from None
    status = answer.split(b"\r\n", 1)[0].split(b" ", 2)
    code = status[1] if len(status) > 1 and status[0].startswith(b"HTTP/1.") else b""
    if code == b"407":
        raise ProxyFailed(
            f"{where} wants a user name and password",
            "Set HTTPS_PROXY to http://user:password@host:port",
        )
    if not code.startswith(b"2"):
        said = code.decode("ascii", "replace") or "something that is no HTTP"
        raise ProxyFailed(f"{where} refused to connect to {target}: it answered {said}")


def _encrypt(
    sock: socket.socket, address: StreamAddress, context: ssl.SSLContext, deadline: float
) -> socket.socket:
    try:
        sock.settimeout(_remaining(deadline))
        return context.wrap_socket(sock, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        raise TLSFailed(
            f"the certificate of {address.host} is not trusted: {error.verify_message}",
            "Behind a TLS-inspecting proxy, set AWS_CA_BUNDLE to its CA certificate",
        ) from None
    except TimeoutError:
        raise TLSFailed(f"{address.host} does not finish the TLS handshake") from None
    except ssl.SSLError as error:
        raise TLSFailed(f"TLS with {address.host} failed: {error.reason}") from None
    except OSError as error:
        raise TLSFailed(
            f"{address.host} broke the connection in the TLS handshake: {error.strerror}"
        ) from None


def _remaining(deadline: float) -> float:
    """Seconds left, never 0, which would mean "do not block" to a socket."""
    return max(0.001, deadline - time.monotonic())
