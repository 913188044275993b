"""Servers with TLS, and the CA certificates of the machine and of a user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.peers import TlsPeer

from .trusting import Bundle, Store, make_peer


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


@pytest.fixture
def bundle(tmp_path: Path, store: Store) -> Bundle:
    return Bundle(tmp_path)
