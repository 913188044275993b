"""Which CA certificates to trust: AWS's settings, OpenSSL's, or the system's store."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping

from ..errors import ConfigError
from ..files import FileProblem, read_text
from .profile import Profile


def ca_bundle(environ: Mapping[str, str], profile: Profile) -> str | None:
    """Return the path of the CA certificates (PEM) to trust, or None for the system's store.

    :raises ConfigError: when a setting names a file that cannot be read or has no certificate.
    """
    named = named_ca_bundle(environ, profile)
    if named:
        _check_bundle(*named)
        return named[1]
    return None if _system_has_certificates() else _botocore_bundle()


def named_ca_bundle(environ: Mapping[str, str], profile: Profile) -> tuple[str, str] | None:
    """Return the setting that names a CA bundle, and the bundle's path; None without one.

    The order is botocore's: AWS_CA_BUNDLE, the profile's ``ca_bundle``, REQUESTS_CA_BUNDLE.
    SSL_CERT_FILE, which OpenSSL and most other programs read, comes last.
    """
    candidates = (
        ("AWS_CA_BUNDLE", environ.get("AWS_CA_BUNDLE")),
        (f"ca_bundle in {profile.shown_file}", (profile.values or {}).get("ca_bundle")),
        ("REQUESTS_CA_BUNDLE", environ.get("REQUESTS_CA_BUNDLE")),
        ("SSL_CERT_FILE", environ.get("SSL_CERT_FILE")),
    )
    return next(((origin, path) for origin, path in candidates if path), None)


def _system_has_certificates() -> bool:
    """Return whether OpenSSL finds CA certificates. python.org's Python on macOS has none."""
    import ssl

    paths = ssl.get_default_verify_paths()
    return sys.platform == "win32" or paths.cafile is not None or paths.capath is not None


def _botocore_bundle() -> str | None:
    """Return the path of botocore's CA certificates without importing botocore."""
    import importlib.util

    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.origin:
        return None
    return os.path.join(os.path.dirname(spec.origin), "cacert.pem")


def _check_bundle(origin: str, path: str) -> None:
    # Loading the certificates takes 25 ms, and the TLS context does it anyway.
    try:
        # OpenSSL reads the file a second time, and would block on a pipe for ever.
        text = "" if _is_pipe(path) else read_text(path)
    except FileNotFoundError:
        problem = "does not exist"
    except FileProblem as found:
        problem = str(found)
    else:
        if "-----BEGIN CERTIFICATE-----" in text or "-----BEGIN TRUSTED CERTIFICATE-----" in text:
            return
        problem = "has no PEM certificate"
    raise ConfigError(
        f"The CA bundle {path}, named by {origin}, {problem}",
        "Name a file of CA certificates in PEM format",
    )


def _is_pipe(path: str) -> bool:
    return os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)
