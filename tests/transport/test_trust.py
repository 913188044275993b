"""Which servers are trusted, by real TLS: exactly those that the whole store trusts."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.aws.peers import TlsPeer

from .trusting import (
    Bundle,
    Store,
    ca_of,
    make_peer,
    needs_a_file,
    needs_openssl,
    refused,
    some_ca,
    whole_store_trusts,
)

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
        for _ in range(15):
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
