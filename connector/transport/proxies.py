"""HTTP proxies: which one leads to a host, and how to ask it for the connection.

Few connections need a proxy, so :mod:`.dial` imports this module only when a setting names one.
"""

from __future__ import annotations

import _socket
import base64
import os
import sys
from urllib.parse import unquote, urlsplit

from ..errors import ProxyFailed
from ..fast.records import NamedTuple
from .dial import proxy_hint, proxy_variable, remaining, variable_of

#: Bytes of a proxy's answer to CONNECT, at most.
_MAX_PROXY_ANSWER = 64 * 1024

#: The separators of entries: curl accepts blanks besides commas, Windows writes semicolons.
_SEPARATORS = str.maketrans(",;", "  ")

#: The first 12 bytes of an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2).
_MAPPED = bytes(10) + b"\xff\xff"


class HttpProxy(NamedTuple):
    """An HTTP proxy.

    :param authorization: user and password in Base64; ``repr`` and ``str`` leave it out.
    """

    host: str
    port: int
    authorization: str = ""

    def __repr__(self) -> str:
        return f"the proxy http://{self.host}:{self.port}"


def find_proxy(host: str, port: int) -> HttpProxy | None:
    """Return the proxy for this host; see :func:`.dial.proxy_for`.

    :raises ProxyFailed: when the setting is not an ``http://`` URL.
    """
    variable = proxy_variable()
    if variable:
        url, exceptions = os.environ[variable], variable_of("no_proxy")
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


def is_excepted(no_proxy: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY matches the host. A malformed entry matches none.

    There is no standard. This function reads the forms of curl (its manual, "NO_PROXY") and of Go
    (``golang.org/x/net/http/httpproxy``). Where they differ, the wider reading counts. Users find
    the rule in docs/proxies-and-cas.md.

    :param no_proxy: the value of ``NO_PROXY``.
    :param host: a name or an address; IPv6 with or without brackets.
    """
    name = _bare(host.lower()).partition("%")[0].rstrip(".")
    address = _address(name)
    return any(
        _matches(entry, name, address, port)
        for entry in no_proxy.lower().translate(_SEPARATORS).split()
    )


def _matches(entry: str, name: str, address: bytes | None, port: int) -> bool:
    if entry == "*":
        return True
    _scheme, is_url, rest = entry.partition("://")
    if is_url:
        entry = rest.partition("/")[0]
    network, is_network, length = entry.partition("/")
    if is_network:
        return _contains(_address(_bare(network)), length, address)
    if _address(entry) is None:  # the colons of a bare IPv6 address begin no port
        before, colon, number = entry.rpartition(":")
        if colon and not entry.endswith("]"):
            if not number.isdecimal() or number.lstrip("0") != str(port):
                return False
            entry = before
    if address is not None:
        return _address(_bare(entry).rstrip(".")) == address
    domain = entry.removeprefix("*.").strip(".")
    return bool(domain) and (name == domain or name.endswith(f".{domain}"))


def _contains(network: bytes | None, length: str, address: bytes | None) -> bool:
    """Return whether an address lies in a network of this prefix length."""
    if network is None or address is None or len(network) != len(address):
        return False
    if not length.isdecimal() or len(length) > 3 or int(length) > 8 * len(network):
        return False
    shift = 8 * len(network) - int(length)
    return int.from_bytes(network, "big") >> shift == int.from_bytes(address, "big") >> shift


def _bare(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _address(text: str) -> bytes | None:
    """Return the 4 or 16 bytes of an address; ``None`` for a name.

    Python's ``ipaddress`` would do as well, but takes 3 ms to import.
    """
    family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
    try:
        packed = _socket.inet_pton(family, text)
    except (OSError, ValueError):  # ValueError: a NUL or non-ASCII
        return None
    return packed[12:] if packed.startswith(_MAPPED) and len(packed) == 16 else packed


def ask_proxy(
    sock: _socket.socket, proxy: HttpProxy, host: str, port: int, deadline: float
) -> None:
    """Have the proxy connect to a host.

    :param sock: a connection to the proxy.
    :param deadline: a time of the monotonic clock.
    :raises ProxyFailed: when the proxy refuses, or does not answer in time.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.authorization:
        request += f"Proxy-Authorization: Basic {proxy.authorization}\r\n"
    answer = b""
    try:
        sock.settimeout(remaining(deadline))
        sock.sendall(f"{request}\r\n".encode("ascii"))
        while b"\r\n\r\n" not in answer and len(answer) < _MAX_PROXY_ANSWER:
            sock.settimeout(remaining(deadline))
            # Take no byte beyond the answer: it belongs to TLS.
            peeked = sock.recv(4096, _socket.MSG_PEEK)
            if not peeked:
                break
            end = (answer + peeked).find(b"\r\n\r\n")
            take = len(peeked) if end < 0 else end + 4 - len(answer)
            answer += sock.recv(take)
    except TimeoutError:
        raise ProxyFailed(f"{proxy} does not answer", proxy_hint(host)) from None
    except OSError as error:
        raise ProxyFailed(
            f"{proxy} broke the connection ({error.strerror})", proxy_hint(host)
        ) from None
    version, _, said = answer.split(b"\r\n", 1)[0].partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ProxyFailed(f"{proxy} does not answer in HTTP", proxy_hint(host))
    if not said.startswith(b"2"):
        hint = proxy_hint(host)
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
