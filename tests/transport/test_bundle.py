"""Which servers are trusted where a setting names a file of CA certificates."""

from __future__ import annotations

import datetime
import functools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.errors import ConfigError
from connector.transport.trust import Trust
from tests.aws.peers import TlsPeer

from .trusting import (
    Bundle,
    Store,
    ca_of,
    connect,
    make_peer,
    needs_a_file,
    refused,
    some_ca,
    whole_store_trusts,
)

pytestmark = needs_a_file

PEM_OF_NOTHING = "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"


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
