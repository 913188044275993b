"""Which versions of everything are at work."""

from __future__ import annotations

import platform
import ssl
from importlib.metadata import PackageNotFoundError, version

from .findings import Result

_PACKAGES = ("boto3", "botocore", "websockets", "rich")


def versions() -> Result:
    facts = {
        "connector": version("devenv-connector"),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "os": _system(),
        **{name: _version(name) for name in _PACKAGES},
    }
    words = [
        f"connector {facts['connector']}",
        f"Python {facts['python']}",
        facts["openssl"] or "",
        *(f"{name} {facts[name]}" for name in _PACKAGES if facts[name]),
        facts["os"] or "",
    ]
    return Result(", ".join(words), facts=dict(facts))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _system() -> str:
    """The operating system, without the name of this machine."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return f"{name or platform.system()} ({platform.release()} {platform.machine()})"
