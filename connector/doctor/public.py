"""Values from outside that a report may show, because they are the same for very many users.

Each function compares a whole value with known values. A value that differs by one character stays
an ordinary string, and a report shows a placeholder for it. A kind of target has further lists for
the values of its service.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from ..transport.address import gateway_region
from .words import Harmless

#: Usual paths and names.
SSH_PATHS = ("/usr/bin/ssh", "/usr/local/bin/ssh", "/opt/homebrew/bin/ssh")
SHELLS = ("/bin/sh", "/bin/bash", "/bin/zsh", "/bin/false", "/usr/sbin/nologin", "/sbin/nologin")
METHODS = ("publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic")
MACHINES = ("x86_64", "aarch64", "arm64", "AMD64", "ARM64")

#: Hosts that are the same for all users, besides gateways.
_HOST = r"localhost|[a-z]+(-fips)?\.global\.api\.aws"
_REGION = (
    r"(us|us-gov|eu|ap|ca|sa|me|af|il|mx|cn)"
    r"-(north|south|east|west|central|northeast|northwest|southeast|southwest)-\d"
)
_API_URL = rf"https://([a-z.]+\.{_REGION}\.amazonaws\.com(\.cn)?|[a-z]+\.global\.api\.aws)"
_VERSION = r"\d+(\.\d+){0,4}((a|b|rc|\.dev|\.post)\d+)?"
_OF_DISTRIBUTION = r"(\s(Debian|Ubuntu)-(\d+|[.+~-]|deb|ubuntu|u|bpo)+)?"
_TLS_LIBRARY = r"(OpenSSL|LibreSSL) \d+\.\d+\.\d+[a-z]?(-fips)?(\s+\d{1,2} [A-Z][a-z]{2} \d{4})?"
_OPENSSH = rf"OpenSSH_(for_Windows_)?\d+\.\d+(\.\d+)?(p\d+)?{_OF_DISTRIBUTION}"
_GREETING = rf"SSH-2\.0-({_OPENSSH}|paramiko_{_VERSION}|dropbear_{_VERSION})"
_ISSUER = r"Amazon, (Amazon (RSA|ECDSA) \d+ M\d+|Amazon Root CA \d|Amazon)"
_DATE = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT"
_DISTRIBUTION = (
    r"(Debian GNU/Linux|Ubuntu|Fedora Linux|Amazon Linux|Alpine Linux|Arch Linux|Rocky Linux"
    r"|AlmaLinux|openSUSE (Leap|Tumbleweed)|Linux|Darwin|Windows)"
    r"( v?\d+(\.\d+){0,3})?( LTS)?( \((bullseye|bookworm|trixie|forky)\))?"
)
_KERNEL = (
    r"\d+(\.\d+){0,3}(-\d+){0,2}(-(generic|amd64|arm64|cloud-amd64|cloud-arm64|aws|azure|gcp"
    r"|microsoft-standard-WSL2))?"
)


def known(value: str, names: Collection[str]) -> str:
    """Return the value, marked as harmless if it is one of these names."""
    return Harmless(value) if value in names else value


def host(name: str) -> str:
    """Return a host name or address, marked as harmless if it is AWS's or this machine's own."""
    try:
        return Harmless(name) if ipaddress.ip_address(name).is_loopback else name
    except ValueError:
        pass
    # The name of a VPC endpoint has an id in front, which is the user's own.
    of_gateway = "" if name.startswith("vpce-") else gateway_region(name)
    if of_gateway and isinstance(region(of_gateway), Harmless):
        return Harmless(name)
    return _matching(_HOST, name)


def region(name: str) -> str:
    """Return the name of an AWS region, marked as harmless if it has the usual form."""
    return _matching(_REGION, name)


def api_url(url: str) -> str:
    """Return the URL of an API, marked as harmless if it is one of AWS's own endpoints."""
    return _matching(_API_URL, url)


def version(text: str) -> str:
    """Return a package's version, marked as harmless if it has no label of a private build."""
    return _matching(_VERSION, text)


def tls_library(text: str) -> str:
    """Return OpenSSL's version text, marked as harmless if it has the usual form."""
    return _matching(_TLS_LIBRARY, text)


def ssh_version(text: str) -> str:
    """Return the output of ``ssh -V``, marked as harmless if it has the usual form."""
    return _matching(rf"{_OPENSSH}(, {_TLS_LIBRARY})?", text)


def greeting(text: str) -> str:
    """Return an SSH server's greeting, marked as harmless if it is a common server's."""
    return _matching(_GREETING, text)


def issuer(text: str) -> str:
    """Return the issuer of a certificate, marked as harmless if it is Amazon."""
    return _matching(_ISSUER, text)


def date(text: str) -> str:
    """Return a date of ``ssl.SSLSocket.getpeercert``, marked as harmless."""
    return _matching(_DATE, text)


def distribution(name: str) -> str:
    """Return the name of an operating system, marked as harmless if it is a common one."""
    return _matching(_DISTRIBUTION, name)


def kernel(release: str) -> str:
    """Return a kernel's release, marked as harmless if it has no label of a private build."""
    return _matching(_KERNEL, release)


def _matching(pattern: str, text: str) -> str:
    return Harmless(text) if re.fullmatch(pattern, text, re.ASCII) else text
