"""Which servers are trusted, by real TLS: exactly those that the whole store trusts.

``ssl.create_default_context`` is the yardstick: it loads the whole store, and remembers nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.errors import ConfigError, TLSFailed
from connector.targets.memory import Memory
from connector.transport.trust import Trust
from tests.aws.peers import TlsPeer

#: Text of a bundle outside certificates. A small bundle is loaded whole at once.
PADDING = "# words on the certificates\n" * 700

PEM_OF_NOTHING = "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
needs_a_file = pytest.mark.skipif(sys.platform == "win32", reason="the store is no file")


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
        command = ["openssl", "x509", "-noout", "-hash"]
        done = subprocess.run(command, input=certificate.encode(), stdout=-1, check=True)
        path = self.directory / f"{done.stdout.decode().strip()}.0"
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


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(tmp_path, monkeypatch)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[TlsPeer]:
    with make_peer(tmp_path / "peer") as made:
        yield made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[TlsPeer]:
    with make_peer(tmp_path / "other") as made:
        yield made


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


pytestmark = needs_a_file


# A directory of certificates.


@needs_openssl
def test_directory_is_used_without_loading_the_file(store: Store, peer: TlsPeer) -> None:
    store.write(*(some_ca() for _ in range(3)))
    store.add_to_directory(ca_of(peer))

    assert store.connect(peer) == 1
    assert peer.connections == 1


@needs_openssl
def test_ca_that_only_the_file_has_is_remembered(store: Store, peer: TlsPeer) -> None:
    store.add_to_directory(some_ca())
    store.write(some_ca(), ca_of(peer), some_ca())

    assert store.connect(peer) == 3
    assert peer.connections == 2  # the directory was tried first
    assert store.connect(peer) == 1
    assert peer.connections == 3


@needs_openssl
def test_ca_removed_from_the_directory_is_not_trusted(store: Store, peer: TlsPeer) -> None:
    store.add_to_directory(some_ca())
    path = store.add_to_directory(ca_of(peer))
    store.connect(peer)
    path.unlink()

    assert "unknown CA" in refused(lambda: store.connect(peer))


@needs_openssl
def test_ca_removed_from_the_file_is_not_trusted(store: Store, peer: TlsPeer) -> None:
    store.add_to_directory(some_ca())
    store.write(some_ca(), ca_of(peer))
    store.connect(peer)
    store.write(some_ca())

    assert "unknown CA" in refused(lambda: store.connect(peer))


@needs_openssl
@pytest.mark.parametrize("damage", ["garbage", "dangling", "other", "directory", "empty"])
def test_damaged_directory_leaves_the_file(
    store: Store, peer: TlsPeer, damage: str, tmp_path: Path
) -> None:
    path = store.add_to_directory(ca_of(peer))
    path.unlink()
    if damage == "dangling":
        path.symlink_to(tmp_path / "missing.pem")
    elif damage == "directory":
        path.mkdir()
    else:
        text = {"garbage": "-----BEGIN CERTIFICATE-----\n!", "other": some_ca(), "empty": ""}
        path.write_text(text[damage])
    store.write(ca_of(peer))

    store.connect(peer)
    store.connect(peer)


@needs_openssl
def test_directory_without_hashed_names_is_not_tried(store: Store, peer: TlsPeer) -> None:
    (store.directory / "company.pem").write_text(ca_of(peer))
    store.write(ca_of(peer))

    store.connect(peer)

    assert peer.connections == 1


@needs_openssl
def test_several_directories_of_the_variable_are_used(
    store: Store, peer: TlsPeer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store.add_to_directory(ca_of(peer))
    both = os.pathsep.join((str(tmp_path / "missing"), str(store.directory)))
    monkeypatch.setenv("SSL_CERT_DIR", both)

    store.connect(peer)


@needs_openssl
def test_distrust_in_the_file_holds_for_the_directory(store: Store, peer: TlsPeer) -> None:
    command = ["openssl", "x509", "-trustout", "-addreject", "serverAuth"]
    done = subprocess.run(command, input=ca_of(peer).encode(), stdout=-1, check=True)
    assert b"BEGIN TRUSTED CERTIFICATE" in done.stdout
    store.write(done.stdout.decode())
    store.add_to_directory(ca_of(peer))

    assert not whole_store_trusts(peer)
    refused(lambda: store.connect(peer))


@needs_openssl
def test_missing_file_leaves_the_directory(store: Store, peer: TlsPeer) -> None:
    store.file.unlink()
    store.add_to_directory(ca_of(peer))

    store.connect(peer)

    assert peer.connections == 1


# A file of certificates.


@pytest.fixture
def bundle(tmp_path: Path, store: Store) -> Bundle:
    return Bundle(tmp_path)


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


def test_bundle_is_loaded_whole_once(bundle: Bundle, peer: TlsPeer) -> None:
    bundle.write(some_ca(), ca_of(peer), some_ca())

    assert bundle.connect(peer) == 3
    assert bundle.connect(peer) == 1
    assert peer.connections == 2


def test_bundle_of_several_servers_remembers_the_cas_of_all(
    bundle: Bundle, peer: TlsPeer, other: TlsPeer
) -> None:
    bundle.write(some_ca(), ca_of(peer), ca_of(other))

    bundle.connect(peer)
    bundle.connect(other)

    assert bundle.connect(peer) == 2
    assert bundle.connect(other) == 2
    assert other.connections == 3  # the first found that another CA was remembered


def test_two_connections_at_once_remember_the_cas_of_both(
    bundle: Bundle, peer: TlsPeer, other: TlsPeer
) -> None:
    bundle.write(some_ca(), ca_of(peer), ca_of(other))
    trust = Trust(str(bundle.path), bundle.memory)

    with ThreadPoolExecutor(6) as pool:  # as the API and the gateway are dialled
        loaded = list(pool.map(functools.partial(connect, trust), 3 * [peer, other]))

    assert loaded == 6 * [3]
    assert bundle.connect(peer) == 2
    assert bundle.connect(other) == 2
    assert peer.connections == other.connections == 4


def test_ca_removed_from_the_bundle_is_not_trusted(bundle: Bundle, peer: TlsPeer) -> None:
    bundle.write(some_ca(), ca_of(peer))
    bundle.connect(peer)
    bundle.write(some_ca())

    assert "unknown CA" in refused(lambda: bundle.connect(peer))


def test_changed_bundle_is_loaded_whole_again(bundle: Bundle, peer: TlsPeer) -> None:
    bundle.write(some_ca(), ca_of(peer))
    bundle.connect(peer)
    bundle.write(some_ca(), ca_of(peer), some_ca())

    assert bundle.connect(peer) == 3
    assert bundle.connect(peer) == 1


def test_damaged_bundle_is_reported_though_it_is_remembered(bundle: Bundle, peer: TlsPeer) -> None:
    bundle.write(ca_of(peer))
    bundle.connect(peer)
    bundle.write(ca_of(peer), "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")

    with pytest.raises(ConfigError, match="no certificate"):
        bundle.connect(peer)


def test_missing_bundle_is_reported_though_it_is_remembered(bundle: Bundle, peer: TlsPeer) -> None:
    bundle.write(ca_of(peer))
    bundle.connect(peer)
    bundle.path.unlink()

    with pytest.raises(ConfigError, match="No such file"):
        bundle.connect(peer)


def test_system_store_is_not_used_beside_a_bundle(
    store: Store, bundle: Bundle, peer: TlsPeer
) -> None:
    store.write(ca_of(peer))
    store.connect(peer)
    bundle.write(some_ca())

    refused(lambda: bundle.connect(peer))


def test_remembered_ca_that_the_bundle_lacks_is_not_trusted(
    bundle: Bundle, peer: TlsPeer, other: TlsPeer
) -> None:
    bundle.write(some_ca(), ca_of(peer))
    bundle.connect(peer)
    bundle.forge(ca_of(other).rstrip())

    refused(lambda: bundle.connect(other))
    bundle.connect(peer)


@pytest.mark.parametrize("comment", ["# ", "#", " ", "//"])
@pytest.mark.parametrize("whole", [True, False], ids=["all lines", "first line"])
def test_ca_that_is_commented_out_is_not_trusted(
    bundle: Bundle, peer: TlsPeer, other: TlsPeer, comment: str, whole: bool
) -> None:
    lines = ca_of(other).splitlines(keepends=True)
    disabled = comment + comment.join(lines) if whole else comment + "".join(lines)
    bundle.write(ca_of(peer), disabled)
    assert not whole_store_trusts(other, bundle.path)
    bundle.connect(peer)
    bundle.forge(ca_of(other).rstrip())

    refused(lambda: bundle.connect(other))


ODD_ANCHORS: tuple[object, ...] = (
    None,
    7,
    "x",
    {},
    [],
    [None],
    ["\ud800"],
    [["x"]],
    [""],
    [PEM_OF_NOTHING],
)


@pytest.mark.parametrize(
    "value",
    [None, [], 7, "x", {}, {"sha256": 1}, *({"anchors": anchors} for anchors in ODD_ANCHORS)],
    ids=repr,
)
def test_memory_of_another_shape_is_ignored(bundle: Bundle, peer: TlsPeer, value: Any) -> None:
    bundle.write(some_ca(), ca_of(peer))
    bundle.connect(peer)
    known = bundle.memory.recall()
    assert isinstance(known, dict)
    damaged = {**known, **value} if isinstance(value, dict) and "anchors" in value else value
    bundle.cache.write_text(json.dumps({str(bundle.path): damaged}))

    assert bundle.connect(peer) == 2


def test_memory_that_others_can_write_is_no_danger(
    bundle: Bundle, peer: TlsPeer, other: TlsPeer
) -> None:
    bundle.write(ca_of(peer))
    bundle.connect(peer)
    assert bundle.cache.stat().st_mode & 0o077 == 0
    bundle.forge(*[ca_of(other).rstrip()] * 9, ca_of(peer).rstrip())
    bundle.cache.chmod(0o666)

    refused(lambda: bundle.connect(other))


def test_memory_that_cannot_be_written_is_no_error(bundle: Bundle, peer: TlsPeer) -> None:
    bundle.write(some_ca(), ca_of(peer))
    bundle.cache.parent.write_text("a file, no directory")

    assert bundle.connect(peer) == 2
    assert bundle.connect(peer) == 2


def test_bundle_in_other_lines_is_loaded_whole(bundle: Bundle, peer: TlsPeer) -> None:
    bundle.write(some_ca(), ca_of(peer))
    bundle.path.write_bytes(bundle.path.read_bytes().replace(b"\n", b"\r\n"))

    assert [bundle.connect(peer) for _ in range(3)] == [2, 2, 2]
    assert peer.connections == 3


def test_bundle_whose_remembered_cas_do_not_suffice_is_loaded_whole(
    bundle: Bundle, peer: TlsPeer
) -> None:
    root = trustme.CA()
    issuer = root.create_child_ca()
    server = issuer.issue_cert("localhost")
    alone = peer.ca_file.with_name("alone.pem")  # without its issuer, which only the bundle has
    alone.write_bytes(server.private_key_pem.bytes() + server.cert_chain_pems[0].bytes())
    peer.context.load_cert_chain(alone)
    in_other_lines = issuer.cert_pem.bytes().decode().replace("\n", "\r\n")
    bundle.write(root.cert_pem.bytes().decode(), in_other_lines)

    # The second tries what the first remembered: the root. From Python 3.13 on, verification ends
    # at the issuer, so the first finds nothing to remember.
    assert [bundle.connect(peer) for _ in range(2)] == [2, 2]
    before = peer.connections
    assert bundle.connect(peer) == 2
    assert peer.connections == before + 1


def test_refused_server_leaves_the_memory(
    bundle: Bundle, peer: TlsPeer, other: TlsPeer, tmp_path: Path
) -> None:
    bundle.write(some_ca(), ca_of(peer))
    bundle.connect(peer)
    known = bundle.memory.recall()

    refused(lambda: bundle.connect(other))
    with make_peer(tmp_path / "elsewhere", "elsewhere.example") as elsewhere:
        bundle.write(some_ca(), ca_of(elsewhere))
        assert "for another name" in refused(lambda: bundle.connect(elsewhere))
    assert bundle.memory.recall() == known


def test_expired_server_is_refused(bundle: Bundle, peer: TlsPeer, tmp_path: Path) -> None:
    (tmp_path / "expired").mkdir()
    with TlsPeer(tmp_path / "expired", "localhost", expired=True) as expired:
        bundle.write(ca_of(peer), ca_of(expired))
        bundle.connect(peer)
        bundle.forge(ca_of(peer).rstrip(), ca_of(expired).rstrip())

        assert "expired" in refused(lambda: bundle.connect(expired))


def test_expired_ca_is_not_trusted_when_remembered(bundle: Bundle, peer: TlsPeer) -> None:
    old, new = _renewed_ca(peer)
    bundle.write(old, new)
    assert whole_store_trusts(peer, bundle.path)
    bundle.connect(peer)
    bundle.forge(old.rstrip())

    assert bundle.connect(peer) == 2  # the new one verifies

    bundle.write(old)
    assert not whole_store_trusts(peer, bundle.path)
    refused(lambda: bundle.connect(peer))


def _renewed_ca(peer: TlsPeer) -> tuple[str, str]:
    """Give the peer a certificate of a CA that was renewed; return the CA's two certificates."""
    key, of_server = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    name = _named("A renewed CA")
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)

    def certificate(first: int, last: int, subject: x509.Name, *, ca: bool) -> bytes:
        public_key = (key if ca else of_server).public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + first * day)
            .not_valid_after(now + last * day)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False
            )
        )
        if ca:
            usage = [False] * 5 + [True, True, False, False]
            builder = builder.add_extension(x509.KeyUsage(*usage), critical=True)
        else:
            names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    old, new = (certificate(*days, name, ca=True) for days in ((-20, -10), (-10, 10)))
    server = peer.ca_file.with_name("renewed.pem")
    form = serialization.PrivateFormat.PKCS8
    no_password = serialization.NoEncryption()
    server.write_bytes(
        certificate(-10, 10, _named("localhost"), ca=False)
        + of_server.private_bytes(serialization.Encoding.PEM, form, no_password)
    )
    peer.context.load_cert_chain(server)
    return old.decode(), new.decode()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


# Both, in any state.


@needs_openssl
@pytest.mark.parametrize("seed", range(4))
def test_any_store_trusts_the_servers_that_it_trusts_whole(
    store: Store, bundle: Bundle, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    bundle.write(some_ca())
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(make_peer(tmp_path / f"peer{n}")) for n in range(3)]
        outcomes = set()
        for _ in range(25):
            for path in store.directory.iterdir():
                path.unlink()
            for peer in peers:
                if rng.random() < 0.3:
                    store.add_to_directory(ca_of(peer))
            for kind in (store, bundle):
                if rng.random() < 0.7:
                    kind.write(*(ca_of(peer) for peer in peers if rng.random() < 0.5), some_ca())
            for peer in rng.sample(peers, 3):
                for kind in (store, bundle):
                    trusted = whole_store_trusts(peer, bundle.path if kind is bundle else None)
                    outcomes.add((kind, trusted))
                    if trusted:
                        kind.connect(peer)
                    else:
                        refused(functools.partial(kind.connect, peer))
        assert len(outcomes) == 4
