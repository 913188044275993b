"""A temporary CA and a server certificate, because bearer authentication needs TLS."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

HOST_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """The TLS settings of the servers and of their clients.

    :ivar ca_file: the CA that clients trust (PEM): botocore's ``verify=`` or ``AWS_CA_BUNDLE``.
    :ivar server_context: for any number of listeners.
    """

    ca_file: Path
    server_context: ssl.SSLContext


def make_certificates(directory: Path) -> Certificates:
    """Make a CA and a server certificate for :data:`HOST_NAMES`; write ca.pem and server.pem.

    server.pem holds a private key, and only its owner can read it. The CA's own key is never
    written, so no other certificates of this CA can exist.

    :param directory: created if missing; files of an earlier call are replaced.
    :raises OSError: if the directory cannot be written.
    """
    authority = trustme.CA()
    server = authority.issue_cert(*HOST_NAMES)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_file = directory / "ca.pem"
    server_file = directory / "server.pem"
    _write(ca_file, authority.cert_pem.bytes(), 0o644)
    _write(server_file, server.private_key_and_cert_chain_pem.bytes(), 0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server_file)
    return Certificates(ca_file, context)


def _write(path: Path, content: bytes, mode: int) -> None:
    # The file must be new, so that its mode applies from the first byte.
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
