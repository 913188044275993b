"""Stores and bundles of CA certificates, and servers that some of them vouch for.

``ssl.create_default_context`` is the yardstick: it loads the whole store, and remembers nothing.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import trustme

from connector.errors import TLSFailed
from connector.targets.memory import Memory
from connector.transport.trust import Trust
from tests.aws.peers import TlsPeer

#: Text of a bundle outside certificates. A small bundle is loaded whole at once.
PADDING = "# words on the certificates\n" * 700
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
needs_a_file = pytest.mark.skipif(sys.platform == "win32", reason="the store is no file")


@cache
def _hash(certificate: str) -> str:
    """Return the hash of the subject, which OpenSSL looks up."""
    command = ["openssl", "x509", "-noout", "-hash"]
    done = subprocess.run(command, input=certificate.encode(), stdout=-1, check=True)
    return done.stdout.decode().strip()


class Store:
    """A store of the system: a file and a directory, and what is remembered of them."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = root / "store.pem"
        self.directory = root / "hashed"
        self.directory.mkdir()
        self.memory = Memory(root / "cache" / "anchors.json", "the system's store")
        monkeypatch.setenv("SSL_CERT_FILE", str(self.file))
        monkeypatch.setenv("SSL_CERT_DIR", str(self.directory))
        self.write()

    def write(self, *certificates: str) -> None:
        self.file.write_text(PADDING + "".join(certificates))

    def add_to_directory(self, certificate: str) -> Path:
        """Write a certificate under the name by which OpenSSL looks it up."""
        path = self.directory / f"{_hash(certificate)}.0"
        path.write_text(certificate)
        return path

    def connect(self, peer: TlsPeer) -> int:
        """Connect as a new process would. Return the number of certificates that were loaded."""
        return connect(Trust(None, self.memory), peer)


def connect(trust: Trust, peer: TlsPeer) -> int:
    sock = trust.connect("localhost", peer.port, 5)
    with contextlib.closing(sock):
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.context.verify_mode is ssl.CERT_REQUIRED
        assert sock.context.check_hostname
        return sock.context.cert_store_stats()["x509_ca"]


def whole_store_trusts(peer: TlsPeer, bundle: Path | None = None) -> bool:
    context = ssl.create_default_context(cafile=bundle)
    with socket.create_connection(("localhost", peer.port)) as sock:
        try:
            context.wrap_socket(sock, server_hostname="localhost").close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def make_peer(directory: Path, name: str = "localhost") -> TlsPeer:
    directory.mkdir()
    return TlsPeer(directory, name)


def ca_of(peer: TlsPeer) -> str:
    return peer.ca_file.read_text()


def some_ca() -> str:
    return trustme.CA().cert_pem.bytes().decode()


def refused(connects: Callable[[], object]) -> str:
    with pytest.raises(TLSFailed) as caught:
        connects()
    assert caught.value.of_certificate
    return str(caught.value)


class Bundle:
    """A file that a setting names: its certificates replace all others."""

    def __init__(self, root: Path) -> None:
        self.path = root / "bundle.pem"
        self.cache = root / "bundle" / "anchors.json"
        self.memory = Memory(self.cache, str(self.path))

    def write(self, *certificates: str) -> None:
        self.path.write_text(PADDING + "".join(certificates))

    def connect(self, peer: TlsPeer) -> int:
        return connect(Trust(str(self.path), self.memory), peer)

    def forge(self, *anchors: object) -> None:
        """Remember these certificates of the file as it is now."""
        known = self.memory.recall()
        assert isinstance(known, dict)
        self.memory.note({**known, "anchors": list(anchors)})
