"""The certificates that a user's process trusts: the system's whole store, and the emulator's CA.

A file of one certificate would hide what a user pays for: the store of a system has some 150
certificates, and OpenSSL takes 0.15 ms to load each.
"""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_END = "-----END CERTIFICATE-----\n"

#: Variables that name other certificates. A user who set none of them has the system's store.
VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Store:
    """The same certificates in both of OpenSSL's ways.

    :ivar bundle: one file of all certificates.
    :ivar directory: a file for each certificate, which OpenSSL finds by the hash of its name.
    """

    bundle: Path
    directory: Path

    @property
    def system(self) -> Mapping[str, str]:
        """The variables of a user without settings of their own.

        OpenSSL's default file is loaded as ever; the directory, which has the emulator's CA too,
        stands for OpenSSL's default one.
        """
        return {"SSL_CERT_DIR": str(self.directory)}

    @property
    def named(self) -> Mapping[str, str]:
        """The variables of a user who names the file, as botocore needs it."""
        return {"AWS_CA_BUNDLE": str(self.bundle)}


def make_store(directory: Path, ca_file: Path) -> Store:
    """Write the system's certificates and this CA to a directory.

    :raises RuntimeError: when the system has no certificates, or no OpenSSL to hash their names.
    """
    system = _system_bundle()
    store = Store(directory / "bundle.pem", directory / "hashed")
    text = system.read_text(encoding="utf-8") + "\n" + ca_file.read_text(encoding="ascii")
    store.bundle.write_text(text, encoding="utf-8")
    store.directory.mkdir()
    for number, certificate in enumerate(text.split(_END)[:-1]):
        (store.directory / f"{number}.pem").write_text(certificate + _END, encoding="utf-8")
    try:
        subprocess.run(["openssl", "rehash", store.directory], check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"`openssl rehash` failed: {error}") from None
    return store


def _system_bundle() -> Path:
    """Return the system's file of certificates, or else botocore's, which has as many."""
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    if system.exists():
        return system
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise RuntimeError("this machine has no file of CA certificates")
    return Path(spec.origin).with_name("cacert.pem")
