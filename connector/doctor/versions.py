"""Which versions of everything are at work."""

from __future__ import annotations

import platform
import ssl
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

from . import public
from .findings import Result
from .words import Harmless, Words, joined, words

_PACKAGES = ("boto3", "botocore", "websockets", "rich")


def versions() -> Result:
    system = _system()
    facts = {
        "connector": public.version(version_of("devenv-connector")),
        "python": public.version(platform.python_version()),
        "openssl": public.tls_library(ssl.OPENSSL_VERSION),
        "os": system,
        **{name: _version(name) for name in _PACKAGES},
    }
    texts = [
        words("connector {version}", version=facts["connector"]),
        words("Python {version}", version=facts["python"]),
        words("{openssl}", openssl=facts["openssl"]),
        *(
            words("{package} {version}", package=Harmless(name), version=facts[name])
            for name in _PACKAGES
            if facts[name]
        ),
        system,
    ]
    return Result(joined(", ", texts), facts=dict(facts))


def _version(package: str) -> str | None:
    try:
        return public.version(version_of(package))
    except PackageNotFoundError:
        return None


def _system() -> Words:
    """The operating system, without the name of this machine."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return words(
        "{system} ({kernel} {machine})",
        system=public.distribution(name or platform.system()),
        kernel=public.kernel(platform.release()),
        machine=public.known(platform.machine(), public.MACHINES),
    )
