"""NO_PROXY: the hosts that are reached without the proxy.

There is no standard. This module reads the forms of curl (its manual, "NO_PROXY") and of Go
(``golang.org/x/net/http/httpproxy``). Where they differ, the wider reading counts. Users find
the rule in docs/proxies-and-cas.md.
"""

from __future__ import annotations

import socket

#: The separators of entries: curl accepts blanks besides commas, Windows writes semicolons.
_SEPARATORS = str.maketrans(",;", "  ")

#: The first 12 bytes of an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2).
_MAPPED = bytes(10) + b"\xff\xff"


def is_excepted(no_proxy: str, host: str, port: int) -> bool:
    """Return whether an entry of this list matches the host. A malformed entry matches none.

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
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):  # ValueError: a NUL or non-ASCII
        return None
    return packed[12:] if packed.startswith(_MAPPED) and len(packed) == 16 else packed
